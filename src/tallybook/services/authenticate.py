"""Tell whose a presented API key is."""

from __future__ import annotations

import hmac

from tallybook.domain.customers.api_keys import digest_of, sha256_of
from tallybook.domain.customers.organization import ApiKey
from tallybook.domain.kernel.errors import Unauthenticated
from tallybook.services.ports import Wiring


def recognise(wiring: Wiring, text: str) -> ApiKey | None:
    """The key, if it was looked up not long ago: asks no database, so it never waits.

    Refuses what cannot be a key; one that was found before can.
    """
    key = wiring.directory.recent_key(sha256_of(text))
    if key is None:
        digest_of(text)  # refuses before anybody waits for the database
    return key


def authenticate(wiring: Wiring, text: str) -> ApiKey:
    """The key whose text this is. `Unauthenticated` where there is none, or it is revoked."""
    digest = digest_of(text)
    key = wiring.directory.find_key(digest)
    if key is None or not hmac.compare_digest(key.secret_sha256, digest):
        raise Unauthenticated(
            "unknown_api_key",
            "No organization has this API key.",
            mend="Check that it was issued by this server; issue a new one if it is lost.",
        )
    if key.revoked_at is not None:
        raise Unauthenticated(
            "revoked_api_key",
            f"The API key {key.prefix} was revoked on {key.revoked_at:%Y-%m-%d}.",
            mend="Use another key, or have one issued.",
        )
    return key
