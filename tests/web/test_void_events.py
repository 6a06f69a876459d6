"""The events behind a line, when one of them has been voided since."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from tallybook.domain.events.event import StoredEvent
from tallybook.web.invoice_view import event_views
from tallybook.web.reader import Reader

EVENT = StoredEvent(
    type="call",
    customer="acme",
    id="r1",
    occurred_at=datetime(2026, 3, 1, tzinfo=UTC),
    received_at=datetime(2026, 3, 1, tzinfo=UTC),
    position=1,
)


@pytest.mark.parametrize(("voided_by", "is_void"), [("", False), ("cor_1", True)])
def test_an_event_says_whether_it_is_void(voided_by: str, is_void: bool) -> None:
    event = msgspec.structs.replace(EVENT, voided_by=voided_by)
    [view] = event_views([event], Reader("en"))
    assert view.is_void is is_void
