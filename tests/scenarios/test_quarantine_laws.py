"""Nothing vanishes from quarantine and nothing counts twice, whatever happens when.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

import itertools
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_sending import everything, sent
from tallybook.bootstrap.workers import BoundedWorkers
from tallybook.domain.customers.organization import Organization
from tallybook.domain.events.event import Verdict
from tallybook.domain.events.event_type import EventSettings, Strictness
from tallybook.domain.events.forms import Form
from tallybook.domain.events.mending import Cast, Step
from tallybook.domain.events.quarantined import HeldQuery, State
from tallybook.domain.kernel.errors import Unavailable
from tallybook.services.create_organization import create_organization
from tallybook.services.ingest_events import Receipt, ingest_events
from tallybook.services.mend_quarantine import (
    Chosen,
    count_held,
    discard_held,
    mend_held,
    replay_held,
)
from tallybook.services.ports import Wiring
from tallybook.services.save_event_type import (
    EventTypeDefinition,
    save_event_type,
    set_event_settings,
)
from tallybook.stores.sql.event_rules import SqlEventRules
from tallybook.stores.sql.quarantine import SqlQuarantine

SCHEMA = {"properties": {"n": {"type": "integer"}}, "required": ["n"]}
STRICT = EventTypeDefinition(schema=SCHEMA, strictness=Strictness.QUARANTINE)
ALL = Chosen(HeldQuery())
_numbers = itertools.count()
TO_INTEGER: list[Step] = [Cast("n", "integer")]


def good(id_: str) -> dict[str, Any]:
    return sent(id_, properties={"n": 1})


def bad(id_: str, n: Any = "1") -> dict[str, Any]:
    return sent(id_, properties={"n": n})


def ingest(wiring: Wiring, organization_id: str, *events: dict[str, Any]) -> Receipt:
    return ingest_events(wiring, organization_id, msgspec.json.encode(events), Form.JSON)


def states(wiring: Wiring, organization_id: str) -> dict[State, int]:
    found: Counter[State] = Counter()
    for row in count_held(wiring, organization_id, HeldQuery(state=None)):
        found[row.state] += row.events
    return dict(found)


@pytest.fixture
def strict(wiring: Wiring, organization: Organization) -> str:
    """An organization whose calls have a whole number."""
    save_event_type(wiring, organization.id, "call", STRICT)
    return organization.id


def cut(monkeypatch: pytest.MonkeyPatch, method: str) -> Callable[[], None]:
    """Let the records break off at `method`, once; what to call to let them go on."""

    def break_off(*_: Any) -> None:
        raise Unavailable("cut", "The process ends here.")

    monkeypatch.setattr(SqlQuarantine, method, break_off)
    return monkeypatch.undo


def test_a_replay_cut_between_log_and_record_counts_once(
    wiring: Wiring, strict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(wiring, strict, bad("1"), bad("2"))
    mend_held(wiring, strict, ALL, TO_INTEGER, by="ada")
    go_on = cut(monkeypatch, "replace_many")
    with pytest.raises(Unavailable):
        replay_held(wiring, strict, ALL, by="ada")
    go_on()
    assert len(everything(wiring.event_log, strict)) == 2, "they are in the log"
    assert states(wiring, strict) == {State.WAITING: 2}, "and still wait"
    assert replay_held(wiring, strict, ALL, by="ada").counts["duplicate"] == 2
    assert states(wiring, strict) == {State.REPLAYED: 2}
    assert len(everything(wiring.event_log, strict)) == 2


def test_what_a_cut_replay_has_counted_is_not_discarded(
    wiring: Wiring, strict: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ingest(wiring, strict, bad("1"), bad("2"))
    mend_held(wiring, strict, Chosen(HeldQuery(id="1")), TO_INTEGER, by="ada")
    go_on = cut(monkeypatch, "replace_many")
    with pytest.raises(Unavailable):
        replay_held(wiring, strict, ALL, by="ada")
    go_on()
    outcome = discard_held(wiring, strict, ALL, by="ada", why="Neither is meant.")
    assert outcome.counts == {"discarded": 1, "duplicate": 1}
    assert states(wiring, strict) == {State.REPLAYED: 1, State.DISCARDED: 1}
    assert [event.id for event in everything(wiring.event_log, strict)] == ["1"]


@pytest.mark.parametrize("method", ["add", "by_identities"])
def test_nothing_is_acknowledged_that_is_not_written_down(
    wiring: Wiring, strict: str, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    go_on = cut(monkeypatch, method)
    with pytest.raises(Unavailable):
        ingest(wiring, strict, good("1"), bad("2"))
    go_on()
    assert states(wiring, strict) == {}
    counts = ingest(wiring, strict, good("1"), bad("2")).counts
    assert counts[Verdict.QUARANTINED] == 1
    assert counts[Verdict.ACCEPTED] + counts[Verdict.DUPLICATE] == 1
    assert len(everything(wiring.event_log, strict)) == 1


def test_many_who_send_the_same_keep_it_once(wiring: Wiring, strict: str) -> None:
    events = [bad(f"{number}") for number in range(50)]
    with ThreadPoolExecutor(8) as pool:
        batches = [events[number:] + events[:number] for number in range(8)]
        receipts = list(pool.map(lambda batch: ingest(wiring, strict, *batch), batches))
    assert {receipt.counts[Verdict.QUARANTINED] for receipt in receipts} == {50}
    assert states(wiring, strict) == {State.WAITING: 50}
    mend_held(wiring, strict, ALL, TO_INTEGER, by="ada")
    with ThreadPoolExecutor(4) as pool:
        outcomes = list(pool.map(lambda _: replay_held(wiring, strict, ALL, by="ada"), range(4)))
    assert sum(outcome.counts.get("accepted", 0) for outcome in outcomes) == 50
    assert states(wiring, strict) == {State.REPLAYED: 50}
    assert len(everything(wiring.event_log, strict)) == 50


def limit(wiring: Wiring, organization_id: str, most: int) -> None:
    set_event_settings(wiring, organization_id, EventSettings(max_held=most))


def test_a_full_quarantine_rejects_what_is_new_to_it(wiring: Wiring, strict: str) -> None:
    limit(wiring, strict, 2)
    receipt = ingest(wiring, strict, good("1"), bad("2"), bad("3"), bad("4"), bad("2"))
    assert {answer.id: (answer.verdict, answer.code) for answer in receipt.exceptions} == {
        "2": (Verdict.QUARANTINED, ""),
        "3": (Verdict.QUARANTINED, ""),
        "4": (Verdict.REJECTED, "quarantine_full"),
    }
    [full] = (answer for answer in receipt.exceptions if answer.code)
    assert (full.index, full.field) == (3, "properties/n")
    assert "Quarantine is full, 2 events wait" in full.reason
    assert "max_held" in full.mend
    assert [event.id for event in everything(wiring.event_log, strict)] == ["1"]
    again = ingest(wiring, strict, bad("2"), bad("3", "x"), bad("4", "x"), good("1"))
    assert [answer.verdict for answer in again.exceptions] == [
        Verdict.QUARANTINED,
        Verdict.CONFLICT,
        Verdict.REJECTED,
        Verdict.DUPLICATE,
    ], "what is known is answered as ever"
    discard_held(wiring, strict, Chosen(HeldQuery(id="2")), by="ada", why="A test.")
    assert ingest(wiring, strict, bad("4")).counts[Verdict.QUARANTINED] == 1, "there is room"
    mend_held(wiring, strict, ALL, TO_INTEGER, by="ada")
    assert ingest(wiring, strict, bad("5")).counts[Verdict.REJECTED] == 1, "mended, they wait"
    replay_held(wiring, strict, ALL, by="ada")
    assert ingest(wiring, strict, bad("5")).counts[Verdict.QUARANTINED] == 1
    limit(wiring, strict, 0)
    assert ingest(wiring, strict, bad("6")).counts[Verdict.REJECTED] == 1
    assert ingest(wiring, strict, bad("5")).counts[Verdict.QUARANTINED] == 1, "what waits, waits"


def test_no_more_wait_than_may_however_many_send(wiring: Wiring, strict: str) -> None:
    limit(wiring, strict, 30)
    batches = [[bad(f"{sender}-{number}") for number in range(10)] for sender in range(8)]
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda batch: ingest(wiring, strict, *batch), batches))
    assert sum(receipt.counts[Verdict.QUARANTINED] for receipt in receipts) == 30
    assert sum(receipt.counts[Verdict.REJECTED] for receipt in receipts) == 50
    assert states(wiring, strict) == {State.WAITING: 30}


def test_those_who_send_and_those_who_replay_do_not_wait_for_each_other(
    wiring: Wiring, strict: str
) -> None:
    events = [bad(f"{number}") for number in range(40)]

    def send(_: int) -> int:
        return ingest(wiring, strict, *events).counts[Verdict.CONFLICT]

    def settle(_: int) -> int:
        mend_held(wiring, strict, ALL, TO_INTEGER, by="ada")
        return replay_held(wiring, strict, ALL, by="ada").counts.get("accepted", 0)

    ingest(wiring, strict, *events)
    with ThreadPoolExecutor(8) as pool:
        conflicts = pool.map(send, range(20))
        replayed = pool.map(settle, range(8))
        assert (sum(conflicts), sum(replayed)) == (0, 40)
    assert states(wiring, strict) == {State.REPLAYED: 40}


IDS = st.sampled_from("abcdef")
ACTS = st.one_of(
    st.tuples(
        st.just("send"), st.lists(st.tuples(IDS, st.sampled_from([1, "1", "x"])), max_size=6)
    ),
    st.tuples(st.sampled_from(["mend", "replay", "discard", "force", "cut", "off", "on"])),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, max_size=12))
def test_states_add_up_whatever_is_done(
    wiring: Wiring, acts: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every identity ever held is in one state; every identity is in the log at most once."""
    ours = create_organization(wiring, key=f"law-{next(_numbers)}", name="Law").id
    save_event_type(wiring, ours, "call", STRICT)
    held: set[str] = set()
    counted: set[str] = set()
    for what, *rest in acts:
        match what:
            case "send":
                events = [bad(id_, n) for id_, n in rest[0]]
                receipt = ingest(wiring, ours, *events)
                left = {answer.index: answer.verdict for answer in receipt.exceptions}
                for index, event in enumerate(events):
                    verdict = left.get(index, Verdict.ACCEPTED)
                    if verdict is Verdict.QUARANTINED:
                        held.add(event["id"])
                    if verdict is Verdict.ACCEPTED:
                        assert event["id"] not in counted, "accepted once"
                        counted.add(event["id"])
            case "off" | "on":
                strictness = Strictness.OFF if what == "off" else Strictness.QUARANTINE
                changed = msgspec.structs.replace(STRICT, strictness=strictness)
                save_event_type(wiring, ours, "call", changed)
            case "cut":
                go_on = cut(monkeypatch, "replace_many")
                if State.WAITING in states(wiring, ours):
                    with pytest.raises(Unavailable):
                        replay_held(wiring, ours, ALL, by="ada")
                go_on()
            case _:
                _do(what, wiring, ours)
        counted |= {event.id for event in everything(wiring.event_log, ours)}
        now = states(wiring, ours)
        assert sum(now.values()) == len(held)
        with wiring.books.begin(ours) as records:
            assert records.quarantine.room(10) == 10 - now.get(State.WAITING, 0)
        log = Counter(event.id for event in everything(wiring.event_log, ours))
        assert set(log.values()) <= {1}, "each once"
        assert counted == set(log), "and none lost"


def _do(what: str, wiring: Wiring, ours: str) -> None:
    match what:
        case "mend":
            mend_held(wiring, ours, ALL, TO_INTEGER, by="ada")
        case "replay":
            replay_held(wiring, ours, ALL, by="ada")
        case "force":
            replay_held(wiring, ours, ALL, by="ada", why="law", is_forced=True)
        case "discard":
            discard_held(wiring, ours, Chosen(HeldQuery(id="a")), by="ada", why="law")


def test_taking_events_asks_the_books_nothing(wiring: Wiring, strict: str) -> None:
    set_event_settings(wiring, strict, EventSettings(max_age_days=36_500))
    asked: list[str] = []

    def note(*said: Any) -> None:
        asked.append(said[2])

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    counts = ingest(wiring, strict, good("1"), good("2")).counts
    sa.event.remove(sa.Engine, "before_cursor_execute", note)
    assert counts[Verdict.ACCEPTED] == 2
    assert asked == [], "what is demanded is in memory"


def test_another_server_learns_of_rules_and_keeps_them_when_the_books_are_away(
    wiring: Wiring, organization: Organization, migrated_database_url: str
) -> None:
    engine = sa.create_engine(migrated_database_url.replace("postgresql:", "postgresql+psycopg:"))
    other = SqlEventRules(engine)
    assert other.of(organization.id) is None
    save_event_type(wiring, organization.id, "call", STRICT)
    assert other.of(organization.id) is None, "not told yet"
    other.renew_all()
    rules = other.of(organization.id)
    assert rules is not None
    assert list(rules.checks) == ["call"]
    off = msgspec.structs.replace(STRICT, strictness=Strictness.OFF)
    save_event_type(wiring, organization.id, "call", off)
    other.renew_all()
    assert other.of(organization.id) is None, "without rules it costs nothing again"
    engine.dispose()


def test_a_page_of_held_events_goes_on_where_it_ended(wiring: Wiring, strict: str) -> None:
    ingest(wiring, strict, *(bad(f"{number:03}") for number in range(7)))
    outcome = mend_held(wiring, strict, Chosen(HeldQuery(), limit=3), TO_INTEGER, by="ada")
    assert outcome.counts == {"passes": 3}
    rest = mend_held(
        wiring, strict, Chosen(HeldQuery(), after=outcome.next or 0), TO_INTEGER, by="ada"
    )
    assert (rest.counts, rest.next) == ({"passes": 4}, None)


def test_what_waits_for_quarantine_is_bounded() -> None:
    workers = BoundedWorkers(threads=1, max_waiting=10)
    let_go = threading.Event()
    first = workers.start(8, let_go.wait)
    with pytest.raises(Unavailable):
        workers.start(8, let_go.wait)
    second = workers.start(2, lambda: "room")
    let_go.set()
    assert (first.result(5), second.result(5)) == (True, "room")
    assert workers.start(50, lambda: "alone").result(5) == "alone", "alone, anything is taken"
    workers.close()
