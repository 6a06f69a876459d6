"""Events over HTTP: every form, every verdict, every limit, and nobody else's.

Rules: docs/semantics/events.md
"""

from __future__ import annotations

import gzip
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from event_sending import sent
from tallybook.api.bodies import unpacked
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.domain.events.limits import MAX_BODY_BYTES
from tallybook.domain.kernel.errors import TooLarge
from tallybook.services.create_organization import create_organization
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring

Api = TestClient[Litestar]
CLOUD = {
    "specversion": "1.0", "type": "call", "source": "/gw", "id": "1",
    "time": "2026-03-01T12:00:00Z", "subject": "acme", "data": {"n": 1},
}  # fmt: skip


def post(api: Api, body: Any, content_type: str = "application/json", **headers: str) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return api.post("/v1/events", content=content, headers={"Content-Type": content_type, **names})


def lines(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def counts(
    accepted: int = 0, duplicate: int = 0, conflict: int = 0, rejected: int = 0,
    quarantined: int = 0,
) -> Any:  # fmt: skip
    return {
        "accepted": accepted, "duplicate": duplicate, "conflict": conflict, "rejected": rejected,
        "quarantined": quarantined,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("content_type", "body", "count", "why"),
    [
        ("application/json", sent("1"), 1, "one event"),
        ("application/json", [sent("1"), sent("2")], 2, "a list"),
        ("application/x-ndjson", lines(sent("1"), sent("2")), 2, "an event a line"),
        ("application/cloudevents+json", CLOUD, 1, "a CloudEvent"),
        ("application/cloudevents-batch+json", [CLOUD, CLOUD | {"id": "2"}], 2, "several"),
    ],
)
def test_every_form_is_taken(api: Api, content_type: str, body: Any, count: int, why: str) -> None:
    answer = post(api, body, content_type)
    assert answer.status_code == 200, why
    assert answer.json() == {"counts": counts(accepted=count), "position": count, "results": []}
    again = post(api, body, content_type)
    assert again.status_code == 200, "to repeat oneself is no fault"
    assert again.json()["counts"] == counts(duplicate=count)
    assert [each["verdict"] for each in again.json()["results"]] == ["duplicate"] * count


BINARY = {
    "ce-specversion": "1.0", "ce-type": "call", "ce-source": "/gw", "ce-id": "1",
    "ce-time": "2026-03-01T12:00:00Z", "ce-subject": "acme",
}  # fmt: skip


def test_a_cloudevent_in_binary_mode_is_the_same_event(api: Api) -> None:
    assert post(api, {"n": 1}, **BINARY).json()["counts"] == counts(accepted=1)
    assert post(api, CLOUD, "application/cloudevents+json").json()["counts"] == counts(duplicate=1)
    other = BINARY | {"ce-id": "2", "ce-subject": "M%C3%BCller", "ce-actor": "k", "ce-trace": "t"}
    assert post(api, b'{"n": 1.10}', "application/json; charset=utf-8", **other).status_code == 200
    found = api.get("/v1/events?id=2")
    [event] = found.json()["results"]
    assert (event["customer"], event["actor"]) == ("Müller", "k")
    assert b"1.10" in found.content, "digit for digit"
    in_document = post(api, CLOUD | {"id": "3"}, "application/cloudevents+json", **BINARY)
    assert in_document.json()["counts"] == counts(accepted=1), "the body says what it is"
    assert post(api, b"", **(BINARY | {"ce-id": "4"})).json()["counts"] == counts(accepted=1)


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/vnd.acme.call+json",
        'application/ld+json; profile="x"; charset="utf-8"',
        "text/json",
    ],
)
def test_data_in_binary_mode_may_be_of_any_type_that_is_json(api: Api, content_type: str) -> None:
    assert post(api, b'{"n": 1}', content_type, **BINARY).json()["counts"] == counts(accepted=1)
    document = CLOUD | {"datacontenttype": content_type}
    told = post(api, document, "application/cloudevents+json").json()["counts"]
    assert told == counts(duplicate=1), "as in a document"


@pytest.mark.parametrize(
    ("header", "subject", "why"),
    [
        ("acme", "acme", "as it is"),
        ("Euro%20%E2%82%AC%20%F0%9F%98%80", "Euro € 😀", "the example of the binding"),
        ("%61cme", "acme", "encoded without need"),
        ("m%c3%bcller", "müller", "small letters"),
        ("50%2525", "50%25", "decoded once"),
        ("50%", "50%", "what encodes nothing is itself"),
        ('"acme corp"', "acme corp", "older senders put it in quotes"),
        (r'"a\"b\\c"', r'a"b\c', "with backslashes in them"),
        ('"%22x%22"', '"x"', "unquoted first, decoded then"),
        ('5"', '5"', "quotes within are what they are"),
    ],
)
def test_headers_are_decoded_as_the_binding_says(
    api: Api, header: str, subject: str, why: str
) -> None:
    answer = post(api, b"{}", **(BINARY | {"ce-subject": header}))
    assert answer.status_code == 200, answer.text
    [event] = api.get("/v1/events").json()["results"]
    assert event["customer"] == subject, why


@pytest.mark.parametrize(
    ("headers", "body", "content_type", "status", "field", "why"),
    [
        ({"ce-time": "soon"}, b"{}", "application/json", 422, "time", "no time"),
        (
            {"ce-specversion": "0.3"},
            b"{}",
            "application/json",
            422,
            "specversion",
            "another version",
        ),
        ({"ce-subject": "%ff"}, b"{}", "application/json", 422, "ce-subject", "no UTF-8"),
        ({}, b'{}, "id": "2"', "application/json", 422, "data", "no way out of the data"),
        ({}, b"[1]", "application/json", 422, "data", "data are an object"),
        ({"ce-subject": "%C0%A0"}, b"{}", "application/json", 422, "ce-subject", "overlong"),
        (
            {"ce-subject": "Müller".encode()},
            b"{}",
            "application/json",
            422,
            "ce-subject",
            "not encoded",
        ),
        ({}, b"<a/>", "application/xml", 415, "Content-Type", "not JSON"),
        ({}, b"{}", "application/x-ndjson", 415, "Content-Type", "one event only"),
        ({}, b"{}", "application/json; charset=utf-16", 415, "Content-Type", "not UTF-8"),
        ({}, b"{}", "application/json+zip", 415, "Content-Type", "JSON is not at its end"),
        ({}, b"{}", "text/plain", 415, "Content-Type", "as senders without a type say"),
    ],
)
def test_what_is_no_cloudevent_in_binary_mode_is_refused(
    api: Api, headers: dict[str, Any], body: bytes, content_type: str, status: int, field: str,
    why: str,
) -> None:  # fmt: skip
    answer = post(api, body, content_type, **(BINARY | headers))
    assert (answer.status_code, answer.json()["field"]) == (status, field), why
    assert api.get("/v1/events").json()["results"] == []


def test_one_bad_event_never_loses_the_others(api: Api) -> None:
    post(api, sent("kept"))
    body = lines(
        sent("1"), sent("2", time="2026-03-01T12:00:00"), sent("kept"), sent("kept", type="sms")
    )
    answer = post(api, body + b"{\n" + lines(sent("3")), "application/x-ndjson")
    assert answer.status_code == 207
    told = answer.json()
    assert told["counts"] == counts(accepted=2, duplicate=1, conflict=1, rejected=2)
    assert [(each["index"], each["id"], each["verdict"]) for each in told["results"]] == [
        (1, "2", "rejected"),
        (2, "kept", "duplicate"),
        (3, "kept", "conflict"),
        (4, "", "rejected"),
    ]
    rejected, _, conflict, malformed = told["results"]
    assert rejected["field"] == "time"
    assert "no time zone" in rejected["reason"]
    assert "Add Z" in rejected["mend"]
    assert conflict["field"] == "type"
    assert conflict["reason"]
    assert conflict["mend"]
    assert "not JSON" in malformed["reason"]
    everything = post(api, body, "application/x-ndjson").json()
    assert everything["counts"] == counts(duplicate=2, conflict=1, rejected=1)


def test_every_verdict_can_be_asked_for(api: Api) -> None:
    body = lines(sent("1"), sent("1"), sent(""), sent("2"))
    answer = api.post(
        "/v1/events?verdicts=all", content=body, headers={"Content-Type": "application/x-ndjson"}
    )
    assert [(each["index"], each["verdict"]) for each in answer.json()["results"]] == [
        (0, "accepted"), (1, "duplicate"), (2, "rejected"), (3, "accepted"),
    ]  # fmt: skip
    assert api.post("/v1/events?verdicts=some", content=body).status_code == 422


@pytest.mark.parametrize(
    ("first", "second", "content_type", "status", "code", "field", "why"),
    [
        (sent("1"), sent("1", type="x"), "application/json", 409, "event_conflict", "type", ""),
        (sent("1"), {"id": "1"}, "application/json", 422, "event_rejected", "type", ""),
        (
            CLOUD, CLOUD | {"data": {"n": 2}}, "application/cloudevents+json", 409,
            "event_conflict", "data/n", "by the sender's own names",
        ),
        (
            CLOUD, CLOUD | {"subject": "x"}, "application/cloudevents+json", 409,
            "event_conflict", "subject", "by the sender's own names",
        ),
    ],
)  # fmt: skip
def test_one_event_by_itself_that_is_not_taken_is_a_problem(
    api: Api,
    first: Any,
    second: Any,
    content_type: str,
    status: int,
    code: str,
    field: str,
    why: str,
) -> None:
    assert post(api, first, content_type).status_code == 200
    answer = post(api, second, content_type)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["code"], answer.json()["field"]) == (code, field), why
    assert answer.json()["mend"]


@pytest.mark.parametrize(
    ("body", "content_type", "encoding", "status", "code", "why"),
    [
        (b"{}", "text/csv", "identity", 415, "unsupported_content_type", "no form of events"),
        (b"{}", "application/json", "br", 415, "unsupported_content_encoding", "not unpacked"),
        (b"{}", "application/json", "gzip", 422, "malformed_gzip", "says gzip and is not"),
        (gzip.compress(b"[]")[:-4], "application/json", "gzip", 422, "malformed_gzip", "cut off"),
        (b"[{", "application/json", "identity", 422, "malformed_json", "cut off"),
        (b"", "application/json", "identity", 422, "malformed_json", "nothing"),
        (b"{}\n{}", "application/json", "identity", 422, "malformed_json", "NDJSON called JSON"),
        (b"[" * 10**6, "application/json", "identity", 422, "malformed_json", "nested deep"),
        (
            b'{"a":' * 10**6, "application/json", "identity", 422, "malformed_json", "nested deep"
        ),
        (b"[" + b"0," * 10_000 + b"0]", "application/json", "identity", 413, "too_many_events", ""),
        (b" " * (MAX_BODY_BYTES + 1), "application/json", "identity", 413, "body_too_large", ""),
        (
            gzip.compress(b" " * (MAX_BODY_BYTES + 1)), "application/json", "gzip", 413,
            "body_too_large", "a bomb is not unpacked",
        ),
    ],
    ids=lambda value: f"{len(value)} bytes" if isinstance(value, bytes) else None,
)  # fmt: skip
def test_what_is_refused_as_a_whole(
    api: Api, body: bytes, content_type: str, encoding: str, status: int, code: str, why: str
) -> None:
    answer = post(api, body, content_type, Content_Encoding=encoding)
    assert (answer.status_code, answer.json()["code"]) == (status, code), why
    assert answer.json()["mend"]
    assert api.get("/v1/events").json()["results"] == []


def test_gzip_is_unpacked(api: Api) -> None:
    body = lines(*(sent(f"{number}") for number in range(500)))
    answer = post(api, gzip.compress(body), "application/x-ndjson", Content_Encoding="gzip")
    assert answer.json()["counts"] == counts(accepted=500)
    halves = gzip.compress(body[:1000]) + gzip.compress(body[1000:])
    answer = post(api, halves, "application/x-ndjson", Content_Encoding="gzip")
    assert answer.json()["counts"] == counts(duplicate=500)


def test_a_bomb_is_unpacked_no_further_than_allowed() -> None:
    bomb = gzip.compress(bytes(200_000_000), 9)
    with pytest.raises(TooLarge):
        unpacked(bomb, 1000)
    with pytest.raises(TooLarge):
        unpacked(gzip.compress(b"x" * 600) * 2, 1000)


def test_a_long_body_is_taken(api: Api) -> None:
    filler = "x" * 7000
    body = lines(*(sent(f"{number}", properties={"text": filler}) for number in range(300)))
    assert len(body) > 2_000_000
    assert post(api, body, "application/x-ndjson").json()["counts"] == counts(accepted=300)


def test_many_requests_at_once_share_their_commits(api: Api) -> None:
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: post(api, sent(f"{n % 40}")), range(120)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(answer.json()["counts"]["accepted"] for answer in answers) == 40
    assert len(api.get("/v1/events").json()["results"]) == 40


@pytest.mark.parametrize(
    ("query", "ids", "why"),
    [
        ("", ["3", "2", "1"], "the last to arrive first"),
        ("?type=call", ["3", "1"], "of a type"),
        ("?customer=other", ["3"], "of a customer"),
        ("?source=api&id=2", ["2"], "by identity"),
        ("?actor=key_1", ["2"], "by an actor"),
        ("?match=region:eu", ["1"], "by a property"),
        ("?from=2026-04-01T00:00:00Z", ["3"], "from then on"),
        ("?to=2026-04-01T00:00:00Z", ["2", "1"], "until then"),
    ],
)
def test_events_are_listed(api: Api, query: str, ids: list[str], why: str) -> None:
    post(api, sent("1", properties={"region": "eu", "n": 1}))
    post(api, sent("2", type="sms", actor="key_1"))
    post(api, sent("3", customer="other", time="2026-04-01T00:00:00Z"))
    page = api.get(f"/v1/events{query}").json()
    assert [event["id"] for event in page["results"]] == ids, why
    assert page["next"] is None


def test_pages_do_not_move_while_events_arrive(api: Api) -> None:
    post(api, [sent(f"{number}") for number in range(25)])
    seen: list[int] = []
    after: str | None = ""
    while after is not None:
        page = api.get(f"/v1/events?limit=10&after={after}").json()
        seen += [event["position"] for event in page["results"]]
        after = page["next"]
        post(api, sent(f"late{len(seen)}"))
    assert seen == list(range(25, 0, -1))


@pytest.mark.parametrize("query", ["after=x", "after=-1", "after=²", "match=eu", "from=today"])
def test_a_listing_asked_wrongly_is_refused(api: Api, query: str) -> None:
    answer = api.get(f"/v1/events?{query}")
    assert answer.status_code == 422
    assert answer.json()["field"] == query.partition("=")[0]


def test_keys_see_and_send_only_their_own(
    api: Api, wiring: Wiring, organization: Organization
) -> None:
    other = create_organization(wiring, key="other", name="Other")
    stranger = issue_key(wiring, other.id, name="all", scopes=Scope)
    reader = issue_key(wiring, organization.id, name="read", scopes=[Scope.READ])
    assert post(api, sent("1")).json()["counts"] == counts(accepted=1)
    as_stranger = {"Authorization": f"Bearer {stranger.text}"}
    assert api.get("/v1/events", headers=as_stranger).json()["results"] == []
    theirs = post(api, sent("1", customer="x"), **as_stranger)
    assert theirs.json()["counts"] == counts(accepted=1), "one id, two tenants"
    as_reader = {"Authorization": f"Bearer {reader.text}"}
    assert post(api, sent("2"), **as_reader).status_code == 403
    assert post(api, sent("2"), Authorization="Bearer nonsense").status_code == 401
    assert [event["customer"] for event in api.get("/v1/events").json()["results"]] == ["acme"]
