"""Sessions of the console: begun with an API key or the operator's word, ended with either."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import msgspec

from tallybook.domain.customers.organization import ApiKey, Scope
from tallybook.domain.kernel.errors import Forbidden, Unauthenticated
from tallybook.domain.kernel.signing import sign, signed_payload
from tallybook.services.authenticate import authenticate
from tallybook.services.ports import Wiring

LIFETIME = timedelta(hours=12)
ENTRANCE_LIFETIME = timedelta(minutes=10)
_SESSION, _ENTRANCE, _FORM = "console session", "console entrance", "console form"


class Session(msgspec.Struct, frozen=True, array_like=True):
    """Who is signed in. `key_sha256` is empty for the operator, whose `boot` is then the server's.

    `boot` is a random text of the running process: the operator's session ends with it.
    """

    organization_id: str
    key_sha256: bytes
    boot: str
    ends_unix: int


@dataclass(frozen=True, slots=True)
class Visitor:
    """On whose behalf a page is shown, and the token that forms on it must carry."""

    organization_id: str
    scopes: frozenset[Scope]
    form_token: str


def begin_session(wiring: Wiring, key_text: str) -> str:
    """A session for whoever has this API key with the scope `read`, as a signed text."""
    key = authenticate(wiring, key_text.strip())
    if Scope.READ not in key.scopes:
        raise Forbidden(
            "scope_missing",
            "This key may not read, so there is nothing to show with it.",
            mend="Sign in with a key that has the scope 'read'.",
        )
    return _signed(wiring, key.organization_id, key.secret_sha256, "")


def offer_entrance(wiring: Wiring, organization_id: str, boot: str) -> str:
    """A text that begins one session without a key, within `ENTRANCE_LIFETIME`."""
    ends_unix = int((wiring.now() + ENTRANCE_LIFETIME).timestamp())
    offer = Session(organization_id, wiring.new_secret(8), boot, ends_unix)
    return sign(wiring.signing_key, _ENTRANCE, msgspec.json.encode(offer))


def take_entrance(wiring: Wiring, text: str, boot: str) -> str:
    """The session that an entrance offers. Good for a while and for this server process only."""
    payload = signed_payload(wiring.signing_key, _ENTRANCE, text)
    offer = msgspec.json.decode(payload, type=Session) if payload else None
    if offer is None or offer.boot != boot or offer.ends_unix <= wiring.now().timestamp():
        raise Unauthenticated(
            "no_such_entrance",
            "This link into the console is not valid, or no longer.",
            mend="Ask for a new one with `tallybook console`, or sign in with an API key.",
        )
    return _signed(wiring, offer.organization_id, b"", boot)


def recognise_visitor(wiring: Wiring, text: str, boot: str) -> Visitor | None:
    """Who has this session; None when it has ended, or its key is revoked."""
    payload = signed_payload(wiring.signing_key, _SESSION, text)
    session = msgspec.json.decode(payload, type=Session) if payload else None
    if session is None or session.ends_unix <= wiring.now().timestamp():
        return None
    form_token = sign(wiring.signing_key, _FORM, text.encode()).partition(".")[2]
    if not session.key_sha256:
        if session.boot != boot:
            return None
        return Visitor(session.organization_id, frozenset(Scope), form_token)
    key = _valid_key(wiring, session.key_sha256)
    return Visitor(key.organization_id, key.scopes, form_token) if key else None


def _valid_key(wiring: Wiring, digest: bytes) -> ApiKey | None:
    key = wiring.directory.recent_key(digest) or wiring.directory.find_key(digest)
    return key if key is not None and key.revoked_at is None else None


def _signed(wiring: Wiring, organization_id: str, digest: bytes, boot: str) -> str:
    ends_unix = int((wiring.now() + LIFETIME).timestamp())
    session = Session(organization_id, digest, boot, ends_unix)
    return sign(wiring.signing_key, _SESSION, msgspec.json.encode(session))
