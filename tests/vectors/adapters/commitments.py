"""Commitments and true-ups."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tallybook.domain.catalog.price import PerUnit
from tallybook.domain.catalog.spending import Promise
from tallybook.domain.kernel.shares import WHOLE, Share
from tallybook.domain.rating.commitments import (
    CommittedUse,
    Promised,
    add_uses,
    prorated_commitment,
    rate_committed,
    true_up,
)
from vectors.run import NotSupported


def answer(given: Mapping[str, Any]) -> dict[str, Any]:
    kind = given["kind"]
    if kind == "prorated_commitment":
        amount = Decimal(given["amount"])
        return {"amount": prorated_commitment(amount, _share(given), scale=given["scale"])}
    if kind == "coefficient":
        return {"coefficient_16dp": _share(given).of(Decimal(1))}
    if kind == "true_up":
        billed = [Decimal(amount) for amount in given["billed"]]
        share, scale = _share(given), given.get("scale")
        return {"true_up": true_up(Decimal(given["commitment"]), billed, share=share, scale=scale)}
    if kind == "window_commitment":
        uses = add_uses(_use(window) for window in given["windows"])
        return {
            "total": uses.total,
            "utilized": uses.utilized,
            "overage": uses.overage,
            "true_up": uses.true_up,
        }
    raise NotSupported(f"commitment {kind}")


def _share(given: Mapping[str, Any]) -> Share:
    if "active_days" not in given:
        return WHOLE
    return Share(int(given["active_days"]), int(given["period_days"]))


def _use(window: Mapping[str, Any]) -> CommittedUse:
    commitment = None
    if window["commitment"] is not None:
        commitment = Promised(
            Decimal(window["commitment"]),
            Promise(window["commitment_type"]),
            Decimal(window["overage_factor"] or 1),
            window["true_up"],
        )
    rule = PerUnit(Decimal(window["unit_price"]))
    return rate_committed(rule, Decimal(window["usage"]), commitment)
