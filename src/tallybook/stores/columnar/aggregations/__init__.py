"""How each aggregation is computed, a file each.

A file has one function from an aggregation and the rows that it counts to a `Plan`; `registered.py`
says which is whose.
"""
