"""The demo's company: its customers and a month of their events, the same on every run.

Everything is drawn from one seeded stream of bits and calculated in integers, so the totals never
change: not with the machine, and not with the month that the events are dated to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random
from typing import NamedTuple
from zoneinfo import ZoneInfo

SEED = 20_260_303
CUSTOMERS = 320
EVENTS = 320_000

_FIRST = (  # noqa: SIM905 - a list of words reads best as words
    "Amber Birch Cedar Coral Delta Ember Fjord Granite Harbor Indigo Juniper Kestrel Lumen Maple "
    "Nimbus Orchid Pioneer Quartz Raven Sierra"
).split()
_SECOND = (  # noqa: SIM905
    "Analytics Bank Care Commerce Design Energy Foods Games Health Insurance Labs Legal Logistics "
    "Media Robotics Travel"
).split()
_HOMES = (  # time zone, locale, currency of those who sign a contract; by how many in eleven
    ("America/New_York", "en", "USD", 3),
    ("America/Los_Angeles", "en", "USD", 2),
    ("Europe/Stockholm", "sv", "EUR", 1),
    ("Europe/Berlin", "de", "EUR", 2),
    ("Europe/London", "en", "USD", 1),
    ("Asia/Kolkata", "en", "USD", 1),
    ("Asia/Tokyo", "en", "USD", 1),
)
_MODELS = (("swift", 60), ("sage", 28), ("titan", 12))  # of a hundred requests
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 11, 14, 15, 15, 13, 14, 15, 15, 14, 12, 9, 7, 6, 5, 4, 3)
_WEEKEND_PART = 3  # a third of a weekday's load


class Company(NamedTuple):
    """A customer of the demo, on one of its plans."""

    key: str
    name: str
    plan: str
    currency: str
    timezone: str
    locale: str


class Month(NamedTuple):
    """A calendar month; it begins and ends at each customer's own midnight."""

    year: int
    month: int

    @property
    def next(self) -> Month:
        return Month(self.year + self.month // 12, self.month % 12 + 1)

    def starts(self, zone: str = "UTC") -> datetime:
        """Its first instant in a time zone."""
        return datetime(self.year, self.month, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def last_month(now: datetime) -> Month:
    """The latest month that has ended in every time zone."""
    ended = now - timedelta(hours=14)
    return Month(ended.year, ended.month - 1) if ended.month > 1 else Month(ended.year - 1, 12)


def companies() -> list[Company]:
    """The customers, the largest first: their usage follows Zipf's law by this order."""
    random = Random(SEED)  # noqa: S311 - a demo's dice, and the same ones every time
    names = [f"{first} {second}" for first in _FIRST for second in _SECOND]
    homes = [home for home in _HOMES for _ in range(home[3])]
    made = []
    for rank in range(CUSTOMERS):
        name = names.pop(random.getrandbits(32) * len(names) >> 32)
        timezone, locale, currency, _ = homes[random.getrandbits(32) * len(homes) >> 32]
        plan = _plan(rank)
        if plan == "enterprise":
            plan = f"enterprise-{currency.lower()}"
        else:
            currency = "USD"
        key = name.lower().replace(" ", "-")
        made.append(Company(key, name, plan, currency, timezone, locale))
    return made


def _plan(rank: int) -> str:
    """A few large contracts, a fifth on Pro, most on pay-as-you-go, the long tail for free."""
    if rank < 12:
        return "enterprise"
    if rank < 76:
        return "pro"
    return "payg" if rank < 220 else "free"


def lines(month: Month, count: int = EVENTS) -> Iterator[bytes]:
    """The month's events as lines of NDJSON, in the order of the UTC hour they belong to.

    The hour's load follows the time of day and the weekday. Each customer's events fall inside the
    month as it runs in the customer's own time zone.
    """
    random = Random(SEED + 1)  # noqa: S311
    bits = random.getrandbits
    senders = [_Sender(company, month) for company in companies()]
    shares = list(accumulate(10**12 // (rank + 4) for rank in range(len(senders))))
    models = [model for model, percent in _MODELS for _ in range(percent)]
    for number, at in enumerate(_instants(month, count)):
        sender = senders[bisect_right(shares, bits(64) * shares[-1] >> 64)]
        dice = bits(64)
        kind, model = dice % 100, models[(dice >> 8) % 100]
        user = (dice >> 16) % sender.users
        head = (
            f'{{"id":"demo-{number:07}","source":"gateway","customer":"{sender.key}",'
            f'"time":"{sender.local(at).isoformat()}Z",'
            f'"actor":"{sender.key}/user-{user:02}",'
        )
        if kind < 92:
            asked, cached, answered = _tokens(dice >> 24, bits(64))
            yield (
                f'{head}"type":"completion","properties":{{"model":"{model}","input_tokens":{asked}'
                f',"cached_tokens":{cached},"output_tokens":{answered},"user":"u{user:02}"}}}}'
            ).encode()
        elif kind < 98:
            size = ("512", "1024")[dice >> 24 & 1]
            yield f'{head}"type":"image","properties":{{"size":"{size}"}}}}'.encode()
        else:
            stored = sender.stored_gb * 10 + (dice >> 24) % 100
            yield (
                f'{head}"type":"storage","properties":{{"gb":{stored // 10}.{stored % 10}}}}}'
            ).encode()


class _Sender:
    """A customer as it sends: how many people use it, what it stores, where its month lies."""

    def __init__(self, company: Company, month: Month) -> None:
        rank = len(company.name) + len(company.timezone)
        self.key = company.key
        self.users = {"free": 1, "payg": 3, "pro": 9}.get(company.plan, 60)
        self.stored_gb = self.users * (rank % 7 + 1)
        starts = month.starts(company.timezone)
        self._shift = starts - month.starts()
        self._last = month.next.starts(company.timezone).replace(tzinfo=None)

    def local(self, at: datetime) -> datetime:
        """`at`, an instant of the month in UTC, moved into the month as it runs here."""
        moved = at + self._shift
        return moved if moved < self._last else moved - timedelta(hours=1)


def _tokens(dice: int, more: int) -> tuple[int, int, int]:
    """Input tokens, those read from the cache instead, and output tokens: some calls are large."""
    asked = 40 + (dice % 1_500) * (1 + (more % 6) * (more >> 8) % 9)
    cached = asked * ((more >> 16) % 80) // 100 if (more >> 24) % 3 == 0 else 0
    answered = 10 + (more >> 32) % 400 * (1 + (more >> 48) % 4)
    return asked - cached, cached, answered


def _instants(month: Month, count: int) -> Iterator[datetime]:
    """`count` instants of the month in UTC, evenly within each hour, without their time zone."""
    first, last = month.starts(), month.next.starts()
    hours = [first + timedelta(hours=n) for n in range((last - first) // timedelta(hours=1))]
    loads = [_HOURS[at.hour] * (1 if at.weekday() > 4 else _WEEKEND_PART) for at in hours]
    ends = list(accumulate(loads))
    done = 0
    for at, end in zip(hours, ends, strict=True):
        due = count * end // ends[-1]
        step = timedelta(hours=1) // max(due - done, 1)
        start = at.replace(tzinfo=None)
        yield from (start + step * n for n in range(due - done))
        done = due
