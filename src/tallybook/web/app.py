"""The pages of the server, as one router."""

from __future__ import annotations

from litestar import Router
from litestar.di import Provide

from tallybook.web import assets
from tallybook.web.pages import invoices, reference, shared, sign_in
from tallybook.web.problems import HANDLERS
from tallybook.web.visiting import visitor_of


def build_pages() -> Router:
    """Every page. The application's state gives `wiring`, `boot` and `describe`."""
    return Router(
        path="/",
        route_handlers=[
            assets.router,
            sign_in.router,
            invoices.router,
            shared.router,
            reference.router,
        ],
        dependencies={"visitor": Provide(visitor_of, sync_to_thread=False)},
        exception_handlers=HANDLERS,
        include_in_schema=False,
    )
