"""The events that a meter counts, as SQL: one row each, with what its aggregation reads of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tallybook.domain.kernel.instants import Span
from tallybook.domain.metering.expressions.check import checked
from tallybook.domain.metering.expressions.nodes import Kind
from tallybook.domain.metering.expressions.parser import parse_path
from tallybook.domain.metering.meter import Meter, Together
from tallybook.stores.columnar.cuts import Cuts
from tallybook.stores.columnar.expression_sql import expression_sql, text_sql
from tallybook.stores.columnar.parameters import Parameters, microseconds, month_of
from tallybook.stores.columnar.standing import Standing

MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose events are counted, over which time, up to which position, and how they are split.

    `asked` gives customers spans of their own; else `span` is that of all `customers` (None: of
    every customer, or of those after the first key of `between` and up to its second).
    `boundaries` cut a common span into windows.
    """

    organization_id: str
    meter: Meter
    span: Span
    as_of: int
    customers: Sequence[str] | None = None
    between: tuple[str, str] | None = None
    asked: Sequence[tuple[str, Span]] = ()
    boundaries: Sequence[datetime] = ()
    group_by: Sequence[str] = ()
    match: Mapping[str, str] = field(default_factory=dict)


class Rows:
    """The SQL of one statement about counted events, and the parameters bound in it.

    With `standing`, corrections decide which events count; without, every event does. `table` is
    what they are read from. With `together`, several customers or values are one.
    """

    def __init__(
        self, scope: Scope, standing: Standing | None = None, bind: Parameters | None = None
    ) -> None:
        self.scope = scope
        self.standing = standing
        self.table = "events"
        self.together: Together | None = None
        self.parameters = bind or Parameters()
        self.cuts = Cuts(scope.boundaries, self.parameters) if len(scope.boundaries) > 2 else None
        self.asked_spans = tuple(dict.fromkeys(span for _, span in scope.asked))
        dimensions = tuple(f"d{number}" for number in range(len(scope.group_by)))
        self.series = ("customer", *(("asked_span",) if scope.asked else ()), *dimensions)
        """What tells one customer's span and dimension values from another's."""
        self.keys = self.series + (("time_window",) if self.cuts else ())
        """What usage is grouped by: the series and, of one that is cut, its window."""
        edges = map(microseconds, (scope.span.starts, scope.span.ends))
        self.opens, self.closes = (
            ("opens", "closes") if scope.asked else map(self.parameters.whole, edges)
        )
        """The edges of a row's span, in microseconds: the same for all, or columns of the rows."""

    def counted(
        self,
        *,
        looks_back: bool = False,
        after: timedelta = timedelta(0),
        only: str = "",
        is_void: bool = False,
    ) -> str:
        """A row for each counted event: keys of the series, `at`, `position`, `content`, values.

        `at` is when it occurred, in microseconds, less `after`: what is measured by its end counts
        where it came from. With `looks_back`, rows before the span are there too. `only` is a
        further condition. With `is_void`, what corrections took out is there instead.
        """
        scope, bind = self.scope, self.parameters
        happened = "toUnixTimestamp64Micro(occurred_at)"
        if after:
            happened = f"{happened} - {after // MICROSECOND}"
        columns = ["customer", f"{happened} AS at", "position", "content"]
        columns += [
            f"{text_sql(parse_path(name), bind)} AS d{number}"
            for number, name in enumerate(scope.group_by)
        ]
        values = self.values()
        maybe = {name: f"maybe_{name}" for name in values}
        columns += [f"assumeNotNull({maybe[name]}) AS {name}" for name in values]
        source = self.table
        where = self.conditions(
            span=Span(scope.span.starts + after, scope.span.ends + after),
            looks_back=looks_back,
            is_void=is_void,
        )
        where += [only] if only else []
        where += self.readable(maybe)
        if scope.asked:
            columns += ["asked_span", "opens", "closes"]
            source = f"{self.table} INNER JOIN ({self.asked()}) AS asked USING (customer)"
            where += [f"{happened} < closes"]
            where += [] if looks_back else [f"{happened} >= opens"]
        given = ", ".join(f"{sql} AS {maybe[name]}" for name, sql in values.items())
        rows = f"SELECT {', '.join(columns)} FROM {source} WHERE {' AND '.join(where)}"
        return self._as_one(f"WITH {given} {rows}" if given else rows)

    def _as_one(self, rows: str) -> str:
        """The same rows, without those left out, with one key for all that are counted as one's."""
        if self.together is None:
            return rows
        together, dimensions = self.together, self.series[1:]
        customer = ("customer",)
        values = dimensions if together.values else ()
        if together.left_out:
            told_by = values if together.customers and values else customer + values
            names = zip(*together.left_out, strict=True)
            lists = [self.parameters.texts(list(each)) for each in names]
            each = ", ".join(f"each.{number}" for number in range(1, len(lists) + 1))
            out = f"SELECT {each} FROM (SELECT arrayJoin(arrayZip({', '.join(lists)})) AS each)"
            rows = f"SELECT * FROM ({rows}) WHERE ({', '.join(told_by)}) NOT IN ({out})"
        one = (customer if together.customers else ()) + values
        keys = ", ".join(f"materialize('') AS {name}" for name in one)
        return f"SELECT * REPLACE ({keys}) FROM ({rows})"

    def conditions(
        self, *, span: Span, looks_back: bool = False, is_void: bool = False
    ) -> list[str]:
        """What an event must be: the organization's, the meter's, in time, of whom it is asked.

        And standing or, with `is_void`, not.
        """
        scope, bind = self.scope, self.parameters
        found = [
            f"organization_id = {bind.text(scope.organization_id)}",
            f"type = {bind.text(scope.meter.event_type)}",
            f"position <= {bind.position(scope.as_of)}",
            f"occurred_at < {bind.instant(span.ends)}",
        ]
        first, last = month_of(span.starts), month_of(span.ends - MICROSECOND)
        if not looks_back:
            found.append(f"occurred_at >= {bind.instant(span.starts)}")
        if first == last and not looks_back:
            found.append(f"toYYYYMM(occurred_at) = {bind.whole(last)}")
        else:
            found.append(f"toYYYYMM(occurred_at) <= {bind.whole(last)}")
            found += [] if looks_back else [f"toYYYYMM(occurred_at) >= {bind.whole(first)}"]
        found += self.of_customers()
        found += self._by_standing(found[1:], is_void=is_void)
        for name, value in scope.match.items():
            found.append(f"{text_sql(parse_path(name), bind)} = {bind.text(value)}")
        return found + self.filters(scope.meter.filter)

    def _by_standing(self, where: Sequence[str], *, is_void: bool) -> list[str]:
        if self.standing is None:
            return ["false"] if is_void else []
        whose = self.scope.organization_id
        standing = self.standing.conditions(whose, where, self.parameters)
        return [f"NOT ({' AND '.join(standing)})"] if is_void else standing

    def of_customers(self) -> list[str]:
        """Whose a row must be."""
        scope, bind = self.scope, self.parameters
        found = []
        if scope.customers is not None:
            found.append(self._is_one_of(scope.customers))
        if scope.between is not None:
            found.append(f"customer > {bind.text(scope.between[0])}")
            found.append(f"customer <= {bind.text(scope.between[1])}")
        if scope.asked:
            # The join alone would read every customer's events; neighbours lie close together.
            asked = [customer for customer, _ in scope.asked]
            found.append(f"customer >= {bind.text(min(asked))}")
            found.append(f"customer <= {bind.text(max(asked))}")
        return found

    def filters(self, expression: str) -> list[str]:
        """What a filter demands of an event."""
        if not expression:
            return []
        return [expression_sql(checked(expression, Kind.TRUTH), self.parameters)]

    def values(self) -> dict[str, str]:
        """What the aggregation reads of an event, by name; NULL where it cannot be read."""
        return {
            name: expression_sql(checked(column.expression, column.kind), self.parameters)
            for name, column in self.scope.meter.aggregation.columns.items()
        }

    def readable(self, values: Mapping[str, str]) -> list[str]:
        """What `values` of an event must be for it to count."""
        found = []
        for name, column in self.scope.meter.aggregation.columns.items():
            found.append(f"isNotNull({values[name]})")
            if column.options:
                options = self.parameters.texts(list(column.options))
                found.append(f"has({options}, {values[name]})")
            if column.least is not None:
                found.append(f"{values[name]} >= {self.parameters.number(column.least)}")
            if column.below is not None:
                found.append(f"{values[name]} < {self.parameters.number(column.below)}")
        return found

    def in_windows(self, source: str) -> str:
        """The rows of `source`, each with the window that it is `at`, where the span is cut."""
        if self.cuts is None:
            return source
        return f"SELECT *, {self.cuts.key('at')} AS time_window FROM ({source})"

    def _is_one_of(self, customers: Sequence[str]) -> str:
        if len(customers) == 1:
            return f"customer = {self.parameters.text(customers[0])}"
        # As a list of constants the engine would take minutes to read what it reads at once so.
        return f"customer IN (SELECT arrayJoin({self.parameters.texts(list(customers))}))"

    def asked(self) -> str:
        """Each customer asked for, with the number and the bounds of its span."""
        numbers = {span: number for number, span in enumerate(self.asked_spans)}
        bind = self.parameters
        customers = bind.texts([customer for customer, _ in self.scope.asked])
        which = bind.wholes([numbers[span] for _, span in self.scope.asked])
        opens = bind.wholes([microseconds(span.starts) for span in self.asked_spans])
        closes = bind.wholes([microseconds(span.ends) for span in self.asked_spans])
        return (
            "SELECT pair.1 AS customer, pair.2 AS asked_span, "
            f"{opens}[pair.2 + 1] AS opens, {closes}[pair.2 + 1] AS closes "
            f"FROM (SELECT arrayJoin(arrayZip({customers}, {which})) AS pair)"
        )
