"""Invoice numbers: one series a year for each organization, without a gap."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"INV-(\d{4})-(\d{6,})(-\d+)?")


def invoice_number(year: int, place: int) -> str:
    """The number of the invoice finalized `place`-th in its year, from 1; by the year in UTC.

    >>> invoice_number(2026, 123), invoice_number(2026, 1_234_567)
    ('INV-2026-000123', 'INV-2026-1234567')
    """
    assert place >= 1, "a series begins with 1"
    return f"INV-{year:04d}-{place:06d}"


def is_invoice_number(text: str) -> bool:
    """Whether `text` could be a number given by us, and not an id."""
    return _NUMBER.fullmatch(text) is not None
