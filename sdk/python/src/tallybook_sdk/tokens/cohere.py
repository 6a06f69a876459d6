"""Cohere: chat, embeddings, rerank.

`billed_units` is what is charged, and it is what is read; `tokens`, which count the prompt that
Cohere builds around the request, and what of them came from a cache, are given in `extra` as
`processed_input_tokens`, `processed_output_tokens` and `processed_cached_tokens`. Images that are
embedded are billed beside the text.
"""

from __future__ import annotations

from tallybook_sdk.tokens.body import Body, count, modalities, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage

_COUNTED = ("search_units", "classifications", "images")


def read(body: Body) -> list[TokenUsage]:
    """What is billed, from `usage` (version 2 of the API) or `meta` (before it, and embeddings)."""
    usage = part(body, "usage") or part(body, "meta")
    billed, processed = part(usage, "billed_units"), part(usage, "tokens")
    if not billed and not processed:
        return []
    charged = billed or processed
    images = count(charged.get("image_tokens"))
    extra = {name: count(billed.get(name)) for name in _COUNTED}
    extra |= {f"processed_{name}": count(processed.get(name)) for name in processed}
    extra["processed_cached_tokens"] = count(usage.get("cached_tokens"))
    return [
        TokenUsage(
            provider="",
            model=text(body, "model"),
            api="chat" if "output_tokens" in charged else "embeddings",
            response_id=text(body, "id"),
            input_tokens=count(charged.get("input_tokens")) + images,
            input_modalities=modalities({"image": images}),
            output_tokens=count(charged.get("output_tokens")),
            extra={name: number for name, number in extra.items() if number},
        )
    ]


def _is_own(body: Body) -> bool:
    return any("billed_units" in part(body, name) for name in ("usage", "meta"))


COHERE = Provider("cohere", read, _is_own)
