"""The tables of docs/semantics/corrections.md: what counts, what may be reverted, what is shown."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from event_sending import append, sent
from tallybook.domain.customers.organization import Organization
from tallybook.domain.events.correction import Amendment, Correction
from tallybook.domain.events.event import EventQuery
from tallybook.domain.kernel.errors import Refusal
from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.meter import Count, Meter, UsageQuery
from tallybook.services.amend_events import amend_events
from tallybook.services.backfill_events import (
    commit_backfill,
    open_backfill,
    preview_backfill,
    stage_events,
)
from tallybook.services.find_corrections import revert_correction
from tallybook.services.ports import Wiring
from tallybook.services.void_events import preview_void, void_events

MARCH = datetime(2026, 3, 1, tzinfo=UTC)
SPAN = Span(MARCH, MARCH + timedelta(days=31))
METER = Meter(
    id="mtr_1", key="c", name="C", event_type="call", aggregation=Count(), created_at=MARCH
)


class Story:
    """Steps told in words: `void A e` is correction A, which voids the event e."""

    def __init__(self, wiring: Wiring, organization_id: str) -> None:
        self.wiring = wiring
        self.organization_id = organization_id
        self.corrections: dict[str, Correction] = {}
        self.ids: dict[str, str] = {}
        self.verdict = ""

    def tell(self, steps: str) -> None:
        for step in steps.split(", "):
            word, *rest = step.split()
            act: Callable[..., None] = getattr(self, word)
            act(*rest)

    def send(self, name: str, value: str = "1") -> None:
        self.ids.setdefault(name, name)
        event = sent(name, customer="c1", properties={"n": value})
        appended = append(self.wiring.event_log, [event], self.organization_id)
        verdicts = [each.verdict.value for each in appended.exceptions.values()]
        self.verdict = verdicts[0] if verdicts else "accepted"

    def void(self, name: str, event: str) -> None:
        wanted = EventQuery(source="api", id=self.ids[event])
        shown = preview_void(self.wiring, self.organization_id, wanted)
        self.corrections[name] = void_events(
            self.wiring, self.organization_id, wanted, token=shown.token, reason="r", by="k"
        )

    def amend(self, name: str, event: str, new: str) -> None:
        amendment = Amendment(id=self.ids[event], properties={"n": msgspec.Raw(b"2")})
        made = amend_events(self.wiring, self.organization_id, [amendment], reason="r", by="k")
        assert made.correction is not None, made.answers
        self.corrections[name], self.ids[new] = made.correction, made.answers[0].new_id

    def replace(self, name: str, new: str) -> None:
        """Backfill March with one event that has the id of `e`."""
        opened = open_backfill(
            self.wiring,
            self.organization_id,
            type_="call",
            starts=SPAN.starts,
            ends=SPAN.ends,
            customer=None,
            by="k",
        )
        body = msgspec.json.encode(sent("e", customer="c1", properties={"n": new}))
        stage_events(self.wiring, self.organization_id, opened.id, body, "application/json")
        shown = preview_backfill(self.wiring, self.organization_id, opened.id)
        self.corrections[name] = commit_backfill(
            self.wiring, self.organization_id, opened.id, token=shown.token, reason="r", by="k"
        )
        self.ids[new] = f"e@{opened.id}"

    def revert(self, name: str, of: str) -> None:
        self.corrections[name] = revert_correction(
            self.wiring, self.organization_id, self.corrections[of].id, reason="r", by="k"
        )

    def counted(self, as_of: int | None = None) -> str:
        """The names of the events that count, in order."""
        query = UsageQuery(
            span=SPAN, as_of=self.wiring.event_log.position() if as_of is None else as_of
        )
        events, _ = self.wiring.usage.events_behind(self.organization_id, METER, query)
        names = {id_: name for name, id_ in self.ids.items()}
        found = " ".join(sorted(names[event.id] for event in events))
        measured = self.wiring.usage.measure(self.organization_id, METER, query)
        assert sum(row.quantity for row in measured) == len(events), "as many as are counted"
        return found


@pytest.fixture
def story(wiring: Wiring, organization: Organization) -> Story:
    return Story(wiring, organization.id)


@pytest.mark.parametrize(
    ("steps", "counts", "why"),
    [
        ("send e", "e", ""),
        ("send e, void A e", "", ""),
        ("send e, void A e, revert R A", "e", ""),
        ("send e, void A e, revert R A, revert S R", "", "the void is in force again"),
        ("send e, replace A f", "f", "added by a backfill"),
        ("send e, replace A f, revert R A", "e", "its events go with it"),
        ("send e, replace A f, replace B g", "g", "the same ids in a file never meet"),
        ("send e, replace A f, revert R A, replace B g", "g", ""),
        ("send e, void A e, send e", "", "its identity stays known"),
        ("send e, amend A e f, revert R A", "e", "f does not count"),
        ("send e, amend A e f, amend B f g, revert R B", "f", ""),
        ("send e, amend A e f, void B f, revert R B, revert S A", "e", "B first, then A"),
    ],
)
def test_what_counts(story: Story, steps: str, counts: str, why: str) -> None:
    story.tell(steps)
    assert story.counted() == counts, why


@pytest.mark.parametrize(
    ("value", "verdict"), [("1", "duplicate"), ("2", "conflict")], ids=["same", "other"]
)
def test_a_void_event_sent_again(story: Story, value: str, verdict: str) -> None:
    story.tell("send e, void A e")
    story.send("e", value)
    assert (story.verdict, story.counted()) == (verdict, "")


@pytest.mark.parametrize(
    ("steps", "code", "why"),
    [
        ("send e, amend A e f, void B f, revert R A", "corrected_since", "f is out by B"),
        ("send e, amend A e f, amend B f g, revert R A", "corrected_since", "e beside g"),
        ("send e, replace A f, revert R A, replace B g, revert S R", "corrected_since",
         "e is out by B, and f would count beside g"),
        ("send e, void A e, revert R A, revert S R, revert T A", "already_reverted",
         "A is in force by S"),
    ],
)  # fmt: skip
def test_what_is_not_reverted(story: Story, steps: str, code: str, why: str) -> None:
    *before, last = steps.split(", ")
    story.tell(", ".join(before))
    counted = story.counted()
    with pytest.raises(Refusal) as refusal:
        story.tell(last)
    assert refusal.value.code == code, why
    assert story.counted() == counted


def test_as_of_before_within_and_after(story: Story) -> None:
    """At each position there is the past as it was; a correction is there whole or not."""
    story.tell("send e, void A e, revert R A, replace B f")
    b = story.corrections["B"]
    expected = {
        0: "",
        1: "e",
        story.corrections["A"].first: "e",
        story.corrections["A"].position: "",
        story.corrections["R"].position: "e",
        **dict.fromkeys(range(b.first, b.position), "e"),
        b.position: "f",
    }
    base = story.corrections["A"].first - 1
    assert base == 1
    for as_of, counts in expected.items():
        assert story.counted(as_of) == counts, as_of


def test_what_is_shown_is_what_is_voided(story: Story) -> None:
    story.tell("send e, send f")
    wanted = EventQuery(type="call", customer="c1")
    shown = preview_void(story.wiring, story.organization_id, wanted)
    story.tell("send g")

    def commit(**changes: Any) -> Correction:
        given = {"token": shown.token, "reason": "r", "by": "k"} | changes
        return void_events(story.wiring, story.organization_id, wanted, **given)

    made = commit()
    assert story.counted() == "g", "nobody has looked at what came since"
    assert commit() == made, "a retry is safe"
    story.tell("send h")
    later = preview_void(story.wiring, story.organization_id, wanted)
    story.tell("void B h")
    with pytest.raises(Refusal) as refusal:
        commit(token=later.token)
    assert refusal.value.code == "events_changed", "h is void by another correction"
    assert story.counted() == "g"
