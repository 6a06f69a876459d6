"""The pricing models, a file each: the rule, what it refuses to be, and its arithmetic.

A model is one `Rule` with a tag of its own. `check()` refuses a bad definition with the path of the
field and the mend; `rate(...)` gives the exact amount with its working, under `exactly()`. A new
model is a new file here and a line in the union that it belongs to: `quantity_rule.py` where one
quantity is all it needs, else `price.py`.
"""
