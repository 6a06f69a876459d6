"""Products, features, units, families and experiments in PostgreSQL, each read as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from tallybook.domain.catalog.experiment import Experiment, Exposure
from tallybook.domain.catalog.feature import Feature
from tallybook.domain.catalog.product import Family, Product
from tallybook.domain.catalog.unit import Unit
from tallybook.stores.sql.database import Instant, metadata
from tallybook.stores.sql.named import SqlNamed, named_table

PRODUCTS = named_table("products", Product)
UNITS = named_table("units", Unit)
FEATURES = named_table("features", Feature)
FAMILIES = named_table("plan_families", Family)
EXPERIMENTS = named_table("experiments", Experiment)

EXPOSURES = sa.Table(
    "experiment_exposures",
    metadata,
    sa.Column("organization_id", sa.Text, primary_key=True),
    sa.Column("experiment", sa.Text, primary_key=True),
    sa.Column("customer", sa.Text, primary_key=True),
    sa.Column("arm", sa.Text, nullable=False),
    sa.Column("exposed_at", Instant, nullable=False),
    sa.ForeignKeyConstraint(
        ["organization_id", "experiment"],
        ["experiments.organization_id", "experiments.key"],
        name="experiment_exposures_experiment_fkey",
    ),
)
"""Added and never altered: a trigger sees to that."""
_ROW = EXPOSURES.c


class SqlExperiments(SqlNamed[Experiment]):
    """Experiments of the transaction's organization, and who met which arm."""

    def __init__(self, connection: sa.Connection, organization_id: str) -> None:
        super().__init__(connection, organization_id, EXPERIMENTS)

    def expose(self, exposure: Exposure) -> Exposure:
        """Record that a customer met an arm; answers the first that was recorded."""
        row = {
            "organization_id": self._organization_id,
            "experiment": exposure.experiment,
            "customer": exposure.customer,
            "arm": exposure.arm,
            "exposed_at": exposure.exposed_at,
        }
        self._connection.execute(insert(EXPOSURES).values(row).on_conflict_do_nothing())
        kept = self.exposure(exposure.experiment, exposure.customer)
        assert kept is not None, "just recorded"
        return kept

    def exposure(self, experiment: str, customer: str) -> Exposure | None:
        """Which arm a customer met, if any."""
        query = self._exposures().where(_ROW.experiment == experiment, _ROW.customer == customer)
        row = self._connection.execute(query).one_or_none()
        return None if row is None else Exposure(**row._mapping)

    def exposures(self, experiment: str, *, after: str, limit: int) -> list[Exposure]:
        """Who met it, in order of customer key, those after `after`."""
        query = self._exposures().where(_ROW.experiment == experiment, _ROW.customer > after)
        rows = self._connection.execute(query.order_by(_ROW.customer).limit(limit))
        return [Exposure(**row._mapping) for row in rows]

    def counts(self, experiments: Iterable[str]) -> Mapping[tuple[str, str], int]:
        """How many customers met each arm, by experiment and arm."""
        wanted = sa.bindparam("keys", list(experiments), type_=sa.ARRAY(sa.Text))
        query = (
            sa.select(_ROW.experiment, _ROW.arm, sa.func.count())
            .where(
                _ROW.organization_id == self._organization_id,
                _ROW.experiment == sa.func.any(wanted),
            )
            .group_by(_ROW.experiment, _ROW.arm)
        )
        return {(key, arm): count for key, arm, count in self._connection.execute(query)}

    def on_plan(self, plan_key: str) -> list[Experiment]:
        """Experiments on a plan, running or ended, in key order."""
        query = self._select().where(EXPERIMENTS.c.body["plan"].astext == plan_key)
        return list(self._connection.execute(query.order_by(EXPERIMENTS.c.key)).scalars())

    def _exposures(self) -> sa.Select[tuple[object, ...]]:
        return sa.select(_ROW.experiment, _ROW.customer, _ROW.arm, _ROW.exposed_at).where(
            _ROW.organization_id == self._organization_id
        )
