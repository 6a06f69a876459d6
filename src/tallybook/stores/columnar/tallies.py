"""Tallies: what a meter counted by customer, UTC day and dimension values, kept to be added up.

A batch of tallies says exactly what the events in a stretch of the log, `(after, through]`, come
to. It never changes and can be thrown away at any time. A question about many customers takes whole
days from a chain of batches that reaches from the log's beginning towards its as-of, and everything
else from the events: those later in the log, and those of days that its span has only parts of.

A batch counts from when its row in `tally_batches` is there, which is written after its tallies.
Two processes that make batches of the same stretch do no harm: a chain takes one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, takewhile

from tallybook.domain.kernel.errors import Unavailable
from tallybook.domain.metering.meter import Meter
from tallybook.stores.columnar.client import Columnar
from tallybook.stores.columnar.parameters import Parameters, microseconds
from tallybook.stores.columnar.plan import Plan
from tallybook.stores.columnar.rows import Rows

DAY = 86_400_000_000
LEAST = 500_000
"""Positions that a new batch covers at least; fewer events are read as quickly as tallies."""

MOST = 5_000_000
"""Positions that a new batch covers at most, so that making one takes little memory."""

WORTH = 0.5
"""Tallies for each event above which they are not worth reading, nor making."""

_KEPT_FOR_MINUTES = 10
"""How long a batch stays for questions under way after the one that replaces it was made."""

_SUMMED = "sum(events), sumWithOverflow(checksum), sum(total), min(low), max(high)"
_BY_TALLY = "GROUP BY customer, day, dimensions"
_NOTHING = "toDecimal128(0, 12)"


@dataclass(frozen=True, slots=True)
class Batch:
    """What the events in `(after, through]` come to, and how many tallies and events these are."""

    id: int
    after: int
    through: int
    tallies: int
    events: int


class Tallies:
    """The tallies in the event store."""

    def __init__(self, columnar: Columnar, *, least: int = LEAST, worth: float = WORTH) -> None:
        self._columnar = columnar
        self._least = least
        self._worth = worth

    def read(self, plan: Plan, rows: Rows) -> Plan:
        """`plan`, or where it helps one that reads tallies instead of most events."""
        scope = rows.scope
        if not plan.tallied or not _suits(rows):
            return plan
        if rows.standing is not None and not plan.subtracts:
            return plan
        chain = self.chain(scope.organization_id, scope.meter, as_of=scope.as_of)
        if not chain or not self._is_worth(chain):
            return plan
        return Plan(
            rows.in_windows(_tallied(rows, chain)),
            parts=plan.tallied,
            event_count="sum(events)",
            checksum="sumWithOverflow(checksum)",
            may_be_empty=rows.standing is not None,
        )

    def chain(self, organization_id: str, meter: Meter, *, as_of: int) -> list[Batch]:
        """Batches that follow each other from the log's beginning, not further than `as_of`.

        Where several begin at one position, the one that reaches furthest.
        """
        bind = Parameters()
        rows = self._rows(
            "SELECT batch, after, through, tallies, events FROM tally_batches "
            f"WHERE organization_id = {bind.text(organization_id)} "
            f"AND meter_id = {bind.text(meter.id)} AND through <= {bind.position(as_of)} "
            "ORDER BY through, batch DESC",
            bind,
        )
        longest = {batch.after: batch for batch in (Batch(*row) for row in rows)}
        chain: list[Batch] = []
        while (reached := chain[-1].through if chain else 0) in longest:
            chain.append(longest[reached])
        return chain

    def extend(self, rows: Rows, plan: Plan) -> bool:
        """Tally the next stretch of the log, up to the as-of of `rows`; whether there was one."""
        scope = rows.scope
        chain = self.chain(scope.organization_id, scope.meter, as_of=scope.as_of)
        after = chain[-1].through if chain else 0
        through = min(scope.as_of, after + MOST)
        if not plan.tallied or through - after < self._least or not self._is_worth(chain):
            return False
        bind = rows.parameters
        stretch = f"position > {bind.position(after)} AND position <= {bind.position(through)}"
        dimensions = ", ".join(f"d{number}" for number in range(len(scope.group_by)))
        self._make(
            scope.organization_id,
            scope.meter,
            (after, through),
            "SELECT customer, toDate(fromUnixTimestamp64Micro(at, 'UTC')) AS day, "
            f"[{dimensions}]::Array(String) AS dimensions, {_SUMMED} "
            f"FROM ({_untallied(rows, stretch)}) {_BY_TALLY}",
            bind,
        )
        self._merge(scope.organization_id, scope.meter, through)
        return True

    def _merge(self, organization_id: str, meter: Meter, through: int) -> None:
        """Make one batch of the last ones that are together about as large as the one before."""
        chain = self.chain(organization_id, meter, as_of=through)
        last = mergeable(chain)
        if len(last) < 2:
            return
        bind = Parameters()
        self._make(
            organization_id,
            meter,
            (last[0].after, last[-1].through),
            f"SELECT customer, day, dimensions, {_SUMMED} FROM tallies "
            f"WHERE {_of(organization_id, meter, bind)} AND batch IN {_ids(last, bind)} "
            f"{_BY_TALLY}",
            bind,
        )
        self._forget(organization_id, meter, through)

    def _make(
        self,
        organization_id: str,
        meter: Meter,
        stretch: tuple[int, int],
        tallied: str,
        bind: Parameters,
    ) -> None:
        """Write the tallies of a batch, then that it is there."""
        batch = bind.position(self._rows("SELECT generateSnowflakeID()", Parameters())[0][0])
        whose = f"{bind.text(organization_id)}, {bind.text(meter.id)}"
        after, through = map(bind.position, stretch)
        with self._columnar.client() as client:
            failed = self._columnar.failed_writes(client)
            client.command(
                f"INSERT INTO tallies SELECT {whose}, {batch}, * FROM ({tallied})", bind.values
            )
            if self._columnar.failed_writes(client) > failed:
                raise Unavailable(
                    "tallies_unwritable",
                    "The event store could not write tallies to its disk.",
                    mend="See that the disk of its data is well and has space.",
                )
            client.command(
                f"INSERT INTO tally_batches SELECT {whose}, {batch}, {after}, {through}, count(), "
                f"sum(events) FROM tallies WHERE organization_id = {bind.text(organization_id)} "
                f"AND meter_id = {bind.text(meter.id)} AND batch = {batch}",
                bind.values,
            )

    def _forget(self, organization_id: str, meter: Meter, through: int) -> None:
        """Delete what others have long replaced, so that no question under way can be reading it.

        First that it is there, then what it says; and tallies that never became a batch.
        """
        [(long_ago,)] = self._rows(
            f"SELECT dateTime64ToSnowflakeID(now64(3) - toIntervalMinute({_KEPT_FOR_MINUTES}))",
            Parameters(),
        )
        chain = self.chain(organization_id, meter, as_of=through)
        long_there = list(takewhile(lambda batch: batch.id < long_ago, chain))
        if not long_there:
            return
        bind = Parameters()
        of, old = _of(organization_id, meter, bind), f"batch < {bind.position(long_ago)}"
        replaced = (
            f"{of} AND {old} AND batch NOT IN {_ids(chain, bind)} "
            f"AND through <= {bind.position(long_there[-1].through)}"
        )
        at_once = "SETTINGS mutations_sync = 1"
        with self._columnar.client() as client:
            client.command(
                f"ALTER TABLE tally_batches DELETE WHERE {replaced} {at_once}", bind.values
            )
        rows = self._rows(f"SELECT batch FROM tally_batches WHERE {of}", bind)
        kept = bind.wholes([row[0] for row in rows])
        with self._columnar.client() as client:
            client.command(
                f"ALTER TABLE tallies DELETE WHERE {of} AND {old} AND NOT has({kept}, batch)",
                bind.values,
            )

    def forget_broken(self) -> None:
        """Let go of batches that say another number of tallies than there are: a write was lost.

        They are made anew like any that are not there yet.
        """
        stored = "SELECT organization_id, meter_id, batch, count() AS n FROM tallies GROUP BY ALL"
        broken = (
            "SELECT (organization_id, meter_id, batch) FROM tally_batches "
            f"LEFT JOIN ({stored}) AS stored USING (organization_id, meter_id, batch) "
            "WHERE tallies != n"
        )
        with self._columnar.client() as client:
            if client.query(f"{broken} LIMIT 1").result_rows:
                client.command(
                    "ALTER TABLE tally_batches DELETE WHERE (organization_id, meter_id, batch) "
                    f"IN ({broken}) SETTINGS mutations_sync = 1"
                )

    def _is_worth(self, chain: Sequence[Batch]) -> bool:
        """Whether its tallies are so much fewer than its events that they are worth reading."""
        return sum(b.tallies for b in chain) <= self._worth * sum(b.events for b in chain)

    def _rows(self, statement: str, bind: Parameters) -> Sequence[Sequence[int]]:
        with self._columnar.client() as client:
            rows: Sequence[Sequence[int]] = client.query(
                statement, parameters=bind.values
            ).result_rows
            return rows


def mergeable(chain: Sequence[Batch]) -> Sequence[Batch]:
    """The longest end of a chain in which no batch is more than twice all those after it.

    So a chain has few batches, and every tally is written again only a few times.
    """
    sizes = [batch.tallies for batch in reversed(chain)]
    behind = [0, *accumulate(sizes)]
    taken = next((n for n, size in enumerate(sizes) if n and size > 2 * behind[n]), len(sizes))
    return chain[len(chain) - taken :]


def _suits(rows: Rows) -> bool:
    """Whether a question is about so much that tallies help, and is not cut within UTC days."""
    scope = rows.scope
    few = scope.customers is not None and len(scope.customers) < 100
    within_days = any(microseconds(bound) % DAY for bound in scope.boundaries[1:-1])
    return not few and not within_days and (bool(scope.asked) or _whole_days(rows) is not None)


def _tallied(rows: Rows, chain: Sequence[Batch]) -> str:
    """Rows with the keys of `rows`, `at`, and what a tally has: of whole days, and of the rest.

    `at` is the beginning of a tally's day.
    """
    bind, scope = rows.parameters, rows.scope
    at = f"toInt64(day) * {DAY}"
    where = [_of(scope.organization_id, scope.meter, bind), f"batch IN {_ids(chain, bind)}"]
    where += rows.of_customers()
    reached = bind.position(chain[-1].through)
    dimensions = list(scope.meter.dimensions)
    for name, value in scope.match.items():
        where.append(f"dimensions[{dimensions.index(name) + 1}] = {bind.text(value)}")
    columns = ["customer"] + (["asked_span"] if scope.asked else [])
    columns += [
        f"dimensions[{dimensions.index(name) + 1}] AS d{number}"
        for number, name in enumerate(scope.group_by)
    ]
    happened = "toUnixTimestamp64Micro(occurred_at)"
    source = "tallies"
    days = _whole_days(rows)
    if scope.asked:
        source = f"tallies INNER JOIN ({rows.asked()}) AS asked USING (customer)"
        where.append(f"{at} >= opens AND {at} + {DAY} <= closes")
        day = f"{happened} - {happened} % {DAY}"
        within = f"{day} >= opens AND {day} + {DAY} <= closes"
    else:
        assert days is not None, "a question without whole days suits no tallies"
        first, last = map(bind.whole, days)
        where.append(f"{at} >= {first} AND {at} < {last}")
        within = f"{happened} >= {first} AND {happened} < {last}"
    tallied = f"(position <= {reached} AND {within})"
    parts = [
        f"SELECT {', '.join(columns)}, {at} AS at, events, checksum, total, low, high "
        f"FROM {source} WHERE {' AND '.join(where)}",
        _untallied(rows, f"NOT {tallied}"),
    ]
    if rows.standing is not None:
        parts.append(_subtracted(rows, tallied))
    return " UNION ALL ".join(parts)


def _untallied(rows: Rows, which: str) -> str:
    """The counted events that `which` is true for, each as a tally of itself alone."""
    value = "value" if rows.scope.meter.aggregation.columns else _NOTHING
    return (
        f"SELECT {', '.join(rows.series)}, at, toUInt64(1) AS events, content AS checksum, "
        f"toDecimal256({value}, 12) AS total, {value} AS low, {value} AS high "
        f"FROM ({rows.counted(only=which)})"
    )


def _subtracted(rows: Rows, which: str) -> str:
    """The events that corrections took out, as far as `which` is true: each as a tally less one.

    A batch has all events of its stretch, whatever became of them. Counts and checksums are
    modulo 2**64, so that what is taken from them adds up to zero with what is in them.
    """
    value = "value" if rows.scope.meter.aggregation.columns else _NOTHING
    return (
        f"SELECT {', '.join(rows.series)}, at, bitNot(toUInt64(0)) AS events, "
        "bitNot(content) + 1 AS checksum, "
        f"-toDecimal256({value}, 12) AS total, {value} AS low, {value} AS high "
        f"FROM ({rows.counted(only=which, is_void=True)})"
    )


def _whole_days(rows: Rows) -> tuple[int, int] | None:
    """The first and the end of the last UTC day that the span has all of, in microseconds."""
    span = rows.scope.span
    first = -(-microseconds(span.starts) // DAY) * DAY
    last = microseconds(span.ends) // DAY * DAY
    return (first, last) if first < last else None


def _of(organization_id: str, meter: Meter, bind: Parameters) -> str:
    return f"organization_id = {bind.text(organization_id)} AND meter_id = {bind.text(meter.id)}"


def _ids(batches: Sequence[Batch], bind: Parameters) -> str:
    return f"({', '.join(bind.position(batch.id) for batch in batches)},)"
