"""Plans: published as versions, read, compared; and what they would charge."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec
from litestar import Response, Router, get, post
from litestar.params import JSONBody, PathParameter, QueryParameter

from tallybook.api.injected import OrganizationId, Wired
from tallybook.api.pages import After, Limit, Page, page_of
from tallybook.api.plainly import plainly
from tallybook.api.security import requires
from tallybook.api.workings import StepAnswer, answer_working
from tallybook.domain.catalog.difference import Change, Difference
from tallybook.domain.catalog.difference_wording import sentence
from tallybook.domain.catalog.plan import PlanTerms, PlanVersion
from tallybook.domain.catalog.price import Price
from tallybook.domain.catalog.shared_allowance import SharedAllowance
from tallybook.domain.catalog.spending import Commitment, SpendLimit
from tallybook.domain.catalog.unit import UnitWords
from tallybook.domain.catalog.usage_need import Portion
from tallybook.domain.customers.organization import Scope
from tallybook.domain.invoicing.invoice import LineKind
from tallybook.domain.kernel.decimals import plain
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.instants import Span, to_utc
from tallybook.domain.kernel.money import to_major_units
from tallybook.services.find_plans import compare_plan, find_plan, list_plans, list_versions
from tallybook.services.name_units import unit_words
from tallybook.services.ports import Wiring
from tallybook.services.preview_price import Preview, PreviewedLine, preview_price, preview_usage
from tallybook.services.publish_plan import Publication, publish_plan

PlanKey = Annotated[str, PathParameter(description="The plan's key.")]
Number = Annotated[int, PathParameter(ge=1, description="The version's number, from 1.")]


class DifferenceAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that differs: where, the texts before and after, and a sentence that tells it.

    `path` leads to it by names: `prices/tokens/rule/tiers/0/unit_amount`.
    """

    change: Change
    path: str
    sentence: str
    before: str | None = None
    after: str | None = None


class PublishedPlan(PlanVersion, frozen=True, kw_only=True):
    """The version in force, whether this request made it, and what it changes."""

    is_new: bool
    differences: list[DifferenceAnswer]


@post("/v1/plans", guards=[requires(Scope.WRITE)], sync_to_thread=True)
def create_plan(
    wiring: Wired,
    organization_id: OrganizationId,
    data: JSONBody[PlanTerms],
    dry_run: Annotated[
        bool, QueryParameter(description="Check and compare only; publish nothing.")
    ] = False,
) -> Response[PublishedPlan]:
    """Publish a plan: a new version if it says something new, else the one there is.

    Answers 201 with a new version, 200 with one that says the same. A published version never
    changes; subscriptions stay with the version they have.
    """
    published = publish_plan(wiring, organization_id, data, dry_run=dry_run)
    status = 201 if published.is_new and not dry_run else 200
    return Response(shown_publication(published), status_code=status)


def shown_publication(published: Publication) -> PublishedPlan:
    """A publication as it is answered."""
    answer = PublishedPlan(
        **msgspec.structs.asdict(published.version),
        is_new=published.is_new,
        differences=told(published.differences, published.before, published.version),
    )
    return plainly(answer)


def told(
    differences: Iterable[Difference], before: PlanTerms | None, after: PlanTerms
) -> list[DifferenceAnswer]:
    """Differences with the sentences that tell them."""
    return [
        DifferenceAnswer(
            difference.change,
            difference.path,
            sentence(difference, before, after),
            difference.before,
            difference.after,
        )
        for difference in differences
    ]


@get("/v1/plans", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_plans(
    wiring: Wired, organization_id: OrganizationId, limit: Limit = 100, after: After = ""
) -> Page[PlanVersion]:
    """The latest version of each plan, in key order."""
    found = list_plans(wiring, organization_id, after=after, limit=limit + 1)
    return plainly(page_of(found, limit, lambda each: each.plan_key))


@get("/v1/plans/{key:str}", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_plan(wiring: Wired, organization_id: OrganizationId, key: PlanKey) -> PlanVersion:
    """The latest version of a plan."""
    return plainly(find_plan(wiring, organization_id, key))


@get("/v1/plans/{key:str}/versions", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_versions(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey
) -> Page[PlanVersion]:
    """Every version of a plan, the first one first."""
    return plainly(Page(list_versions(wiring, organization_id, key)))


@get(
    "/v1/plans/{key:str}/versions/{number:int}", guards=[requires(Scope.READ)], sync_to_thread=True
)
def read_version(
    wiring: Wired, organization_id: OrganizationId, key: PlanKey, number: Number
) -> PlanVersion:
    """One version of a plan."""
    return plainly(find_plan(wiring, organization_id, key, number=number))


@get("/v1/plans/{key:str}/differences", guards=[requires(Scope.READ)], sync_to_thread=True)
def read_differences(
    wiring: Wired,
    organization_id: OrganizationId,
    key: PlanKey,
    before: Annotated[int, QueryParameter(ge=1, description="The number of the older version.")],
    after: Annotated[int, QueryParameter(ge=1, description="The number of the newer version.")],
) -> Page[DifferenceAnswer]:
    """What one version of a plan says otherwise than another, in data and in sentences."""
    compared = compare_plan(wiring, organization_id, key, before=before, after=after)
    return Page(told(compared.differences, compared.before, compared.after))


class PricePreviewRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which prices, and how much of each.

    The prices are those of a published `plan` (its latest `version` unless named), or `prices` that
    are only thought of, with their `currency`. `quantities` gives a price's quantity by its key, of
    a fee how many are taken; `usage` gives it split, for prices that go by a dimension or the time
    of day. What is not named is rated at no usage; a fee at one.

    With `customer` the usage is what that customer used from `starts_at` to `ends_at`, or in a
    named `period` such as 2026-03 by its calendar; without any of these in its last whole month.
    `quantities` are then of fees alone.
    A plan that is sold in several currencies is rated in the customer's, or in `currency`.

    Conditions act as on the first bill of a whole period: a plan's own, or those sent with
    `prices`; and the coupons of the codes in `coupons`.
    """

    plan: str | None = None
    version: int | None = None
    prices: tuple[Price, ...] = ()
    currency: str = ""
    quantities: dict[str, Decimal] = {}
    usage: dict[str, tuple[Portion, ...]] = {}
    customer: str | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    period: str = ""
    timezone: str = "UTC"
    locale: str = "en"
    shared_allowances: tuple[SharedAllowance, ...] = ()
    commitments: tuple[Commitment, ...] = ()
    spend_limits: tuple[SpendLimit, ...] = ()
    coupons: tuple[str, ...] = ()


class PreviewedPrice(msgspec.Struct, frozen=True):
    """What a price or a condition would charge, and which of them it is, by `kind`.

    `amount` is printed, `exact_amount` what it was rounded from.
    """

    kind: LineKind
    key: str
    name: str
    quantity: str
    unit: str
    exact_amount: str
    amount: Decimal
    working: list[StepAnswer]


class PricePreviewAnswer(msgspec.Struct, frozen=True):
    """What all prices would charge, in major units of the currency."""

    currency: str
    total: Decimal
    lines: list[PreviewedPrice]


@post("/v1/price-previews", guards=[requires(Scope.READ)], status_code=200, sync_to_thread=True)
def create_price_preview(
    wiring: Wired, organization_id: OrganizationId, data: JSONBody[PricePreviewRequest]
) -> PricePreviewAnswer:
    """What these quantities would cost, with the working. Nothing is kept."""
    terms = _terms(wiring, organization_id, data)
    if data.customer is not None:
        preview = preview_usage(
            wiring,
            organization_id,
            terms,
            customer=data.customer,
            span=_span(data),
            period=data.period,
            quantities=data.quantities,
            codes=data.coupons,
        )
    else:
        _check_no_time(data)
        preview = preview_price(
            wiring,
            organization_id,
            terms,
            data.usage,
            quantities=data.quantities,
            timezone=data.timezone,
            codes=data.coupons,
        )
    words = unit_words(wiring, organization_id)
    lines = [_line(preview, line, data.locale, words) for line in preview.lines]
    return PricePreviewAnswer(preview.currency, to_major_units(preview.total), lines)


def _terms(wiring: Wiring, organization_id: str, data: PricePreviewRequest) -> PlanTerms:
    if (data.plan is None) == (not data.prices):
        raise Invalid(
            "plan_or_prices",
            "A preview is of a plan or of prices.",
            field="plan",
            mend="Send either plan, or prices with their currency.",
        )
    if data.plan is not None:
        _check_own_conditions(data)
        version = find_plan(wiring, organization_id, data.plan, number=data.version)
        sold_in = (version.currency, *version.currencies)
        if data.currency and data.currency not in sold_in:
            raise Invalid(
                "plan_not_in_currency",
                f"Plan {data.plan!r} is not sold in {data.currency[:20]!r}.",
                field="currency",
                mend=f"Send one of {', '.join(sold_in)}, or leave it out.",
            )
        return version.priced_in(data.currency) if data.currency else version
    return PlanTerms(
        plan_key="preview",
        name="Preview",
        currency=data.currency,
        prices=data.prices,
        shared_allowances=data.shared_allowances,
        commitments=data.commitments,
        spend_limits=data.spend_limits,
    )


def _check_own_conditions(data: PricePreviewRequest) -> None:
    """A plan has its own conditions: others would be left out without a word."""
    for name in ("shared_allowances", "commitments", "spend_limits"):
        if getattr(data, name):
            raise Invalid(
                "plan_has_its_own",
                "A plan is rated with its own conditions.",
                field=name,
                mend="Leave them out, or send prices in place of the plan.",
            )


def _check_no_time(data: PricePreviewRequest) -> None:
    """Only what a customer used is of a period; usage that is sent says itself when it was."""
    for name in ("period", "starts_at", "ends_at"):
        if getattr(data, name):
            raise Invalid(
                "period_without_customer",
                "A period is of what a customer used.",
                field=name,
                mend="Send customer too, or leave the time out.",
            )


def _span(data: PricePreviewRequest) -> Span | None:
    if data.usage:
        raise Invalid(
            "usage_twice",
            "The usage is the customer's own, or it is sent.",
            field="customer",
            mend="Leave out either customer, or usage.",
        )
    if data.starts_at is None and data.ends_at is None:
        return None
    if data.starts_at is None or data.ends_at is None or data.period:
        raise Invalid(
            "no_period",
            "A time has a start and an end, or a name.",
            field="period" if data.period else "ends_at" if data.starts_at else "starts_at",
            mend="Send starts_at and ends_at, or period, or none for the last month.",
        )
    starts_at = to_utc(data.starts_at, field="starts_at")
    ends_at = to_utc(data.ends_at, field="ends_at")
    if ends_at <= starts_at:
        raise Invalid(
            "period_backwards",
            "The time ends before it begins.",
            field="ends_at",
            mend="Send an ends_at that is later than starts_at.",
        )
    return Span(starts_at, ends_at)


def _line(preview: Preview, line: PreviewedLine, locale: str, words: UnitWords) -> PreviewedPrice:
    working = answer_working(
        line.rated.working,
        currency=preview.currency,
        locale=locale,
        unit=line.unit,
        unit_words=words,
    )
    return PreviewedPrice(
        line.kind,
        line.key,
        line.name,
        plain(line.rated.quantity),
        line.unit,
        plain(line.rated.amount),
        to_major_units(line.printed),
        working,
    )


router = Router(
    path="/",
    route_handlers=[
        create_plan,
        read_plans,
        read_plan,
        read_versions,
        read_version,
        read_differences,
        create_price_preview,
    ],
    tags=["Plans"],
)
