"""Changes of a subscription: made, listed, undone, and tried out first."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import msgspec
from litestar import Router, delete, get, post
from litestar.params import JSONBody, PathParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import Page
from tallybook.api.plainly import plainly
from tallybook.api.routes.invoices import InvoiceAnswer, shown_invoice
from tallybook.api.routes.subscriptions import (
    SubscriptionAnswer,
    SubscriptionKey,
    shown_subscription,
)
from tallybook.api.security import requires
from tallybook.domain.catalog.overrides import Overrides, said_otherwise
from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.customers.organization import Scope
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.subscriptions.changes import AddQuantity, Proration, SetQuantity, Undo
from tallybook.domain.subscriptions.orders import ChangeOrder
from tallybook.services.change_subscription import (
    Changed,
    FullChange,
    change_subscription,
    list_changes,
    preview_change,
    undo_change,
)
from tallybook.services.name_units import unit_words

ChangeNumber = Annotated[int, PathParameter(description="The change's number.", ge=1, le=10_000)]


class ChangeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A change: the `number`th recorded, holding from `effective_at`.

    `plan`, `version` and `overrides` of one to another plan or to other overrides, `price` and
    `quantity` of a quantity, `undoes` the number of the change that one undoes; else null.
    """

    number: int
    kind: str
    plan: str | None
    version: int | None
    overrides: Overrides | None
    price: str | None
    quantity: str | None
    undoes: int | None
    effective_at: datetime
    recorded_at: datetime
    proration: Proration
    is_undone: bool


class ChangedAnswer(msgspec.Struct, frozen=True):
    """What was recorded, the subscription as it is by it, and the invoices drawn up at once."""

    changes: list[ChangeAnswer]
    subscription: SubscriptionAnswer
    invoices: list[InvoiceAnswer]


class ChangePreviewAnswer(msgspec.Struct, frozen=True):
    """The next invoice as it would be with the change, and as it is to be without.

    Usage is what was counted until now. Null where no invoice is to come.
    """

    changed: InvoiceAnswer | None
    unchanged: InvoiceAnswer | None


@post("/v1/subscriptions/{key:str}/changes", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def post_change(
    wiring: Wired,
    organization_id: OrganizationId,
    key: SubscriptionKey,
    data: JSONBody[ChangeOrder],
) -> ChangedAnswer:
    """Change a subscription: now, with its period, from a past or from a future time.

    Credits for what was billed in advance and the charges that replace them are lines of the next
    invoice; with `bills_at_once`, of one that is drawn up now. Nothing is overwritten: each change
    is a fact of its own, and can be undone. With a `key` repeating it answers what was made; a
    difference is a conflict.
    """
    changed = change_subscription(wiring, organization_id, key, data)
    return _changed(changed, unit_words(wiring, organization_id))


@get("/v1/subscriptions/{key:str}/changes", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_changes(
    wiring: Wired, organization_id: OrganizationId, key: SubscriptionKey
) -> Page[ChangeAnswer]:
    """Every change of a subscription, in the order of recording, also those that are undone."""
    return Page([_shown(full) for full in list_changes(wiring, organization_id, key)])


@delete(
    "/v1/subscriptions/{key:str}/changes/{number:int}",
    guards=[requires(Scope.WRITE)],
    status_code=200,
    sync_to_thread=True,
)
def delete_change(
    wiring: Wired, organization_id: OrganizationId, key: SubscriptionKey, number: ChangeNumber
) -> ChangedAnswer:
    """Undo a change, as if it had never been made; what was billed for it is given back.

    The undoing is a change too: undone itself, it brings the first one back.
    """
    changed = undo_change(wiring, organization_id, key, number)
    return _changed(changed, unit_words(wiring, organization_id))


@post(
    "/v1/subscriptions/{key:str}/change-previews",
    guards=[requires(Scope.READ)],
    status_code=200,
    sync_to_thread=True,
)
def post_change_preview(
    wiring: Wired,
    organization_id: OrganizationId,
    key: SubscriptionKey,
    data: JSONBody[ChangeOrder],
) -> ChangePreviewAnswer:
    """What a change would make of the next invoice. Nothing is recorded."""
    preview = preview_change(wiring, organization_id, key, data)
    words = unit_words(wiring, organization_id)
    return ChangePreviewAnswer(
        changed=None if preview.changed is None else shown_invoice(preview.changed, words),
        unchanged=None if preview.unchanged is None else shown_invoice(preview.unchanged, words),
    )


def _changed(changed: Changed, words: UnitWords) -> ChangedAnswer:
    return ChangedAnswer(
        [_shown(full) for full in changed.changes],
        shown_subscription(changed.full),
        [shown_invoice(invoice, words) for invoice in changed.invoices],
    )


def _shown(full: FullChange) -> ChangeAnswer:
    change, what = full.change, full.change.what
    counted = what if isinstance(what, SetQuantity | AddQuantity) else None
    return ChangeAnswer(
        number=change.number,
        kind=str(type(what).__struct_config__.tag),
        plan=None if full.version is None else full.version.plan_key,
        version=None if full.version is None else full.version.version,
        overrides=None if full.version is None else plainly(said_otherwise(full.version)),
        price=None if counted is None else counted.price_key,
        quantity=None if counted is None else plain(counted.quantity),
        undoes=what.number if isinstance(what, Undo) else None,
        effective_at=change.effective_at,
        recorded_at=change.recorded_at,
        proration=change.proration,
        is_undone=full.is_undone,
    )


router = Router(
    path="/",
    route_handlers=[post_change, read_changes, delete_change, post_change_preview],
    tags=["Subscriptions"],
)
