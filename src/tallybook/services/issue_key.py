"""Issue, list and revoke the keys of an organization."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tallybook.domain.customers.api_keys import (
    LABEL_BYTES,
    SECRET_BYTES,
    digest_of,
    label_of,
    write_key,
)
from tallybook.domain.customers.organization import ApiKey, Scope, named
from tallybook.domain.kernel.errors import Forbidden, Invalid, Missing
from tallybook.services.ports import Wiring


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key, and its text: the only time the text is seen."""

    key: ApiKey
    text: str


def issue_key(
    wiring: Wiring,
    organization_id: str,
    *,
    name: str,
    scopes: Iterable[Scope],
    granted_by: Iterable[Scope] = frozenset(Scope),
) -> IssuedKey:
    """Keep a new key of the organization and answer its text, which is not kept.

    A key can grant what it has itself and no more: `granted_by` are the scopes of whoever asks.
    """
    granted = frozenset(scopes)
    if not granted:
        raise Invalid(
            "no_scopes",
            "A key without scopes could do nothing.",
            field="scopes",
            mend="Name at least one of ingest, read, write.",
        )
    beyond = granted.difference(granted_by)
    if beyond:
        raise Forbidden(
            "scope_beyond_own",
            f"The key that asks has not the scope {', '.join(sorted(beyond))} itself.",
            field="scopes",
            mend="Ask with a key that has every scope of the new one.",
        )
    text = write_key(wiring.new_secret(LABEL_BYTES + SECRET_BYTES))
    key = ApiKey(
        id=wiring.new_id("key"),
        organization_id=organization_id,
        name=named(name),
        prefix=label_of(text),
        secret_sha256=digest_of(text),
        scopes=granted,
        created_at=wiring.now(),
    )
    wiring.directory.add_key(key)
    return IssuedKey(key, text)


def list_keys(wiring: Wiring, organization_id: str) -> list[ApiKey]:
    """The organization's keys, the oldest first, revoked ones too."""
    return wiring.directory.keys_of(organization_id)


def revoke_key(wiring: Wiring, organization_id: str, key_id: str) -> None:
    """Revoke a key, from its next request on. Revoking it again changes nothing."""
    if not wiring.directory.revoke_key(organization_id, key_id, at=wiring.now()):
        raise Missing(
            "no_such_key",
            f"There is no API key {key_id}.",
            mend="List the keys; name one by its id.",
        )
