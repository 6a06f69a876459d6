"""The doors that one server opens: the API and the pages."""

from __future__ import annotations

from litestar import Litestar

from tallybook.api.app import build_api
from tallybook.services.ports import Wiring


def build_application(wiring: Wiring, *, operator_token: str = "") -> Litestar:
    """Everything that is served over HTTP."""
    return build_api(wiring, operator_token=operator_token)
