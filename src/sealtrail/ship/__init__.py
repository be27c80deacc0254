"""Takes a spool to a collector elsewhere: a process of its own beside the application."""
