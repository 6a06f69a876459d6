"""The API over events written straight into the event store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from engines import API
from event_rows import EventRows
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring
from tallybook.stores.columnar.client import Columnar


class LogOfRows:
    """The log's position while events are written past it."""

    def __init__(self, rows: EventRows) -> None:
        self._rows = rows

    def position(self) -> int:
        return self._rows.position


@pytest.fixture
def event_rows(columnar: Columnar, organization: Organization) -> EventRows:
    """Where the test writes its events."""
    return EventRows(columnar, organization.id)


@pytest.fixture
def metering_api(
    wiring: Wiring, organization: Organization, event_rows: EventRows
) -> Iterator[TestClient[Litestar]]:
    """An HTTP client with every scope, of an API that knows the events of `event_rows`."""
    log: Any = LogOfRows(event_rows)
    issued = issue_key(wiring, organization.id, name="tests", scopes=Scope)
    known = dataclasses.replace(wiring, event_log=log)
    with API.open(known, raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {issued.text}"
        yield client
