"""What rating gives: the exact amount of a quantity under a price, and its working."""

from __future__ import annotations

from tallybook.domain.catalog.working import RatedLine, Step

__all__ = ["RatedLine", "Step"]
