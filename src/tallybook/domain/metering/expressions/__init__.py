"""The language of meters: values and filters over an event's properties.

`parser` reads a text, `check` gives every part its kind, `evaluate` computes it for one event. The
event store computes the same by SQL. The language is a subset of CEL; what each part means is
written in docs/semantics/metering.md.
"""
