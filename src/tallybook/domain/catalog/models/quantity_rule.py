"""The models that need one quantity and nothing else; other models may be built of these."""

from __future__ import annotations

from tallybook.domain.catalog.models.flat import Flat
from tallybook.domain.catalog.models.graduated import Graduated
from tallybook.domain.catalog.models.package import Package
from tallybook.domain.catalog.models.per_unit import PerUnit
from tallybook.domain.catalog.models.volume import Volume

QuantityRule = (
    Flat
    | PerUnit
    | Graduated
    | Volume
    | Package
)  # fmt: skip
"""One line a model."""
