"""Links by which an invoice can be read without a key: signed, for one invoice, for a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import msgspec

from tallybook.domain.invoicing.link import LIFETIME, InvoiceLink
from tallybook.domain.kernel.errors import Gone, Missing
from tallybook.domain.kernel.signing import sign, signed_payload
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found

_PURPOSE = "shared invoice"


class _Token(msgspec.Struct, frozen=True, array_like=True):
    organization_id: str
    link_id: str


@dataclass(frozen=True, slots=True)
class SharedInvoice:
    """Which invoice a link opens."""

    organization_id: str
    invoice_id: str
    ends_at: datetime


def share_invoice(wiring: Wiring, organization_id: str, invoice_id: str, *, by: str) -> InvoiceLink:
    """Make a link that opens this invoice to whoever has it, to read, for `LIFETIME`."""
    now = wiring.now()
    with wiring.books.begin(organization_id) as records:
        link = InvoiceLink(
            id=wiring.new_id("lnk"),
            invoice_id=found(records, invoice_id).id,
            made_at=now,
            made_by=by,
            ends_at=(now + LIFETIME).replace(microsecond=0),
        )
        records.invoice_links.add(link)
    return link


def token_of(wiring: Wiring, organization_id: str, link: InvoiceLink) -> str:
    """What stands for a link in its address. It is kept nowhere."""
    token = _Token(organization_id, link.id)
    return sign(wiring.signing_key, _PURPOSE, msgspec.json.encode(token))


def list_links(wiring: Wiring, organization_id: str, invoice_id: str) -> list[InvoiceLink]:
    """Every link that was made to an invoice, the last made first."""
    with wiring.books.begin(organization_id) as records:
        return records.invoice_links.of_invoice(found(records, invoice_id).id)


def revoke_link(wiring: Wiring, organization_id: str, invoice_id: str, link_id: str) -> InvoiceLink:
    """Take a link back: it opens nothing from now on. `Missing` where the invoice has it not."""
    with wiring.books.begin(organization_id) as records:
        invoice = found(records, invoice_id)
        records.invoice_links.revoke(_of(records, invoice.id, link_id).id, at=wiring.now())
        return _of(records, invoice.id, link_id)


def open_share(wiring: Wiring, token: str) -> SharedInvoice:
    """What the token opens. `Gone` for one taken back, `Missing` for one not made here or ended."""
    payload = signed_payload(wiring.signing_key, _PURPOSE, token)
    if payload is None:
        raise _no_link()
    read = msgspec.json.decode(payload, type=_Token)
    with wiring.books.begin(read.organization_id) as records:
        link = records.invoice_links.by_id(read.link_id)
    if link is not None and link.revoked_at is not None:
        raise Gone(
            "link_revoked",
            "This link was taken back.",
            mend="Ask whoever sent it for a new one.",
        )
    if link is None or not link.is_open(wiring.now()):
        raise _no_link()
    return SharedInvoice(read.organization_id, link.invoice_id, link.ends_at)


def _of(records: Records, invoice_id: str, link_id: str) -> InvoiceLink:
    link = records.invoice_links.by_id(link_id)
    if link is None or link.invoice_id != invoice_id:
        raise Missing(
            "no_such_link",
            f"The invoice has no link {link_id[:60]!r}.",
            field="link_id",
            mend="Send the id of one that GET /v1/invoices/{invoice_id}/links lists.",
        )
    return link


def _no_link() -> Missing:
    return Missing(
        "no_such_link",
        "This link is not valid, or no longer.",
        mend="Ask whoever sent it for a new one.",
    )
