"""Links by which an invoice can be read without a key: signed, for one invoice, for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from tallybook.domain.kernel.errors import Missing
from tallybook.domain.kernel.signing import sign, signed_payload
from tallybook.services.ports import Wiring
from tallybook.services.read_invoice import read_invoice

LIFETIME = timedelta(days=90)
_PURPOSE = "shared invoice"


class _Share(msgspec.Struct, frozen=True, array_like=True):
    organization_id: str
    invoice_id: str
    ends_unix: int


@dataclass(frozen=True, slots=True)
class SharedInvoice:
    """Which invoice a link opens."""

    organization_id: str
    invoice_id: str
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Link:
    """The token of a link, and when it ends."""

    token: str
    ends_at: datetime


def share_invoice(wiring: Wiring, organization_id: str, invoice_id: str) -> Link:
    """A token that opens this invoice to whoever has it, to read, for `LIFETIME`.

    Nothing is kept for it: it cannot be taken back singly, only with the signing key.
    """
    invoice = read_invoice(wiring, organization_id, invoice_id)
    ends_at = (wiring.now() + LIFETIME).replace(microsecond=0)
    share = _Share(organization_id, invoice.id, int(ends_at.timestamp()))
    return Link(sign(wiring.signing_key, _PURPOSE, msgspec.json.encode(share)), ends_at)


def open_share(wiring: Wiring, token: str) -> SharedInvoice:
    """What the token opens. `Missing` for one that we did not sign, or that has ended."""
    payload = signed_payload(wiring.signing_key, _PURPOSE, token)
    share = msgspec.json.decode(payload, type=_Share) if payload else None
    if share is None or share.ends_unix <= wiring.now().timestamp():
        raise Missing(
            "no_such_link",
            "This link is not valid, or no longer.",
            mend="Ask whoever sent it for a new one.",
        )
    ends_at = datetime.fromtimestamp(share.ends_unix, UTC)
    return SharedInvoice(share.organization_id, share.invoice_id, ends_at)
