"""The models that need one quantity and nothing else; other models may be built of these."""

from __future__ import annotations

from tallybook.domain.catalog.models.dynamic import Dynamic
from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.graduated_percentage import GraduatedPercentage
from tallybook.domain.catalog.models.overage import Overage
from tallybook.domain.catalog.models.package import Package
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.stairstep import Stairstep
from tallybook.domain.catalog.models.tiered_overage import TieredOverage
from tallybook.domain.catalog.models.volume import Volume

QuantityRule = (
    Flat
    | PerUnit
    | Graduated
    | Volume
    | Package
    | Stairstep
    | Overage
    | TieredOverage
    | GraduatedPercentage
    | Dynamic
)  # fmt: skip
"""One line a model."""
