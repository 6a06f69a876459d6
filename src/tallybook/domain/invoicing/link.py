"""Links by which one invoice can be read without a key."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

LIFETIME = timedelta(days=90)


class InvoiceLink(msgspec.Struct, frozen=True, kw_only=True):
    """A link that opens an invoice to whoever has it, until it ends or is taken back.

    `made_by` is an API key's id, `operator`, or `console`.
    """

    id: str
    invoice_id: str
    made_at: datetime
    made_by: str
    ends_at: datetime
    revoked_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Whether it opens anything at `now`."""
        return self.revoked_at is None and now < self.ends_at
