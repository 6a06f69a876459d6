"""The page of one invoice and its parts, the same in the console and behind a shared link."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from litestar import Response

from tallybook.domain.invoicing.invoice import Invoice
from tallybook.domain.invoicing.verification import Verification
from tallybook.services.create_organization import read_organization
from tallybook.services.enter_console import Visitor
from tallybook.services.name_units import unit_words
from tallybook.services.ports import Wiring
from tallybook.services.read_invoice import list_line_events, read_invoice
from tallybook.services.verify_invoice import verify_invoice
from tallybook.web.invoice_view import difference_views, event_views, header_view, line_views
from tallybook.web.reader import Reader
from tallybook.web.rendering import AnyRequest, render, wants_part

EVENTS_PAGE = 25


@dataclass(frozen=True)
class Reading:
    """An invoice, where its page is, and who reads it.

    A `visitor` of the console is offered more around it. For a shared link there is none, but the
    time at which the link `ends_at`.
    """

    wiring: Wiring
    organization_id: str
    invoice_id: str
    path: str
    visitor: Visitor | None = None
    ends_at: datetime | None = None

    @cached_property
    def invoice(self) -> Invoice:
        return read_invoice(self.wiring, self.organization_id, self.invoice_id)

    @cached_property
    def reader(self) -> Reader:
        """The customer's own locale and zone, as they were when the invoice was drawn up."""
        words = unit_words(self.wiring, self.organization_id)
        return Reader(self.invoice.billed_to.locale, self.invoice.used_by.timezone, words)

    def page(self, verification: Verification | None = None) -> Response[str]:
        """The whole page, with the result of counting again if that was done."""
        return self._render(
            "invoice.html",
            lines=line_views(self.invoice, self.reader, self.path),
            link_until=self.reader.day(self.ends_at) if self.ends_at else "",
            verification=verification,
            differences=difference_views(verification, self.reader) if verification else [],
        )

    def verification(self, request: AnyRequest) -> Response[str]:
        """Count again and tell the result: as a part for scripts, else on the page."""
        verification = verify_invoice(self.wiring, self.organization_id, self.invoice.id)
        if not wants_part(request):
            return self.page(verification)
        return self._render(
            "parts/verification.html",
            verification=verification,
            differences=difference_views(verification, self.reader),
        )

    def events(self, request: AnyRequest, number: int, after: str) -> Response[str]:
        """Some of the events behind a line: as a part for scripts, else as a page of their own."""
        events, following = list_line_events(
            self.wiring,
            self.organization_id,
            self.invoice.id,
            number,
            after=after,
            limit=EVENTS_PAGE,
        )
        template = "parts/event_rows.html" if after else "parts/events.html"
        return self._render(
            template if wants_part(request) else "events.html",
            line=line_views(self.invoice, self.reader, self.path)[number - 1],
            events=event_views(events, self.reader),
            following=following,
        )

    def _render(self, template: str, **shown: Any) -> Response[str]:
        return render(
            template,
            reader=self.reader,
            labels=self.reader.labels,
            visitor=self.visitor,
            organization=read_organization(self.wiring, self.organization_id),
            invoice=header_view(self.invoice, self.reader),
            path=self.path,
            **shown,
        )
