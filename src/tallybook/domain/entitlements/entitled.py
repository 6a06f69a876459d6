"""What a customer may use: the grants of every subscription it has, put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from tallybook.domain.catalog.feature import Feature, FeatureKind, Grant
from tallybook.domain.kernel.decimals import exactly


class Held(msgspec.Struct, frozen=True, kw_only=True):
    """A subscription that runs, and what its plan version grants."""

    subscription_key: str
    plan_key: str
    version: int
    starts_at: datetime
    grants: tuple[Grant, ...]


class Entitlement(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer has of a feature, by which subscriptions.

    Of a quantity `limit`, which is None where there is none; of a text `text`.
    """

    feature: Feature
    limit: Decimal | None = None
    text: str = ""
    subscriptions: tuple[str, ...]


def entitlements_of(
    held: Iterable[Held], features: Mapping[str, Feature]
) -> tuple[Entitlement, ...]:
    """What subscriptions grant together, in order of feature key.

    Limits add up, and no limit is more than any. Of several texts the one of the subscription that
    started last counts. `features` are those granted, by key.
    """
    granted: dict[str, list[tuple[Held, Grant]]] = {}
    for one in sorted(held, key=lambda one: (one.starts_at, one.subscription_key)):
        for grant in one.grants:
            granted.setdefault(grant.feature, []).append((one, grant))
    return tuple(
        _entitlement(features[key], granted[key]) for key in sorted(granted) if key in features
    )


def _entitlement(feature: Feature, granted: Sequence[tuple[Held, Grant]]) -> Entitlement:
    limit: Decimal | None = None
    limits = [grant.limit for _, grant in granted if grant.limit is not None]
    if feature.kind is FeatureKind.QUANTITY and len(limits) == len(granted):
        with exactly():
            limit = sum(limits, Decimal(0))
    return Entitlement(
        feature=feature,
        limit=limit,
        text=granted[-1][1].text,
        subscriptions=tuple(one.subscription_key for one, _ in granted),
    )
