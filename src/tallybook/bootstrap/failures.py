"""What keeps the program from starting, told in a sentence with what to do about it."""

from __future__ import annotations


class NotStartedError(RuntimeError):
    """The program cannot start here and now. Shown without a trace."""
