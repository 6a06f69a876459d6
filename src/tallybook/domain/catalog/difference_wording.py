"""Differences between plan versions as sentences that a person would say."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from tallybook.domain.catalog.difference import Change, Difference
from tallybook.domain.catalog.plan import PlanTerms
from tallybook.domain.kernel.decimals import plain, widely

_HUNDRED = Decimal(100)
_TENTH = Decimal("0.1")


def sentence(difference: Difference, before: PlanTerms | None, after: PlanTerms) -> str:
    """One difference in English: which price or grant, what of it, from what to what.

    An amount that goes up or down says by how much, to a tenth of a percent.
    """
    if not difference.path:
        return f"Plan {after.name} is new."
    where = difference.path.split("/")
    subject, rest = _subject(where, before, after)
    if not rest:
        return _of_a_whole(subject, difference)
    part = " ".join(_part(name) for name in rest)
    return f"{subject}: {_told(part, difference)}."


def _subject(where: list[str], before: PlanTerms | None, after: PlanTerms) -> tuple[str, list[str]]:
    """Whose difference it is, and the way from there."""
    if where[0] == "prices" and len(where) > 1:
        names = {
            price.key: price.name
            for terms in (before, after)
            if terms is not None
            for price in terms.prices
        }
        return f"Price “{names.get(where[1], where[1])}”", where[2:]
    if where[0] == "grants" and len(where) > 1:
        return f"Feature “{where[1]}”", where[2:]
    return "The plan", where


def _of_a_whole(subject: str, difference: Difference) -> str:
    is_grant = difference.path.startswith("grants/")
    match difference.change:
        case Change.ADDED:
            return f"{subject} is {'granted' if is_grant else 'new'}."
        case Change.REMOVED:
            return f"{subject} is {'granted no more' if is_grant else 'charged no more'}."
    return f"{subject} is charged by another rule." if not is_grant else f"{subject} is changed."


def _told(part: str, difference: Difference) -> str:
    before, after = difference.before or "", difference.after or ""
    match difference.change:
        case Change.ADDED:
            return f"{part} is new, {_short(after)}"
        case Change.REMOVED:
            return f"{part} is gone, it was {_short(before)}"
        case Change.MOVED:
            return f"{part} are in another order"
    if part.endswith("rule"):
        return f"{part} is another one"
    return f"{part} goes from {_short(before)} to {_short(after)}{_by_how_much(before, after)}"


def _short(text: str) -> str:
    """A text as it is, unless it is a whole part in JSON."""
    if text.startswith(("{", "[")):
        return "with terms of its own"
    return text or "nothing"


def _part(name: str) -> str:
    """A field's name as words; a place in a list counts from 1."""
    if name.isdigit():
        return str(int(name) + 1)
    words = {"tiers": "tier", "cells": "cell", "entries": "entry", "bands": "band", "rule": "rule"}
    return words.get(name, name.replace("_", " "))


def _by_how_much(before: str, after: str) -> str:
    """“ (+20 %)” between two numbers; nothing where there is no telling."""
    try:
        was, is_now = Decimal(before), Decimal(after)
    except InvalidOperation:
        return ""
    if not (was.is_finite() and is_now.is_finite()) or was <= 0:
        return ""
    with widely():
        pct = ((is_now - was) * _HUNDRED / was).quantize(_TENTH, ROUND_HALF_UP)
    if not pct:
        return ""
    sign = "+" if pct > 0 else "−"
    return f" ({sign}{plain(abs(pct))} %)"
