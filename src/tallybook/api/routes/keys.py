"""API keys: issued, listed, revoked."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.security import Asking, requires
from tallybook.domain.customers.organization import ApiKey, Scope
from tallybook.services.issue_key import issue_key, list_keys, revoke_key


class NewKey(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a key shall be called and what it may do."""

    name: str
    scopes: frozenset[Scope]


class KeyAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it can be shown. `prefix` is how its text begins."""

    id: str
    name: str
    prefix: str
    scopes: list[Scope]
    created_at: datetime
    revoked_at: datetime | None


class IssuedKeyAnswer(KeyAnswer, frozen=True, kw_only=True):
    """A key just issued. `text` is the key itself, shown this once."""

    text: str


@post("/v1/api-keys", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def create_key(
    wiring: Wired, organization_id: OrganizationId, caller: Asking, data: JSONBody[NewKey]
) -> IssuedKeyAnswer:
    """Issue a key. Its text is answered once and cannot be read again."""
    issued = issue_key(
        wiring, organization_id, name=data.name, scopes=data.scopes, granted_by=caller.scopes
    )
    return IssuedKeyAnswer(**msgspec.structs.asdict(_shown(issued.key)), text=issued.text)


@get("/v1/api-keys", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_keys(wiring: Wired, organization_id: OrganizationId) -> Page[KeyAnswer]:
    """The organization's keys, the oldest first, revoked ones too."""
    keys = list_keys(wiring, organization_id)
    return Page([_shown(key) for key in keys])


@delete("/v1/api-keys/{key_id:str}", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def delete_key(
    wiring: Wired,
    organization_id: OrganizationId,
    key_id: Annotated[str, PathParameter(description="The key's id, `key_…`.")],
) -> None:
    """Revoke a key: its next request is refused. Repeating it changes nothing."""
    revoke_key(wiring, organization_id, key_id)


def _shown(key: ApiKey) -> KeyAnswer:
    return KeyAnswer(
        id=key.id,
        name=key.name,
        prefix=key.prefix,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        revoked_at=key.revoked_at,
    )


router = Router(path="/", route_handlers=[create_key, read_keys, delete_key], tags=["API keys"])
