"""How an aggregation is computed by the event store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """Rows, and what is made of each group of them.

    `source` is a SELECT whose rows have the keys that usage is grouped by. `parts` are what the
    aggregation makes its quantity from. `event_count` and `checksum` are the evidence. The events
    behind a group are those counted in its span, with `looks_back` also all before it; or, where
    that is too many, those at `positions`, a list for each row of `source`. `tallied` says how the
    parts are made from tallies (`events`, `total`, `low`, `high`), if they can be; where
    corrections have taken events out, only if it `subtracts` them. Then nothing may be left of a
    group: it `may_be_empty`.
    """

    source: str
    parts: tuple[str, ...]
    event_count: str = "count()"
    checksum: str = "sumWithOverflow(content)"
    positions: str = ""
    looks_back: bool = False
    tallied: tuple[str, ...] = ()
    subtracts: bool = True
    may_be_empty: bool = False
