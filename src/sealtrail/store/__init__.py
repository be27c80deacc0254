"""Indexes of the ledger: rebuildable, not trusted."""
