"""Who asks, and whether they may: API keys, the operator's token, scopes."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency
from litestar.handlers import BaseRouteHandler

from tallybook.api.raw_headers import header_of
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.errors import Forbidden, Missing, Unauthenticated
from tallybook.services.authenticate import authenticate, recognise
from tallybook.services.ports import Wiring

AnyRequest = Request[Any, Any, Any]
AnyConnection = ASGIConnection[Any, Any, Any, Any]
Guard = Callable[[AnyConnection, BaseRouteHandler], Awaitable[None]]

_LOOPBACK = {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


@dataclass(frozen=True, slots=True)
class Caller:
    """On whose behalf a request is made. `key_id` is "" for the operator."""

    organization_id: str
    key_id: str
    scopes: frozenset[Scope]


Asking = NamedDependency[Caller]
"""`caller: Asking`: who asks, for the few handlers that need more than the organization."""


class Gate:
    """Finds the caller of a request from its `Authorization: Bearer` header.

    A key seen within the last seconds costs no query. The operator's token, made by `serve` for
    programs of the same user on the same machine, acts for the organization named by the header
    `Tallybook-Organization`, or else for the first one.
    """

    def __init__(self, wiring: Wiring, operator_token: str = "") -> None:
        self._wiring = wiring
        self._operator = operator_token.encode()

    async def caller(self, connection: AnyConnection) -> Caller:
        """Whoever asks; `Unauthenticated` when that cannot be told."""
        text = _bearer(connection)
        if self._is_operator(text, connection):
            return await self._operator_caller(connection)
        key = recognise(self._wiring, text)
        if key is None:
            key = await asyncio.to_thread(authenticate, self._wiring, text)
        return Caller(key.organization_id, key.id, key.scopes)

    def expect_operator(self, connection: AnyConnection) -> None:
        """Pass for the operator alone."""
        if not self._is_operator(_bearer(connection), connection):
            raise Forbidden(
                "operator_only",
                "This takes the operator's token: it is done on the server's own machine.",
                mend="Use the `tallybook` command there.",
            )

    def _is_operator(self, text: str, connection: AnyConnection) -> bool:
        if not self._operator or not hmac.compare_digest(text.encode(), self._operator):
            return False
        if connection.client is None or connection.client.host not in _LOOPBACK:
            raise Unauthenticated(
                "operator_elsewhere",
                "The operator's token is good on the server's own machine only.",
                mend="Use an API key.",
            )
        return True

    async def _operator_caller(self, connection: AnyConnection) -> Caller:
        named = connection.headers.get("tallybook-organization", "")
        known = await asyncio.to_thread(self._wiring.directory.organizations)
        for organization in known:
            if named in ("", organization.key, organization.id):
                return Caller(organization.id, "", frozenset(Scope))
        raise Missing(
            "no_such_organization",
            f"There is no organization {named!r}." if named else "There is no organization yet.",
            field="Tallybook-Organization" if named else "",
            mend="Name one that exists." if named else "Run `tallybook init`.",
        )


def requires(scope: Scope) -> Guard:
    """A guard that lets callers with `scope` pass."""

    async def guard(connection: AnyConnection, _: BaseRouteHandler) -> None:
        gate: Gate = connection.app.state.gate
        caller = await gate.caller(connection)
        if scope not in caller.scopes:
            raise Forbidden(
                "scope_missing",
                f"This takes a key with the scope {scope.value!r}; this one has "
                f"{', '.join(sorted(caller.scopes))}.",
                mend=f"Use a key with the scope {scope.value!r}.",
            )
        connection.scope["state"]["caller"] = caller

    guard.scope = scope  # type: ignore[attr-defined]
    return guard


async def requires_operator(connection: AnyConnection, _: BaseRouteHandler) -> None:
    """A guard that lets only the operator pass, for what is above every organization."""
    gate: Gate = connection.app.state.gate
    gate.expect_operator(connection)


def _bearer(connection: AnyConnection) -> str:
    kind, _, text = header_of(connection, b"authorization").partition(" ")
    if kind.lower() != "bearer" or not text:
        raise Unauthenticated(
            "no_api_key",
            "The request carries no API key.",
            mend="Send the header Authorization: Bearer tb_…",
        )
    return text.strip()


def caller_of(request: AnyRequest) -> Caller:
    """The caller that the route's guard let pass."""
    caller: Caller = request.scope["state"]["caller"]
    return caller


def organization_id_of(request: AnyRequest) -> str:
    """The organization that the caller acts for."""
    return caller_of(request).organization_id
