"""A parameter that a route does not have is refused: it would silently not narrow the answer."""

from __future__ import annotations

import pytest
from litestar import Litestar
from litestar.testing import TestClient

Api = TestClient[Litestar]


@pytest.mark.parametrize(
    ("path", "field", "offered", "why"),
    [
        ("/v1/usage?meter=m&period=2026-03&custmer=acme", "custmer", "customer", "misspelt"),
        ("/v1/events?Type=call", "Type", "type", "names are told apart by case"),
        ("/v1/events?starts=2026-03-01T00:00:00Z", "starts", "from", "a name of the code's"),
        ("/v1/meters?wiring=x", "wiring", "limit", "what is injected is no parameter"),
        ("/v1/usage?meter=m&period=2026-03&=1", "", "meter", "no name at all"),
    ],
)
def test_an_unknown_parameter_is_refused(
    api: Api, path: str, field: str, offered: str, why: str
) -> None:
    answer = api.get(path)
    assert answer.status_code == 422, why
    problem = answer.json()
    assert (problem["code"], problem.get("field", "")) == ("unknown_parameter", field), why
    assert offered in problem["mend"].removesuffix(".").removeprefix("Send one of ").split(", ")


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/v1/meters?limit=5&after=a", "its own"),
        ("/v1/quarantine/counts?limit=5", "a list that has but one page"),
        ("/v1/events?match=a:1&match=b:2", "the same one twice"),
        ("/v1/organization", "none"),
    ],
)
def test_what_a_route_takes_is_taken(api: Api, path: str, why: str) -> None:
    assert api.get(path).status_code == 200, why


def test_events_are_not_taken_with_a_parameter_that_means_nothing(api: Api) -> None:
    answer = api.post("/v1/events?verdict=all", json=[])
    assert (answer.status_code, answer.json()["field"]) == (422, "verdict")
    assert api.post("/v1/events?verdicts=all", json=[]).status_code == 200


def test_who_may_not_ask_is_told_that_first(api: Api) -> None:
    answer = api.get("/v1/meters?colour=red", headers={"Authorization": "Bearer nobody"})
    assert answer.status_code == 401
