"""The aggregations, a file each: how the values of the counted events become one number.

An aggregation is one `Aggregation` with a tag of its own, that says what it reads of each event,
what it refuses to be, and how the sums that the event store answers make the quantity. A new one is
a new file here with a line in the union of `registered.py`, and one in `stores/columnar`.
"""
