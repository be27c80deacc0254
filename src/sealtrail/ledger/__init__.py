"""The truth: what was recorded, in order, sealed so that nobody can quietly change it.

One writer a trail (`log`), open reading (`reader`), and a verifier that trusts neither.
"""
