"""How everything else learns of new entries."""
