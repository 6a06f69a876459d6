"""Migrations that the server goes on with by itself: docs/semantics/plans.md."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import day
from story import Answer, Story, played
from tallybook.jobs.migrating import migrate_everywhere, migrating_subscribers
from tallybook.services.migrate_subscribers import continue_migrations
from tallybook.services.ports import Books, Records, Wiring

KEYS = tuple(f"c{number:02}" for number in range(12))


def fee(amount: str) -> Answer:
    return {"key": "fee", "rule": {"model": "flat", "amount": amount}, "timing": "in_advance"}


@pytest.fixture
def story(wiring: Wiring) -> Iterator[Story]:
    """Twelve customers on version 1; version 2 is published."""
    with played(wiring, day(1)) as begun:
        begun.plan("pro", fee("20"))
        for key in KEYS:
            begun.customer(key)
            begun.subscribe(key, "pro", day(1))
        begun.plan("pro", fee("30"))
        yield begun


def made(story: Story, **said: Any) -> None:
    story.post("/v1/plan-migrations", {"key": "up", "plan": "pro", **said})


def going_on(story: Story) -> Answer:
    return story.post("/v1/plan-migrations/up/continuation")


def progress(story: Story) -> Answer:
    return story.get("/v1/plan-migrations/up")


def changes(story: Story) -> list[int]:
    """How many changes each subscription has."""
    return [each["changes"] for each in story.get("/v1/subscriptions")["results"]]


@dataclasses.dataclass
class DyingBooks:
    """Books whose transactions die just before they are committed, once some have been."""

    books: Books
    left: int

    @contextmanager
    def begin(self, organization_id: str) -> Iterator[Records]:
        with self.books.begin(organization_id) as records:
            yield records
            self.left -= 1
            if self.left < 0:
                raise KeyboardInterrupt


def test_nobody_is_moved_by_itself_unless_asked(story: Story) -> None:
    made(story)
    list(migrate_everywhere(story.wiring))
    assert (progress(story)["left"], progress(story)["goes_on"]) == (12, False)


def test_a_server_that_is_killed_is_gone_on_from_by_the_next(story: Story) -> None:
    """It dies in the middle of a batch; the next one moves who is left, each once."""
    made(story, at="date", effective_at=day(3).isoformat())
    assert going_on(story)["goes_on"]
    dying = dataclasses.replace(story.wiring, books=DyingBooks(story.wiring.books, left=6))
    with pytest.raises(KeyboardInterrupt):
        list(continue_migrations(dying, story.organization_id, limit=5))
    assert progress(story)["left"] == 2, "two batches were committed, the third was not"
    told = [full.left for full in migrate_everywhere(story.wiring)]
    assert told == [0]
    assert changes(story) == [1] * 12
    assert list(migrate_everywhere(story.wiring)) == [], "and nothing more"
    story.pass_time(day(4, 2))
    totals = {invoice["total"] for key in KEYS for invoice in story.invoices(key)[-1:]}
    assert totals == {"30.00"}, "moved at the date"


def test_two_servers_and_a_person_side_by_side_move_each_once(story: Story) -> None:
    made(story, at="period_end")
    going_on(story)

    def run(server: int) -> None:
        if server == 2:
            story.post("/v1/plan-migrations/up/runs?limit=3")
        else:
            list(continue_migrations(story.wiring, story.organization_id, limit=2))

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(run, range(3)))
    list(migrate_everywhere(story.wiring))
    assert progress(story)["moved"] == 12
    assert changes(story) == [1] * 12


def test_stopped_it_leaves_who_waits_and_undone_it_goes_on_back(story: Story) -> None:
    made(story)
    going_on(story)
    for full in continue_migrations(story.wiring, story.organization_id, limit=5):
        if full.left < 12:
            break
    assert not story.delete("/v1/plan-migrations/up/continuation")["goes_on"]
    list(migrate_everywhere(story.wiring))
    assert (progress(story)["moved"], progress(story)["left"]) == (5, 7)
    story.post("/v1/plan-migrations/up/undoing")
    list(migrate_everywhere(story.wiring))
    assert progress(story)["left"] == 5, "nor back"
    going_on(story)
    list(migrate_everywhere(story.wiring))
    back = progress(story)
    assert (back["left"], back["undone"], back["waiting"]) == (0, 5, 7)


def test_stopped_in_the_middle_it_takes_no_further_batch(story: Story) -> None:
    made(story)
    going_on(story)
    batches = continue_migrations(story.wiring, story.organization_id, limit=5)
    assert next(batches).left == 7
    story.delete("/v1/plan-migrations/up/continuation")
    assert [full.left for full in batches] == []
    assert progress(story)["left"] == 7


def test_it_goes_on_while_a_server_runs_and_says_how_far_it_is(story: Story) -> None:
    made(story)
    going_on(story)
    with capture_logs() as told, migrating_subscribers(story.wiring, every_seconds=0.01):
        until = time.monotonic() + 30
        while progress(story)["left"] and time.monotonic() < until:
            time.sleep(0.02)
    assert progress(story)["moved"] == 12
    [line] = [line for line in told if line["event"] == "subscribers_migrated"]
    assert (line["migration"], line["left"]) == ("up", 0)
