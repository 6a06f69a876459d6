"""The HTTP application: every route, one way to authenticate, one way to refuse."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import Provide

from tallybook.api.exact_texts import check_texts
from tallybook.api.headers import add_security_headers
from tallybook.api.openapi import describe
from tallybook.api.parameters import refuse_unknown_parameters
from tallybook.api.problems import HANDLERS, invalid_body
from tallybook.api.routes import (
    backfills,
    billing,
    changes,
    clock,
    collectives,
    console,
    corrections,
    coupons,
    customers,
    description,
    event_types,
    events,
    experiments,
    health,
    invoice_links,
    invoices,
    keys,
    meters,
    migrations,
    organizations,
    phases,
    plan_life,
    plans,
    products,
    quality,
    quarantine,
    restatements,
    subscriptions,
    units,
    usage,
)
from tallybook.api.security import AnyRequest, Gate, caller_of, organization_id_of
from tallybook.api.short_way import ShortWay
from tallybook.services.ports import Wiring

MAX_BODY_BYTES = 10_000_000

ROUTERS = (
    health.router,
    description.router,
    organizations.router,
    console.router,
    keys.router,
    events.router,
    corrections.router,
    backfills.router,
    event_types.router,
    quarantine.router,
    quality.router,
    meters.router,
    usage.router,
    customers.router,
    plans.router,
    plan_life.router,
    experiments.router,
    migrations.router,
    products.router,
    units.router,
    subscriptions.router,
    changes.router,
    coupons.router,
    phases.router,
    invoices.router,
    invoice_links.router,
    collectives.router,
    restatements.router,
    billing.router,
    clock.router,
)


class ExactRequest(Request[Any, Any, State]):
    """A request whose JSON body is read straight into the handler's type.

    Read as plain JSON first, a number would pass through a binary float and lose digits.
    """

    async def json(self) -> Any:
        field = self.route_handler.parsed_data_field
        assert field is not None, "a handler that reads its body has a parameter for it"
        body = await self.body()
        try:
            read = _decoder(field.annotation).decode(body)
        except msgspec.MsgspecError as error:
            raise invalid_body(error, field.annotation) from None
        check_texts(body, field.annotation)
        return read


_decoders: dict[Any, msgspec.json.Decoder[Any]] = {}


def _decoder(kind: Any) -> msgspec.json.Decoder[Any]:
    decoder = _decoders.get(kind)
    if decoder is None:
        decoder = _decoders[kind] = msgspec.json.Decoder(kind)
    return decoder


def build_api(
    wiring: Wiring,
    routers: Sequence[Router] = (),
    *,
    operator_token: str = "",
    not_found_page: Callable[[AnyRequest], Response[Any]] | None = None,
    **options: Any,
) -> Litestar:
    """The application over `wiring`: the API, and whatever other doors `routers` open.

    A browser at a path that does not exist is shown `not_found_page`.
    """

    def provided_wiring() -> Wiring:
        return wiring

    return ShortWay(
        shortest=events.post_events,
        route_handlers=[*ROUTERS, *routers],
        dependencies={
            "wiring": Provide(provided_wiring, sync_to_thread=False),
            "caller": Provide(caller_of, sync_to_thread=False),
            "organization_id": Provide(organization_id_of, sync_to_thread=False),
        },
        exception_handlers=HANDLERS,
        request_class=ExactRequest,
        request_max_body_size=MAX_BODY_BYTES,
        state=State(
            {
                "gate": Gate(wiring, operator_token),
                "wiring": wiring,
                "boot": secrets.token_hex(16),
                "describe": describe,
                "not_found_page": not_found_page,
            }
        ),
        openapi_config=None,
        before_request=refuse_unknown_parameters,
        before_send=[add_security_headers],
        logging_config=None,
        **options,
    )
