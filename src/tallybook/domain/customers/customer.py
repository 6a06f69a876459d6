"""Who pays."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Customer(msgspec.Struct, frozen=True, kw_only=True):
    """Who pays. `key` is the name the organization's own systems use, also in events."""

    id: str
    key: str
    name: str
    currency: str
    timezone: str = "UTC"
    locale: str = "en"
    created_at: datetime
