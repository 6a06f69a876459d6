"""Quantity × price → exact amount with its working. Rounds nothing."""
