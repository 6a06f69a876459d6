"""The doors that one server opens: the API and the pages."""

from __future__ import annotations

from litestar import Litestar

from tallybook.api.app import build_api
from tallybook.services.ports import Wiring
from tallybook.web.app import build_pages
from tallybook.web.problems import not_found_page


def build_application(wiring: Wiring, *, operator_token: str = "") -> Litestar:
    """Everything that is served over HTTP."""
    return build_api(
        wiring,
        [build_pages()],
        operator_token=operator_token,
        not_found_page=not_found_page,
    )
