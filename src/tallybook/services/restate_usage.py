"""Find events that came too late for their invoice: restate what was billed, redraw drafts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tallybook.domain.events.event import StoredEvent
from tallybook.domain.invoicing.invoice import InvoiceStatus
from tallybook.domain.invoicing.restatement import (
    Counted,
    LateEventSettings,
    LatePolicy,
    Listed,
    Restatement,
    StuckDraft,
    Touched,
    UsageLine,
    counted,
    may_touch,
    restate,
)
from tallybook.domain.kernel.errors import Missing, Refusal
from tallybook.domain.metering.meter import Meter, Usage, UsageQuery
from tallybook.services.measure_charges import CustomerPeriod
from tallybook.services.ports import Records, Wiring
from tallybook.services.read_invoice import found
from tallybook.services.recalculate_invoice import recalculate_invoice


@dataclass(frozen=True, slots=True)
class RestatementRun:
    """Up to which position events were looked at; what came of it.

    `recalculated` are drafts; `stuck` those that could not be.
    """

    through: int
    restated: int = 0
    recalculated: int = 0
    stuck: tuple[StuckDraft, ...] = ()


@dataclass(frozen=True, slots=True)
class Moves:
    """The `organizations` whose events, or corrections, came in `(after, through]`."""

    after: int
    through: int
    organizations: frozenset[str]


def find_moves(wiring: Wiring, *, after: int) -> Moves:
    """Whose events came since, of all organizations by one query, so that the others need none."""
    through = wiring.event_log.position()
    if through == after:
        return Moves(after, through, frozenset())
    return Moves(after, through, wiring.late_events.moved(after=after, through=through))


def restate_usage(
    wiring: Wiring, organization_id: str, moves: Moves | None = None
) -> RestatementRun:
    """Look at all that came to the log since the last time, one run of an organization at a time.

    Where it is known whose events came, those of others are not looked for.

    Usage is counted again by two queries for each meter and as-of that lines were counted up to,
    of those customers alone whose events came. What fails is looked at again the next time.
    """
    with wiring.books.begin(organization_id) as records:
        watch = records.restatements.watch()
        told = wiring.event_log.acknowledged()
        if watch.since is None or watch.until is None or (watch.since >= told and not watch.seen):
            return RestatementRun(told)
        if moves is not None and _is_quiet(organization_id, watch.since, moves):
            records.restatements.watched(watch, through=moves.through)
            return RestatementRun(moves.through)
        through = wiring.event_log.position()
        touched = wiring.late_events.touched(
            organization_id, after=watch.since, through=through, until=watch.until
        )
        lines, meters = _lines(records, touched)
        restated, stale = _compare(
            wiring, records, lines, meters, through=through, policy=watch.policy
        )
        records.restatements.add_many(restated)
        records.restatements.watched(watch, through=through)
        stuck = _recalculated(wiring, records, stale)
        return RestatementRun(through, len(restated), len(stale) - len(stuck), tuple(stuck))


def _is_quiet(organization_id: str, since: int, moves: Moves) -> bool:
    """Whether nothing of an organization came after `since`, up to where the moves are known."""
    is_known = moves.after <= since <= moves.through
    return is_known and organization_id not in moves.organizations


def _lines(
    records: Records, touched: Sequence[Touched]
) -> tuple[list[UsageLine], Mapping[str, Meter]]:
    """The lines that such events could change, and their meters by id."""
    if not touched:
        return [], {}
    by_customer: dict[str, list[Touched]] = defaultdict(list)
    for each in touched:
        by_customer[each.customer].append(each)
    since = min(each.first_at for each in touched)
    lines = records.restatements.lines_of(list(by_customer), since=since)
    meters = records.meters.by_ids({line.proof.meter_id for line in lines})
    touchable = [
        line
        for line in lines
        if any(
            may_touch(line, meters[line.proof.meter_id], each)
            for customer in line.proof.customers
            for each in by_customer.get(customer, ())
        )
    ]
    return touchable, meters


def _compare(
    wiring: Wiring,
    records: Records,
    lines: Sequence[UsageLine],
    meters: Mapping[str, Meter],
    *,
    through: int,
    policy: LatePolicy,
) -> tuple[list[Restatement], list[UsageLine]]:
    """Restatements of lines that are finalized, and lines of drafts that count other events now."""
    organization_id = records.organization_id
    made_at = wiring.now_of(organization_id)
    before = _count(wiring, organization_id, [(line, line.counted_to) for line in lines], meters)
    after = _count(wiring, organization_id, [(line, through) for line in lines], meters)
    restated: list[Restatement] = []
    stale: list[UsageLine] = []
    for line, then, now in zip(lines, before, after, strict=True):
        made = restate(organization_id, line, then, now, policy=policy, made_at=made_at)
        if made is None:
            continue
        if line.status is InvoiceStatus.DRAFT:
            stale.append(line)
        else:
            restated.append(made)
    drafts = {line.invoice_id: line for line in stale}
    return restated, list(drafts.values())


def _count(
    wiring: Wiring,
    organization_id: str,
    wanted: Sequence[tuple[UsageLine, int]],
    meters: Mapping[str, Meter],
) -> list[Counted]:
    """What is counted for each line up to its position: one query a meter, split and position."""
    asked: dict[tuple[str, tuple[str, ...], int], dict[CustomerPeriod, None]] = defaultdict(dict)
    for line, as_of in wanted:
        asked[_split(line, as_of)] |= dict.fromkeys(_periods(line))
    rows: dict[tuple[str, tuple[str, ...], int], dict[CustomerPeriod, list[Usage]]] = {}
    for (meter_id, groups, as_of), periods in asked.items():
        usage = wiring.usage.measure_spans(
            organization_id, meters[meter_id], list(periods), as_of=as_of, group_by=groups
        )
        kept = rows[meter_id, groups, as_of] = defaultdict(list)
        for row in usage:
            kept[CustomerPeriod(row.customer, row.span)].append(row)
    return [
        counted(line, _rows_of(line, rows[_split(line, as_of)]), as_of=as_of)
        for line, as_of in wanted
    ]


def _split(line: UsageLine, as_of: int) -> tuple[str, tuple[str, ...], int]:
    return line.proof.meter_id, tuple(sorted(line.proof.match)), as_of


def _periods(line: UsageLine) -> list[CustomerPeriod]:
    return [CustomerPeriod(customer, line.proof.span) for customer in line.proof.customers]


def _rows_of(line: UsageLine, rows: Mapping[CustomerPeriod, Sequence[Usage]]) -> Iterable[Usage]:
    return (row for period in _periods(line) for row in rows.get(period, ()))


def _recalculated(wiring: Wiring, records: Records, stale: Sequence[UsageLine]) -> list[StuckDraft]:
    """Redraw drafts, each by itself; those that could not be are looked at the next time."""
    stuck: list[StuckDraft] = []
    for line in stale:
        try:
            recalculate_invoice(wiring, records.organization_id, line.invoice_id)
        except Refusal as refusal:
            stuck.append(
                StuckDraft(
                    invoice_id=line.invoice_id,
                    code=refusal.code,
                    message=refusal.message,
                    mend=refusal.mend,
                )
            )
            until = line.proof.span.ends
            records.restatements.note(as_of=line.proof.evidence.as_of, until=until)
    return stuck


def list_restatements(
    wiring: Wiring,
    organization_id: str,
    *,
    after: str = "",
    limit: int = 100,
    customer: str | None = None,
    meter: str | None = None,
    invoice: str | None = None,
) -> list[Listed]:
    """Restatements, the last made first; of a customer, a meter, an invoice."""
    with wiring.books.begin(organization_id) as records:
        invoice_id = None if invoice is None else found(records, invoice).id
        return records.restatements.page(
            after=after, limit=limit, customer=customer, meter=meter, invoice_id=invoice_id
        )


def find_restatement(wiring: Wiring, organization_id: str, restatement_id: str) -> Listed:
    """The restatement of that id; `Missing` where there is none."""
    with wiring.books.begin(organization_id) as records:
        listed = records.restatements.by_id(restatement_id)
    if listed is None:
        raise Missing(
            "no_such_restatement",
            f"There is no restatement {restatement_id[:60]!r}.",
            field="restatement_id",
            mend="Send the id of one that GET /v1/restatements lists.",
        )
    return listed


def list_restated_events(
    wiring: Wiring, organization_id: str, restatement_id: str, *, after: str = "", limit: int = 100
) -> tuple[list[tuple[StoredEvent, bool]], str]:
    """The events behind the difference, each with whether it counts after and not before.

    By time and position; and where to go on, or "". They are the same for ever.
    """
    listed = find_restatement(wiring, organization_id, restatement_id)
    made, proof = listed.restatement, listed.proof
    with wiring.books.begin(organization_id) as records:
        meter = records.meters.by_id(made.meter_id)
    assert meter is not None, "a meter that was billed is never deleted"
    query = UsageQuery(
        span=proof.span,
        as_of=made.after.evidence.as_of,
        customers=proof.customers,
        match=proof.match,
    )
    events, next_ = wiring.late_events.between(
        organization_id,
        meter,
        query,
        before=made.before.evidence.as_of,
        after=after,
        limit=limit,
    )
    kept = wiring.corrections.annotated(organization_id, [event for event, _ in events])
    return [(event, is_in) for event, (_, is_in) in zip(kept, events, strict=True)], next_


def find_late_event_settings(wiring: Wiring, organization_id: str) -> LateEventSettings:
    """What the organization wants done about late events."""
    with wiring.books.begin(organization_id) as records:
        return records.restatements.settings()


def set_late_event_settings(
    wiring: Wiring, organization_id: str, settings: LateEventSettings
) -> LateEventSettings:
    """Want this of restatements made from now on."""
    with wiring.books.begin(organization_id) as records:
        records.restatements.set_settings(settings)
    return settings
