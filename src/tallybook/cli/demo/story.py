"""The demo, act by act: catalog, customers, a month of events, the bill, one invoice explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from tallybook.cli.catalog.catalog_file import read_catalog
from tallybook.cli.catalog.comparison import Act, apply_move, compare_catalog
from tallybook.cli.client import Api
from tallybook.cli.demo.company import EVENTS, Company, Month, companies, last_month, lines
from tallybook.cli.importing.sending import Batch, send_all
from tallybook.cli.progress import progress_bar
from tallybook.domain.kernel.errors import Invalid, Missing

ORGANIZATION = {"key": "cumulus-ai", "name": "Cumulus AI"}
EVENTS_A_REQUEST = 2_000
CONNECTIONS = 3


def enter(api: Api) -> None:
    """Act for the demo's organization from now on; it is made where it is not there."""
    api.client.headers["Tallybook-Organization"] = ORGANIZATION["key"]
    try:
        api.get("/v1/organization")
    except Missing:
        api.post("/v1/organizations", ORGANIZATION)


def apply_catalog(api: Api) -> int:
    """Apply the demo's catalog; how many of its entries were not there yet."""
    moves = compare_catalog(api, read_catalog(Path(__file__).with_name("catalog.toml")))
    for move in moves:
        apply_move(api, move)
    return sum(move.act is not Act.SAME for move in moves)


def month_kept(api: Api) -> Month | None:
    """The month of an earlier run in these books, so that nothing is billed twice."""
    kept = api.find(f"/v1/subscriptions/{companies()[0].key}")
    if kept is None:
        return None
    began = datetime.fromisoformat(kept["starts_at"]).astimezone(ZoneInfo(kept["timezone"]))
    return Month(began.year, began.month)


def month_gone_by(api: Api) -> Month:
    """The last month that is over everywhere, by the server's clock."""
    said = api.client.get("/v1/health").headers.get("date")
    if said is None:
        raise Invalid("no_clock", "The server does not say what day it is.", mend="Add --month.")
    return last_month(parsedate_to_datetime(said))


def sign_up(api: Api, month: Month) -> int:
    """Every company as a customer with a subscription from the first of the month; how many."""
    made = companies()
    with progress_bar("Customers", unit="signed up") as tell, ThreadPoolExecutor(4) as pool:
        for count, _ in enumerate(pool.map(lambda one: _sign_up(api, one, month), made), 1):
            tell(count, len(made), count)
    return len(made)


def _sign_up(api: Api, company: Company, month: Month) -> None:
    customer = {
        "key": company.key,
        "name": company.name,
        "currency": company.currency,
        "timezone": company.timezone,
        "locale": company.locale,
    }
    api.post("/v1/customers", customer)
    subscription = {
        "key": company.key,
        "customer": company.key,
        "plan": company.plan,
        "starts_at": month.starts(company.timezone),
        "alignment": "calendar",
    }
    api.post("/v1/subscriptions", subscription)


def send_events(api: Api, month: Month, count: int = EVENTS) -> Mapping[str, int]:
    """The month's events over HTTP; how many got which verdict."""
    verdicts: Counter[str] = Counter()
    with progress_bar("Events", unit="events") as tell:
        for answered in send_all(api.client, _batches(month, count), connections=CONNECTIONS):
            verdicts.update(answered.counts)
            tell(verdicts.total(), count, verdicts.total())
    return verdicts


def _batches(month: Month, count: int) -> Iterator[Batch]:
    events = lines(month, count)
    sent = 0
    while batch := list(islice(events, EVENTS_A_REQUEST)):
        rows = range(sent, sent + len(batch))
        sent += len(batch)
        yield Batch((), rows, sent, b"\n".join(batch))


def bill(api: Api, month: Month) -> Mapping[str, Any]:
    """Close the month once it has ended everywhere, and finalize its invoices."""
    ends = max(month.next.starts(company.timezone) for company in companies())
    run: Mapping[str, Any] = api.post("/v1/billing-runs", {"until": ends, "finalize": True})
    return run


def invoices_of(api: Api, month: Month) -> list[Mapping[str, Any]]:
    """The month's invoices, the largest first within each currency."""
    starts = {month.starts(company.timezone) for company in companies()}
    found = [
        invoice
        for invoice in api.each("/v1/invoices")
        if datetime.fromisoformat(invoice["period"]["starts"]).astimezone(UTC) in starts
    ]
    return sorted(found, key=lambda one: (one["currency"], -one["total_minor"], one["id"]))
