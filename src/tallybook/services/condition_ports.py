"""What services need of the books for the conditions of bills."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from tallybook.domain.catalog.coupon import KeptCoupon, Redemption
from tallybook.domain.invoicing.discounts_back import PrintedLine
from tallybook.domain.invoicing.footing import CouponUse, EarlierLine, EarlierWanted


class CouponRecords(Protocol):
    """Coupons of the transaction's organization, and who redeemed them."""

    def add(self, coupon: KeptCoupon) -> None:
        """Keep a new coupon; `Conflicting` if its code is taken."""

    def by_key(self, key: str, *, locked: bool = False) -> KeptCoupon | None:
        """That of the code; `locked` lets one at a time redeem it."""

    def by_ids(self, ids: Iterable[str]) -> Mapping[str, KeptCoupon]: ...
    def page(self, *, after: str, limit: int) -> list[KeptCoupon]:
        """Coupons in order of their codes, those after code `after`."""

    def retire(self, coupon_id: str, at: datetime) -> None:
        """Nobody can redeem it any more."""

    def count(self, coupon_id: str, customer_id: str | None = None) -> int:
        """How often it was redeemed, by all or by one customer; also what was taken away."""

    def redeem(self, redemption: Redemption) -> None:
        """Keep a redemption. Whoever adds one holds the coupon locked."""

    def end(self, redemption_id: str, at: datetime) -> None:
        """It acts on no invoice drawn up from then on."""

    def redemption(self, redemption_id: str) -> Redemption | None: ...
    def of_customers(
        self, customer_ids: Iterable[str], *, locked: bool = False
    ) -> list[Redemption]:
        """All that these customers redeemed, in order of redeeming.

        `locked` holds off whoever else would bill by them, until the transaction ends.
        """

    def uses(
        self, redemption_ids: Sequence[str], *, without: Iterable[str] = ()
    ) -> Mapping[str, list[CouponUse]]:
        """What each of these took off, invoice by invoice; of void invoices nothing, and of those
        of the ids `without`."""


class EarlierLineRecords(Protocol):
    """The lines printed before, as the conditions of the next bill count them."""

    def of(self, wanted: Sequence[EarlierWanted]) -> Mapping[str, list[EarlierLine]]:
        """By subscription id, by one query; see `EarlierWanted`."""

    def fees(self, wanted: Sequence[EarlierWanted]) -> Mapping[str, list[list[PrintedLine]]]:
        """By subscription id, bill after bill, its fees and its usage by the prices asked for, and
        what coupons took off each."""


class TurnRecords(Protocol):
    """Whose turn it is to bill customers who have a limit on all that they spend."""

    def take(self, customer_ids: Iterable[str]) -> Mapping[str, int]:
        """The turns of those of these customers, by id, each greater than any before; others are
        held off them until the transaction ends."""

    def agree(self, plan_keys: Iterable[str], *, otherwise: bool = False) -> None:
        """Wait for all bills under way, and hold off others until the transaction ends, where one
        of these plans has such a limit, or `otherwise` says that one is agreed on."""
