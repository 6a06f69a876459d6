"""A provider's response as plain mappings, whatever it came as."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, is_dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

Body = Mapping[str, Any]

_USAGES = ("usage", "usageMetadata", "usage_metadata", "meta")
_WRAPPERS = ("response", "message", "metadata", "x_groq", "delta")
_SIGNS = (
    "model", "modelVersion", "model_version", "id", "responseId", "response_id", "object", "type",
    "service_tier", "provider", "time_info", "prompt_filter_results", "prompt_eval_count",
    "eval_count",
)  # fmt: skip
_COUNTERS = frozenset(
    {
        "prompt_tokens", "input_tokens", "output_tokens", "total_tokens", "inputTokens",
        "promptTokenCount", "prompt_token_count", "billed_units", "generation_token_count",
        "inputTextTokenCount",
    }
)  # fmt: skip
"""A mapping with one of these is a usage by itself."""


MAX_DEPTH = 6


class Unreadable(Exception):  # noqa: N818 - it is caught where it is raised for
    """A usage with something other than a count where a count should be."""


def body_of(response: object) -> Body:
    """What of `response` matters: a dict, the JSON of one, an SDK's object, or a list of the chunks
    of a stream. Empty if it is none of these."""
    if isinstance(response, bytes | bytearray | str):
        try:
            response = msgspec.json.decode(response)
        except msgspec.DecodeError:
            return {}
    if isinstance(response, list | tuple):
        return _merged(_unwrapped(_shallow(chunk)) for chunk in response)
    return _unwrapped(_shallow(response))


def count(value: object) -> int:
    """A number of tokens; nothing is 0. SDKs that say `12.0` mean 12."""
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unreadable(f"{value!r} is no count")
    whole = int(value)
    if whole != value or whole < 0:
        raise Unreadable(f"{value!r} is no count")
    return whole


def seconds(value: object) -> Decimal:
    """A length of time; nothing is 0."""
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise Unreadable(f"{value!r} is no length of time")
    return Decimal(str(value))


def part(body: Body, *names: str) -> Body:
    """The first of `names` that is a mapping; else an empty one."""
    for name in names:
        found = body.get(name)
        if isinstance(found, Mapping):
            return found
    return {}


def first(body: Body, *names: str) -> Any:
    """The value of the first of `names` that is there and not null."""
    return next((body[name] for name in names if body.get(name) is not None), None)


def text(body: Body, *names: str) -> str:
    """The first of `names` that is text; else ""."""
    return next((body[name] for name in names if isinstance(body.get(name), str)), "")


def modalities(found: Mapping[str, int]) -> dict[str, int]:
    """Those that are not nothing."""
    return {name: tokens for name, tokens in found.items() if tokens}


def _shallow(response: Any) -> Body:
    """The members that matter, as plain values: the text of an answer is not copied."""
    get = response.get if isinstance(response, Mapping) else lambda name: _attribute(response, name)
    if any(get(name) is not None for name in _COUNTERS):
        bare = _plain(response)
        is_google = "promptTokenCount" in bare or (
            "prompt_token_count" in bare and "generation_token_count" not in bare
        )
        return {"usageMetadata" if is_google else "usage": bare}
    found = {name: _plain(get(name)) for name in (*_USAGES, *_SIGNS) if get(name) is not None}
    if "input_tokens" in part(found, "usage_metadata"):  # LangChain's, and not Google's
        found["usage"] = found.pop("usage_metadata")
    for name in _WRAPPERS:
        inner = get(name)
        if inner is not None and not isinstance(inner, str | int | float | list):
            found[name] = _shallow(inner)
    return found


def _attribute(response: object, name: str) -> Any:
    value = getattr(response, name, None)
    return None if callable(value) else value


def _plain(value: Any, depth: int = 0) -> Any:
    """`value` without classes: mappings, lists, text and numbers. What is too deep is left out."""
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, str | bool | int | float | Decimal):
        return value
    if isinstance(value, list | tuple):
        return [_plain(member, depth + 1) for member in value]
    members = value if isinstance(value, Mapping) else _members(value)
    if depth > MAX_DEPTH:
        return None
    return {str(name): _plain(member, depth + 1) for name, member in members.items()}


def _members(value: Any) -> Mapping[str, Any]:
    if hasattr(value, "model_dump"):
        dumped: Mapping[str, Any] = value.model_dump()
        return dumped
    if isinstance(value, msgspec.Struct):
        return msgspec.structs.asdict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return getattr(value, "__dict__", {})


def _unwrapped(body: Body) -> Body:
    """The mapping that has the usage: the response itself, or one inside an event of a stream."""
    if any(isinstance(body.get(name), Mapping) for name in _USAGES):
        return body
    for name in _WRAPPERS:
        inner = body.get(name)
        if isinstance(inner, Mapping) and any(usage in inner for usage in _USAGES):
            return {**body, **inner}
    return body


def _merged(chunks: Iterable[Body]) -> Body:
    """The chunks of a stream as one: counts are running totals, so the last told is true."""
    whole: dict[str, Any] = {}
    for chunk in chunks:
        for name, value in chunk.items():
            if value is None:
                continue
            known = whole.get(name)
            if isinstance(known, Mapping) and isinstance(value, Mapping):
                told = {key: member for key, member in value.items() if member is not None}
                whole[name] = {**known, **told}
            else:
                whole[name] = value
    return whole
