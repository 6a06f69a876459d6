"""Periods closed in the background: after a grace, again and again, whatever a round meets."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import customer, day, fee, plan, subscription
from tallybook.bootstrap.config import read_config
from tallybook.domain.customers.organization import Organization
from tallybook.domain.kernel.errors import Invalid, Unavailable
from tallybook.jobs.closing import close_everywhere, closing_periods
from tallybook.services.ports import Wiring

HOUR = timedelta(hours=1)


@pytest.fixture
def january(wiring: Wiring, organization: Organization) -> Wiring:
    """A customer with a fee in arrears, on 1 February at noon."""
    with wiring.books.begin(organization.id) as records:
        records.customers.add(customer())
        records.plans.add(plan(fee("support", "30")))
        records.subscriptions.add(subscription())
    return dataclasses.replace(wiring, now=lambda: day(2, 1, 12))


def drafted(wiring: Wiring, organization: Organization) -> int:
    with wiring.books.begin(organization.id) as records:
        return len(records.invoices.page(after="", limit=9))


def eventually(claim: Callable[[], bool]) -> bool:
    until = time.monotonic() + 30
    while not claim():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def test_periods_are_closed_once_the_grace_is_over(
    january: Wiring, organization: Organization
) -> None:
    close_everywhere(january, grace=timedelta(hours=13))
    assert drafted(january, organization) == 0, "at noon a grace of 13 hours is not over"
    close_everywhere(january, grace=HOUR)
    assert drafted(january, organization) == 1
    close_everywhere(january, grace=HOUR)
    assert drafted(january, organization) == 1


def test_it_goes_on_by_itself_and_ends_with_the_block(
    january: Wiring, organization: Organization
) -> None:
    with closing_periods(january, grace=HOUR, every_seconds=0.01):
        assert eventually(lambda: drafted(january, organization) == 1)


class Fleeting:
    """A directory that does not answer the first time."""

    def __init__(self, wiring: Wiring) -> None:
        self._directory = wiring.directory
        self._asked = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._directory, name)

    def organizations(self) -> Any:
        self._asked += 1
        if self._asked == 1:
            raise Unavailable("records_unavailable", "The database did not answer.")
        return self._directory.organizations()


def test_a_round_that_fails_is_told_and_tried_again(
    january: Wiring, organization: Organization
) -> None:
    directory: Any = Fleeting(january)
    unsteady = dataclasses.replace(january, directory=directory)
    with capture_logs() as told, closing_periods(unsteady, grace=HOUR, every_seconds=0.01):
        assert eventually(lambda: drafted(january, organization) == 1)
    events = [line["event"] for line in told]
    assert events[:2] == ["closing_failed", "periods_closed"]


@pytest.mark.parametrize(
    ("text", "seconds", "why"),
    [
        ("", None, "off unless asked for"),
        ("3600", 3600, "an hour for events on their way"),
        ("0", 0, "at once"),
    ],
)
def test_the_grace_is_a_setting(text: str, seconds: int | None, why: str) -> None:
    grace = read_config(environment={"TALLYBOOK_CLOSE_AFTER_SECONDS": text}).closes_after
    assert (None if grace is None else grace.total_seconds()) == seconds, why


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "9999999999"])
def test_another_grace_is_refused_by_name(text: str) -> None:
    with pytest.raises(Invalid) as refusal:
        read_config(environment={"TALLYBOOK_CLOSE_AFTER_SECONDS": text})
    assert refusal.value.field == "TALLYBOOK_CLOSE_AFTER_SECONDS"
