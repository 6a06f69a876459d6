"""Styles, scripts and pictures, served from the package itself under names that never go stale."""

from __future__ import annotations

import hashlib
from importlib.resources import files
from typing import Annotated

from litestar import Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

_KINDS = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_STATIC = files("tallybook.web").joinpath("static")
_CONTENTS = {
    found.name: found.read_bytes()
    for folder in (_STATIC, _STATIC.joinpath("vendor"))
    for found in folder.iterdir()
    if found.is_file()
}
_VERSIONS = {name: hashlib.sha256(body).hexdigest()[:12] for name, body in _CONTENTS.items()}


def asset(name: str) -> str:
    """The path of an asset; it changes with the asset, so that it can be kept for ever."""
    return f"/assets/{_VERSIONS[name]}/{name}"


@get("/assets/{version:str}/{name:str}", sync_to_thread=False)
def read_asset(
    version: Annotated[str, PathParameter()], name: Annotated[str, PathParameter()]
) -> Response[bytes]:
    """An asset. One asked for under an older version is the newest, and not to be kept."""
    if name not in _CONTENTS:
        raise NotFoundException
    is_current = version == _VERSIONS[name]
    kept = "public, max-age=31536000, immutable" if is_current else "no-store"
    kind = _KINDS[name[name.rindex(".") :]]
    return Response(_CONTENTS[name], media_type=kind, headers={"cache-control": kept})


router = Router(path="/", route_handlers=[read_asset], include_in_schema=False)
