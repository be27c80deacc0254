"""Finds attacks: Sigma rules over the stream of entries. Pure but for its engine and its library."""
