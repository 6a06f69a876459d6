"""The rules of every organization that has any, in memory, so that taking events asks nobody."""

from __future__ import annotations

import threading

import sqlalchemy as sa
import structlog

from tallybook.domain.events.rules import Rules, rules_of
from tallybook.domain.kernel.errors import Refusal
from tallybook.services.check_properties import compile_strict
from tallybook.stores.sql.database import refusing_outages
from tallybook.stores.sql.directory import organizations
from tallybook.stores.sql.event_types import EVENT_RULES, SqlEventTypes

_log = structlog.get_logger("tallybook.events")

_Mark = tuple[int, bool]


class SqlEventRules:
    """The `EventRules` port. An organization without rules costs a look into a dict.

    What is changed through this process counts from then on; what another changed, from the next
    `renew_all` on. While the database is away, the rules stay as they were.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._marks: dict[str, _Mark] = {}
        self._rules: dict[str, Rules] = {}
        self.renew_all()

    def of(self, organization_id: str) -> Rules | None:
        """The rules of an organization; None if it has none."""
        return self._rules.get(organization_id)

    def renew(self, organization_id: str) -> None:
        """Read the rules of one organization anew."""
        self._renew(self._marks_now(EVENT_RULES.c.organization_id == organization_id))

    def renew_all(self) -> None:
        """Read the rules of those organizations anew whose rules have changed."""
        self._renew(self._marks_now())

    def _marks_now(self, *where: sa.ColumnElement[bool]) -> dict[str, _Mark]:
        query = (
            sa.select(
                EVENT_RULES.c.organization_id,
                EVENT_RULES.c.revision,
                organizations.c.clock_at.is_not(None).label("has_clock"),
            )
            .join(organizations, organizations.c.id == EVENT_RULES.c.organization_id)
            .where(*where)
        )
        with refusing_outages(), self._engine.connect() as connection:
            return {
                row.organization_id: (row.revision, row.has_clock)
                for row in connection.execute(query)
            }

    def _renew(self, marks: dict[str, _Mark]) -> None:
        with self._lock:
            for organization_id, mark in marks.items():
                if self._marks.get(organization_id) != mark:
                    self._load(organization_id, mark)

    def _load(self, organization_id: str, mark: _Mark) -> None:
        with refusing_outages(), self._engine.connect() as connection:
            records = SqlEventTypes(connection, organization_id)
            settings, types = records.settings(), records.page()
        self._marks[organization_id] = mark  # only now: what could not be read is read again
        try:
            checks = compile_strict(types)
        except Refusal as error:  # saved by a version that reads schemas otherwise
            _log.error("event rules not understood", organization=organization_id, exc_info=error)
            return
        rules = rules_of(settings, checks)
        if mark[1]:  # an organization on a clock of its own has no time to be late by
            rules = Rules(rules.checks)
        if rules.are_none:
            self._rules.pop(organization_id, None)
        else:
            self._rules[organization_id] = rules
