"""Ids for events, made by the caller, so that sending again never counts again."""

from __future__ import annotations

import random
from time import time_ns

_chance = random.Random()  # noqa: S311 - ids have to differ, not to be secret


def new_id() -> str:
    """A UUID of version 7: 48 bits of the time in milliseconds, then 74 bits of chance.

    Ids made later sort later, to the millisecond.
    """
    now = time_ns() // 1_000_000
    chance = _chance.getrandbits(74)
    return "%08x-%04x-7%03x-%04x-%012x" % (  # noqa: UP031 - half the time of an f-string here
        now >> 16,
        now & 0xFFFF,
        chance >> 62,
        0x8000 | (chance >> 48 & 0x3FFF),
        chance & 0xFFFFFFFFFFFF,
    )


def start_anew() -> None:
    """Draw new chance. A forked child would otherwise make the very ids that its parent makes."""
    _chance.seed()
