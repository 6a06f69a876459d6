"""What holds for every route: guarded, described, strict in what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.testing import TestClient
from litestar.types import ASGIApp

from tallybook.api.app import build_api
from tallybook.api.openapi import operations
from tallybook.api.security import requires_operator
from tallybook.domain.customers.organization import Organization, Scope
from tallybook.services.issue_key import issue_key
from tallybook.services.ports import Wiring

OPEN = {"read_health"}
"""What anybody may ask."""

QUESTIONS = ("/verify", "preview", "-previews")
"""Ends of paths that are posted to and change nothing."""


@pytest.fixture
def app(wiring: Wiring) -> Litestar:
    return build_api(wiring)


def test_every_route_says_who_may_use_it(app: Litestar) -> None:
    for method, path, handler in operations(app):
        guards = handler.resolve_guards()
        is_guarded = any(guard is requires_operator or hasattr(guard, "scope") for guard in guards)
        assert is_guarded is (handler.handler_name not in OPEN), f"{method} {path}"


def test_writing_takes_more_than_reading(app: Litestar) -> None:
    """A GET needs `read`; what changes something needs `write` or `ingest`."""
    for method, path, handler in operations(app):
        scopes = _scopes(handler)
        is_question = path.endswith(QUESTIONS) or requires_operator in handler.resolve_guards()
        if method == "GET":
            assert scopes <= {Scope.READ}, f"{method} {path}"
        elif not is_question:
            assert scopes in ({Scope.WRITE}, {Scope.INGEST}), f"{method} {path}"


def test_a_body_has_no_fields_but_those_described(app: Litestar) -> None:
    """A misspelt field that is passed over becomes a wrong invoice."""
    lax = set()
    for _, _, handler in operations(app):
        field = handler.parsed_data_field
        if field is None:
            continue
        for kind in _structs(msgspec.inspect.type_info(field.annotation)):
            if not kind.forbid_unknown_fields:
                lax.add(kind.cls.__name__)
    assert not lax


def test_every_operation_has_a_name_a_summary_and_a_room(app: Litestar) -> None:
    with TestClient(app) as client:
        document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    names = [
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
    ]
    assert len(names) == len(set(names))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert operation["summary"].strip(), f"{method} {path}"
            assert operation["tags"] != ["Other"], f"{method} {path}"
            for parameter in operation.get("parameters", ()):
                assert parameter["description"], f"{method} {path} {parameter['name']}"


def test_references_in_the_description_lead_somewhere(app: Litestar) -> None:
    with TestClient(app) as client:
        document = client.get("/openapi.json").json()
    for reference in _references(document):
        place: Any = document
        for part in reference.removeprefix("#/").split("/"):
            assert part in place, reference
            place = place[part]


@pytest.mark.parametrize("scope", list(Scope))
def test_a_key_with_one_scope_gets_403_where_it_takes_another(
    app: Litestar, wiring: Wiring, organization: Organization, scope: Scope
) -> None:
    """Asked of every route, so that none is left without its guard by mistake."""
    key = issue_key(wiring, organization.id, name="k", scopes=[scope]).text
    client: TestClient[ASGIApp] = TestClient(app)
    with client:
        for method, path, handler in operations(app):
            needed = _scopes(handler)
            if not needed or scope in needed:
                continue
            answer = client.request(
                method,
                path.replace("{number}", "1"),
                headers={"Authorization": f"Bearer {key}"},
                content=b"{}",
            )
            assert answer.status_code == 403, f"{method} {path}: {answer.text}"


def _scopes(handler: HTTPRouteHandler) -> set[Scope]:
    return {guard.scope for guard in handler.resolve_guards() if hasattr(guard, "scope")}


def _structs(kind: msgspec.inspect.Type) -> Iterator[msgspec.inspect.StructType]:
    seen: set[type] = set()
    waiting = [kind]
    while waiting:
        each = waiting.pop()
        if isinstance(each, msgspec.inspect.StructType):
            if each.cls in seen:
                continue
            seen.add(each.cls)
            yield each
            waiting += [field.type for field in each.fields]
        elif isinstance(each, msgspec.inspect.UnionType):
            waiting += each.types
        else:
            inner = (getattr(each, name, None) for name in ("item_type", "value_type", "type"))
            waiting += [found for found in inner if isinstance(found, msgspec.inspect.Type)]


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from _references(each)
    elif isinstance(node, list):
        for each in node:
            yield from _references(each)
