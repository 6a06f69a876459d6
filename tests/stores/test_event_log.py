"""The log: each identity once, exactly what was sent, at positions without a late-comer."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from event_sending import ARRIVED, append, everything, sent, verdicts
from tallybook.domain.events.forms import Form
from tallybook.domain.events.reading import read_events
from tallybook.stores.columnar.block import Appending, Block, identity_of
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.deduplication import decide
from tallybook.stores.columnar.event_log import ColumnarEventLog
from tallybook.stores.columnar.event_table import ClickHouseEvents
from tallybook.stores.columnar.identity_index import IdentityIndex, sorted_run

IDENTITY = 6747179074501356947
CONTENT = 7504786818951967855


@pytest.fixture(params=["table", "spool"])
def log(
    columnar: Columnar, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[ColumnarEventLog]:
    spool = tmp_path / "spool" if request.param == "spool" else None
    opened = ColumnarEventLog(columnar, spool=spool)
    yield opened
    opened.close()


def test_an_event_is_kept_as_it_was_sent(log: ColumnarEventLog) -> None:
    event = sent("1", source="gw", actor="key_1", properties={"tokens": msgspec.Raw(b"1.50")})
    assert append(log, [event]).position == 1
    (kept,) = everything(log)
    assert kept.occurred_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert (kept.received_at, kept.position) == (ARRIVED, 1)
    assert (kept.type, kept.customer, kept.id) == ("call", "acme", "1")
    assert (kept.source, kept.actor, kept.properties) == ("gw", "key_1", {"tokens": "1.50"})


@pytest.mark.parametrize(
    ("again", "verdict", "why"),
    [
        ({}, "duplicate", "the very same"),
        ({"properties": {"b": "x", "n": 1}}, "duplicate", "keys in another order"),
        ({"properties": {"n": msgspec.Raw(b"1.0"), "b": "x"}}, "duplicate", "a number's notation"),
        ({"properties": {"n": 1, "b": "x", "c": None}}, "duplicate", "null says nothing"),
        ({"time": "2026-03-01T14:00:00+02:00"}, "duplicate", "the same instant"),
        ({"time": "2026-03-01T12:00:01Z"}, "conflict time", "another time"),
        ({"time": "2027-03-01T12:00:00Z"}, "conflict time", "in another month's part"),
        ({"properties": {"n": 2, "b": "x"}}, "conflict properties/n", "another value"),
        ({"properties": {"n": 1}}, "conflict properties/b", "a value less"),
        ({"customer": "other"}, "conflict customer", "another customer"),
        ({"type": "sms"}, "conflict type", "another type"),
        ({"source": "other"}, "accepted", "another source is another identity"),
        ({"id": "2"}, "accepted", "another id"),
    ],
)
def test_an_identity_arrives_again(
    log: ColumnarEventLog, again: dict[str, Any], verdict: str, why: str
) -> None:
    first = sent("1", properties={"n": 1, "b": "x"})
    assert verdicts(log, first) == ["accepted"]
    assert verdicts(log, first | again) == [verdict], why
    assert verdicts(log, first | again) == [verdict.replace("accepted", "duplicate")], why
    assert len(everything(log)) == (2 if verdict == "accepted" else 1)


def test_an_identity_twice_in_one_request_and_the_first_counts(log: ColumnarEventLog) -> None:
    events = [sent("1"), sent("1"), sent("1", customer="other"), sent("2"), sent("1")]
    assert verdicts(log, *events) == [
        "accepted", "duplicate", "conflict customer", "accepted", "duplicate",
    ]  # fmt: skip
    assert [event.id for event in everything(log)] == ["1", "2"]


def test_two_tenants_use_the_same_id(log: ColumnarEventLog) -> None:
    assert verdicts(log, sent("1"), organization="org_a") == ["accepted"]
    assert verdicts(log, sent("1", customer="x"), organization="org_b") == ["accepted"]
    assert verdicts(log, sent("1"), organization="org_a") == ["duplicate"]
    assert [event.customer for event in everything(log, "org_a")] == ["acme"]
    assert [event.customer for event in everything(log, "org_b")] == ["x"]
    assert everything(log, "org_") == []


@pytest.mark.parametrize(
    ("left", "right", "why"),
    [
        (("org", "a", "b1"), ("org", "ab", "1"), "source and id do not run into one another"),
        (("org", "1:a", "b"), ("org", "", "1:ab"), "nor by a number that looks like a length"),
        (("org1", "a", "b"), ("org", "1a", "b"), "nor organization and source"),
    ],
)
def test_identities_differ(
    left: tuple[str, str, str], right: tuple[str, str, str], why: str
) -> None:
    assert identity_of(*left) != identity_of(*right), why


def test_identities_are_the_same_for_ever() -> None:
    """They are in every log there is: a change would count its events a second time."""
    assert identity_of("org_a", "api", "1") == IDENTITY
    (appending,) = _block(["1"]).appendings
    assert appending.identities.tolist() == [IDENTITY]
    assert appending.contents.tolist() == [CONTENT]


def test_two_identities_of_one_hash_are_two_events() -> None:
    """No two texts of one hash are at hand, so the hashes are made equal."""
    block = _block(["1", "2", "1", "2"])
    block.identities[:] = 7
    decided = decide(block, IdentityIndex().find, lambda _: {})
    assert decided.accepted.tolist() == [True, True, False, False]
    index = IdentityIndex()
    index.add(sorted_run(block.identities[:1], block.contents[:1]))
    kept = [("org_a", block.event(0)[1].kept())]
    decided = decide(block, index.find, lambda identities: dict.fromkeys(identities, kept))
    assert decided.accepted.tolist() == [False, True, False, False]


def test_a_restart_knows_all(columnar: Columnar) -> None:
    log = ColumnarEventLog(columnar)
    events = [
        sent(f"{number}", time=f"2026-{1 + number % 12:02}-01T00:00:00Z") for number in range(500)
    ]
    assert append(log, events).position == 500
    log.close()
    again = ColumnarEventLog(columnar)
    assert again.position() == 500
    assert set(verdicts(again, *events)) == {"duplicate"}
    assert verdicts(again, sent("new")) == ["accepted"]
    assert again.position() == 501
    again.close()


def test_positions_follow_the_order_of_arrival_without_a_gap(log: ColumnarEventLog) -> None:
    for first in range(0, 60, 20):
        append(log, [sent(f"{number}") for number in range(first, first + 20)])
        append(log, [sent(f"{first}"), sent(f"{first}", type="sms")])
    kept = everything(log)
    assert [event.position for event in kept] == list(range(1, 61))
    assert [event.id for event in kept] == [str(number) for number in range(60)]


def test_32_senders_race_with_the_same_identities(log: ColumnarEventLog) -> None:
    """Of each identity one wins, all others are told so, and the log has it once at any moment."""
    start = threading.Barrier(32)

    def race(sender: int) -> list[str]:
        start.wait()
        told = []
        for first in range(0, 200, 20):
            contradicts = {"customer": f"c{sender}"} if sender % 4 == 0 else {}
            told += verdicts(
                log, *(sent(f"{number}", **contradicts) for number in range(first, first + 20))
            )
        return told

    with ThreadPoolExecutor(32) as pool:
        told = list(pool.map(race, range(32)))
    accepted = Counter(
        number
        for answers in told
        for number, verdict in enumerate(answers)
        if verdict == "accepted"
    )
    assert accepted == dict.fromkeys(range(200), 1)
    kept = everything(log)
    assert Counter(event.id for event in kept) == {str(number): 1 for number in range(200)}
    for number, event in enumerate(sorted(kept, key=lambda event: int(event.id))):
        for sender, answers in enumerate(told):
            customer = f"c{sender}" if sender % 4 == 0 else "acme"
            is_same = customer == event.customer
            assert answers[number] in (
                {"accepted", "duplicate"} if is_same else {"conflict customer"}
            )


def test_the_as_of_never_lets_an_event_appear_behind_it(
    log: ColumnarEventLog, columnar: Columnar
) -> None:
    """Blocks over several months are several parts: their total grows in steps, but not as of."""
    counts: dict[int, set[int]] = {}
    is_done = threading.Event()

    def count() -> None:
        with columnar.client() as client:
            while not is_done.is_set():
                as_of = log.position()
                found = client.query(
                    "SELECT count() FROM events WHERE position <= {as_of:UInt64}",
                    parameters={"as_of": as_of},
                ).result_rows[0][0]
                counts.setdefault(as_of, set()).add(found)

    counting = threading.Thread(target=count)
    counting.start()
    give_up_at = time.monotonic() + 20
    for first in itertools.count(0, 60):
        if len(counts) > 10 or time.monotonic() > give_up_at:
            break
        months = itertools.cycle(range(1, 13))
        append(
            log,
            [
                sent(f"{number}", time=f"2026-{next(months):02}-01T00:00:00Z")
                for number in range(first, first + 60)
            ],
        )
    is_done.set()
    counting.join()
    assert len(counts) > 10
    assert all(found == {as_of} for as_of, found in counts.items())


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=9).map(
        lambda n: msgspec.Raw(f"{n:f}")
    )
    | st.text()
    | st.sampled_from([msgspec.Raw(b"1e5"), msgspec.Raw(b"-0.0"), msgspec.Raw(b"1E-400"), 10**40]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.text(min_size=1, max_size=20)
events = st.fixed_dictionaries(
    {
        "type": names,
        "customer": names,
        "id": names,
        "time": st.datetimes(datetime(1970, 1, 1), datetime(2199, 12, 31)).map(  # noqa: DTZ001
            lambda at: at.isoformat() + "Z"
        ),
        "source": names,
        "actor": st.text(max_size=20),
        "properties": st.dictionaries(names, values, max_size=5),
    }
)


@given(sendings=st.lists(events, min_size=1, max_size=20))
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_accepted_is_kept_exactly(
    log: ColumnarEventLog, sendings: list[dict[str, Any]]
) -> None:
    """One event that the engine could not read would fail the block of everyone else."""
    organization = f"org_{next(_organizations)}"
    reading = read_events(msgspec.json.encode(sendings), Form.JSON)
    appended = log.append(organization, reading.events, reading.texts, received_at=ARRIVED).result(
        60
    )
    taken = [
        event.kept() for number, event in enumerate(reading.events)
        if number not in appended.exceptions
    ]  # fmt: skip
    kept = everything(log, organization)
    for sent_event, stored in zip(taken, kept, strict=True):
        for name in sent_event.__struct_fields__:
            assert getattr(stored, name) == getattr(sent_event, name)


_organizations = itertools.count()


def _block(ids: list[str]) -> Block:
    body = msgspec.json.encode([sent(id_) for id_ in ids])
    reading = read_events(body, Form.JSON)
    return Block([Appending("org_a", reading.events, reading.texts, ARRIVED)])


@pytest.mark.parametrize(
    ("wanted", "ids", "why"),
    [
        ({}, ["1", "2", "3"], "all"),
        ({"type": "sms"}, ["2"], "of a type"),
        ({"customer": "acme"}, ["1", "2"], "of a customer"),
        ({"source": "api", "id": "3"}, ["3"], "by identity"),
        ({"id": "3"}, ["3"], "by id alone"),
        ({"actor": "key_1"}, ["2"], "by an actor"),
        ({"properties": {"region": "eu"}}, ["1"], "by a property"),
        ({"properties": {"region": ""}}, ["2"], "by one that is empty, not absent"),
        ({"starts": datetime(2026, 4, 1, tzinfo=UTC)}, ["3"], "from its start on"),
        ({"ends": datetime(2026, 4, 1, tzinfo=UTC)}, ["1", "2"], "up to its end, without it"),
    ],
)
def test_events_are_found(
    log: ColumnarEventLog, wanted: dict[str, Any], ids: list[str], why: str
) -> None:
    append(
        log,
        [
            sent("1", properties={"region": "eu"}),
            sent("2", type="sms", actor="key_1", properties={"region": ""}),
            sent("3", customer="other", time="2026-04-01T00:00:00Z"),
        ],
    )
    assert [event.id for event in everything(log, **wanted)] == ids, why


def test_the_index_is_made_from_the_table(log: ColumnarEventLog, columnar: Columnar) -> None:
    append(log, [sent(f"{number}") for number in range(100)])
    log.position()  # all of them are in the table then
    index = IdentityIndex()
    index.load(ClickHouseEvents(columnar).identities(), expected=100)
    wanted = np.sort(np.array([identity_of("org_a", "api", f"{n}") for n in range(101)], np.uint64))
    found, _ = index.find(wanted)
    assert found.sum() == len(index) == 100
