"""The program as its users run it."""

from program import tallybook

__all__ = ["tallybook"]
