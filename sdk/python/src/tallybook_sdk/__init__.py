"""Send usage events to Tallybook.

>>> from tallybook_sdk import Client
>>> client = Client("https://tallybook.example", "tb_…", source="checkout")  # doctest: +SKIP
>>> client.track("api.call", "acme", endpoint="/search")  # doctest: +SKIP
"""

from __future__ import annotations

from tallybook_sdk.client import AsyncClient, Client
from tallybook_sdk.identity import new_id
from tallybook_sdk.measuring import Measurement
from tallybook_sdk.problems import (
    ClosedError,
    Kind,
    Problem,
    QueueFullError,
    SpoolError,
    Stats,
    TallybookError,
    UnsendableError,
)
from tallybook_sdk.settings import Settings
from tallybook_sdk.tokens import TokenUsage, usage_from_response
from tallybook_sdk.version import VERSION

__all__ = [
    "VERSION",
    "AsyncClient",
    "Client",
    "ClosedError",
    "Kind",
    "Measurement",
    "Problem",
    "QueueFullError",
    "Settings",
    "SpoolError",
    "Stats",
    "TallybookError",
    "TokenUsage",
    "UnsendableError",
    "new_id",
    "usage_from_response",
]
