"""The API reference at `/docs`: rendered here, from the server's own description."""

from __future__ import annotations

from litestar import Response, Router, get

from tallybook.web.reference_view import Reference
from tallybook.web.rendering import AnyRequest, render


@get("/docs", sync_to_thread=True)
def read_reference(request: AnyRequest) -> Response[str]:
    """Every operation with its parameters, body and answer."""
    document = request.app.state.describe(request.app)
    reference = Reference(document)
    return render(
        "reference.html",
        groups=reference.groups(),
        introduction=document["info"]["description"],
        problem=reference.problem(),
    )


router = Router(path="/", route_handlers=[read_reference])
