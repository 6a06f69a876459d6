"""What subscriptions grant together: docs/semantics/plans.md."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import AT, day
from tallybook.domain.catalog.feature import Feature, FeatureKind, Grant
from tallybook.domain.entitlements.entitled import Held, entitlements_of

FEATURES = {
    "sso": Feature(key="sso", name="SSO", created_at=AT),
    "seats": Feature(key="seats", name="Seats", kind=FeatureKind.QUANTITY, created_at=AT),
    "support": Feature(key="support", name="Support", kind=FeatureKind.TEXT, created_at=AT),
}


def held(number: int, *grants: Grant) -> Held:
    """The subscription begun on that day of January."""
    return Held(
        subscription_key=f"s{number}",
        plan_key="pro",
        version=1,
        starts_at=day(1, number),
        grants=grants,
    )


def seats(limit: str | None) -> Grant:
    return Grant("seats", limit=None if limit is None else Decimal(limit))


@pytest.mark.parametrize(
    ("subscriptions", "limit", "text", "by", "why"),
    [
        ([held(1, seats("3"))], "3", "", ("s1",), "one subscription, its grant"),
        ([held(1, seats("3")), held(2, seats("0.5"))], "3.5", "", ("s1", "s2"), "limits add up"),
        ([held(1, seats("0"))], "0", "", ("s1",), "none of it is a limit too"),
        ([held(1, seats("3")), held(2, seats(None))], None, "", ("s1", "s2"), "no limit is most"),
        (
            [held(2, Grant("support", text="new")), held(1, Grant("support", text="old"))],
            None,
            "new",
            ("s1", "s2"),
            "the text of the one begun last, in whatever order they come",
        ),
        ([held(1, Grant("sso")), held(2, Grant("sso"))], None, "", ("s1", "s2"), "there is there"),
        ([held(1), held(2, Grant("sso"))], None, "", ("s2",), "only who grants it is named"),
    ],
)
def test_together(
    subscriptions: list[Held], limit: str | None, text: str, by: tuple[str, ...], why: str
) -> None:
    [entitlement] = entitlements_of(subscriptions, FEATURES)
    expected = None if limit is None else Decimal(limit)
    assert (entitlement.limit, entitlement.text, entitlement.subscriptions) == (
        expected,
        text,
        by,
    ), why


def test_nothing_is_granted_by_nothing() -> None:
    assert entitlements_of([], FEATURES) == ()
    assert entitlements_of([held(1)], FEATURES) == ()


LIMITS = st.none() | st.decimals(0, 10**9, places=6)


@given(st.lists(LIMITS, min_size=1, max_size=8))
def test_the_order_does_not_matter_and_more_never_grants_less(
    limits: list[Decimal | None],
) -> None:
    subscriptions = [held(n, Grant("seats", limit)) for n, limit in enumerate(limits, start=1)]
    [whole] = entitlements_of(subscriptions, FEATURES)
    assert entitlements_of(list(reversed(subscriptions)), FEATURES) == (whole,)
    for left_out in range(len(subscriptions)):
        rest = [each for place, each in enumerate(subscriptions) if place != left_out]
        for fewer in entitlements_of(rest, FEATURES):
            assert whole.limit is None or (fewer.limit is not None and fewer.limit <= whole.limit)
