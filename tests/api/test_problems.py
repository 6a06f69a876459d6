"""Every refusal has one form, names what to mend, and tells nothing of our insides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from litestar import Litestar, Router, get, post
from litestar.params import JSONBody
from litestar.testing import TestClient

from engines import Doors
from tallybook.api.app import build_api
from tallybook.api.pages import Limit
from tallybook.domain.catalog.price import Price
from tallybook.domain.kernel.errors import Unavailable
from tallybook.services.ports import Wiring


@get("/trial/fault", sync_to_thread=False)
def fail() -> None:
    raise RuntimeError("the secret is 12345")


@get("/trial/away", sync_to_thread=False)
def be_away() -> None:
    raise Unavailable("away", "The engine is away.", mend="Wait.", retry_after_seconds=7)


@post("/trial/price", sync_to_thread=False)
def echo(data: JSONBody[Price]) -> Price:
    return data


@get("/trial/list", sync_to_thread=False)
def count(limit: Limit = 10) -> int:
    return limit


TRIAL = Doors(
    lambda wiring: build_api(
        wiring, [Router(path="/", route_handlers=[fail, be_away, echo, count])]
    )
)


@pytest.fixture
def trial(wiring: Wiring) -> Iterator[TestClient[Litestar]]:
    with TRIAL.over(wiring) as application:
        yield TestClient(application, raise_server_exceptions=False)


FLAT = b'{"key":"a","name":"A","rule":{"model":"flat","amount":1}}'


@pytest.mark.parametrize(
    ("body", "status", "code", "field", "why"),
    [
        (b"{", 422, "malformed_json", "", "cut off"),
        (b"", 422, "missing_body", "", "nothing at all"),
        (b"\xff\xfe", 422, "malformed_json", "", "not UTF-8"),
        (FLAT.replace(b":1", b":NaN"), 422, "malformed_json", "", "NaN is not JSON"),
        (b"[]", 422, "wrong_value", "", "not an object"),
        (FLAT.replace(b":1", b":true"), 422, "wrong_value", "rule/amount", "not a number"),
        (FLAT.replace(b'"a"', b"5"), 422, "wrong_value", "key", "no text from a number"),
        (FLAT.replace(b"flat", b"flax"), 422, "wrong_value", "rule/model", "no such model"),
        (FLAT.replace(b',"amount":1', b""), 422, "missing_field", "rule/amount", "left out"),
        (FLAT.replace(b"amount", b"x"), 422, "unknown_field", "rule/x", "misspelt"),
        (b"1" * 10_000_001, 413, "body_too_large", "", "more than any request may carry"),
        (b'{"match":' + b"[" * 100_000, 422, "wrong_value", "match", "nested without an end"),
    ],
)
def test_a_malformed_body_is_refused_where_it_is_wrong(
    trial: TestClient[Litestar], body: bytes, status: int, code: str, field: str, why: str
) -> None:
    with trial as client:
        answer = client.post("/trial/price", content=body)
    assert answer.status_code == status, why
    assert answer.headers["content-type"].startswith("application/problem+json")
    problem = answer.json()
    assert (problem["code"], problem.get("field", "")) == (code, field), why
    assert problem["mend"], why


def test_an_unknown_field_is_refused(api: TestClient[Litestar]) -> None:
    answer = api.post("/v1/api-keys", json={"name": "a", "scopes": ["read"], "scope": "read"})
    assert answer.status_code == 422
    assert answer.json()["code"] == "unknown_field"
    assert answer.json()["field"] == "scope"


@pytest.mark.parametrize("number", ["0.1", "12345678901234567890.123456789012", "1E-12", "1E+5"])
def test_numbers_pass_without_a_float_between(trial: TestClient[Litestar], number: str) -> None:
    with trial as client:
        answer = client.post("/trial/price", content=FLAT.replace(b":1", b":" + number.encode()))
    assert answer.json()["rule"]["amount"] == number


def test_a_fault_tells_nothing_of_the_insides(trial: TestClient[Litestar]) -> None:
    with trial as client:
        answer = client.get("/trial/fault")
    assert answer.status_code == 500
    assert answer.json()["code"] == "internal_fault"
    assert "secret" not in answer.text
    assert "Traceback" not in answer.text


def test_an_engine_away_says_when_to_try_again(trial: TestClient[Litestar]) -> None:
    with trial as client:
        answer = client.get("/trial/away")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "7"


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nowhere", 404, "no_such_path"),
        ("PUT", "/v1/health", 405, "method_not_allowed"),
        ("GET", "/trial/list?limit=0", 422, "wrong_value"),
        ("GET", "/trial/list?limit=many", 422, "wrong_value"),
    ],
)
def test_what_the_framework_refuses_has_the_same_form(
    trial: TestClient[Litestar], method: str, path: str, status: int, code: str
) -> None:
    with trial as client:
        answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")
    assert answer.json()["code"] == code


def test_every_answer_carries_the_security_headers(trial: TestClient[Litestar]) -> None:
    with trial as client:
        answers = [client.get(path) for path in ("/v1/nowhere", "/trial/fault", "/trial/list")]
    for answer in answers:
        assert "script-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
