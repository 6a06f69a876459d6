"""What the registry knows of a provider."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tallybook_sdk.tokens.body import Body
from tallybook_sdk.tokens.usage import TokenUsage


@dataclass(frozen=True, slots=True)
class Provider:
    """Whose response it is, and how it is read.

    `read` gives nothing for a body in another dialect, and leaves `provider` to be filled in.
    `is_from` tells by a sign in the body that it is theirs.
    """

    name: str
    read: Callable[[Body], list[TokenUsage]]
    is_from: Callable[[Body], bool]
    aliases: tuple[str, ...] = ()
