"""Features: what a plan lets its subscribers do, and how much of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

import msgspec

from tallybook.domain.catalog.product import check_named
from tallybook.domain.kernel.decimals import bounded
from tallybook.domain.kernel.errors import Invalid, Refusal
from tallybook.domain.kernel.identifiers import checked_key


class FeatureKind(StrEnum):
    """What is granted of a feature: that it is there, how much of it, or a text."""

    BOOLEAN = "boolean"
    QUANTITY = "quantity"
    TEXT = "text"


class Feature(msgspec.Struct, frozen=True, kw_only=True):
    """A capability of what is sold. `unit` is what a limit counts, `product` what it belongs to."""

    key: str
    name: str
    kind: FeatureKind = FeatureKind.BOOLEAN
    unit: str = ""
    product: str = ""
    description: str = ""
    created_at: datetime

    def check(self) -> None:
        """Refuse what could not be granted or named."""
        checked_key(self.key)
        check_named(self.name, "feature", "Single sign-on")
        if self.unit and self.kind is not FeatureKind.QUANTITY:
            raise Invalid(
                "unit_without_quantity",
                f"A {self.kind} feature counts nothing.",
                field="unit",
                mend="Leave the unit out, or send kind quantity.",
            )


class Grant(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a plan version gives of a feature.

    Of a quantity `limit`, and without one as much as is wanted; of a text `text`. To be there is
    all that a boolean one can be.
    """

    feature: str
    limit: Decimal | None = None
    text: str = ""

    def check(self) -> None:
        """Refuse a grant that makes no sense whatever the feature."""
        checked_key(self.feature, field="feature")
        if self.limit is None:
            return
        bounded(self.limit, field="limit")
        if self.limit < 0:
            raise Invalid(
                "negative_limit",
                f"Nobody can use {self.limit} of it.",
                field="limit",
                mend="Send 0 or more; leave it out for no limit.",
            )

    def check_kind(self, kind: FeatureKind) -> None:
        """Refuse what the feature's kind cannot be granted."""
        if self.limit is not None and kind is not FeatureKind.QUANTITY:
            raise Invalid(
                "limit_of_no_quantity",
                f"Feature {self.feature!r} is a {kind}; it has no limit.",
                field="limit",
                mend="Leave the limit out.",
            )
        if bool(self.text) is not (kind is FeatureKind.TEXT):
            raise Invalid(
                "text_of_feature",
                f"Feature {self.feature!r} is a {kind}.",
                field="text",
                mend="Send its text." if kind is FeatureKind.TEXT else "Leave the text out.",
            )


def check_grants(grants: Iterable[Grant]) -> None:
    """Refuse grants that make no sense, or of one feature twice."""
    taken: set[str] = set()
    for index, grant in enumerate(grants):
        try:
            grant.check()
        except Refusal as refusal:
            raise refusal.at(f"grants/{index}") from None
        if grant.feature in taken:
            raise Invalid(
                "feature_granted_twice",
                f"Feature {grant.feature!r} is granted twice.",
                field=f"grants/{index}/feature",
                mend="Grant it once.",
            )
        taken.add(grant.feature)


def check_granted(grants: Iterable[Grant], kinds: Mapping[str, FeatureKind]) -> None:
    """Refuse grants of features that are not there, or not of their kind; `kinds` by key."""
    for index, grant in enumerate(grants):
        if grant.feature not in kinds:
            raise Invalid(
                "unknown_feature",
                f"There is no feature {grant.feature!r}.",
                field=f"grants/{index}/feature",
                mend="Make the feature first, or correct its key.",
            )
        try:
            grant.check_kind(kinds[grant.feature])
        except Refusal as refusal:
            raise refusal.at(f"grants/{index}") from None
