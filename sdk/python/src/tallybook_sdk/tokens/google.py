"""Google: Gemini, from the Gemini API, Vertex AI and the Live API.

Inside `promptTokenCount`: cached content. Beside it: `toolUsePromptTokenCount`. Beside
`candidatesTokenCount`: `thoughtsTokenCount`. So the input is prompt and tools, the output
candidates and thoughts. Details by modality may tell of less than the count; the rest is text.
Documents are told as images, which is what they are charged as.
Both spellings are read, that of the wire (`promptTokenCount`) and that of the Python SDK
(`prompt_token_count`).
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from tallybook_sdk.tokens.body import Body, count, first, modalities, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage


def read(body: Body) -> list[TokenUsage]:
    """The usage in `usageMetadata`."""
    usage = part(body, "usageMetadata", "usage_metadata")
    if not usage:
        return []
    tools = _count(usage, "toolUsePromptTokenCount")
    entered = _count(usage, "promptTokenCount") + tools
    thoughts = _count(usage, "thoughtsTokenCount")
    left = _count(usage, "candidatesTokenCount", "responseTokenCount") + thoughts
    return [
        TokenUsage(
            provider="",
            model=text(body, "modelVersion", "model_version", "model"),
            api="generate" if left or "totalTokenCount" in usage else "embeddings",
            response_id=text(body, "responseId", "response_id"),
            service_tier=_tier(usage),
            input_tokens=entered,
            cache_read_tokens=_count(usage, "cachedContentTokenCount"),
            tool_input_tokens=tools,
            input_modalities=_modalities(
                usage, "promptTokensDetails", "promptTokenDetails", "toolUsePromptTokensDetails"
            ),
            tool_input_modalities=_modalities(usage, "toolUsePromptTokensDetails"),
            cache_read_modalities=_modalities(usage, "cacheTokensDetails"),
            output_tokens=left,
            reasoning_tokens=thoughts,
            output_modalities=_modalities(
                usage, "candidatesTokensDetails", "responseTokensDetails"
            ),
            unaccounted_tokens=max(_count(usage, "totalTokenCount") - entered - left, 0),
        )
    ]


def _snake(name: str) -> str:
    return re.sub("([A-Z])", r"_\1", name).lower()


def _get(usage: Body, name: str) -> Any:
    return first(usage, name, _snake(name))


def _count(usage: Body, *names: str) -> int:
    return count(next((found for name in names if (found := _get(usage, name)) is not None), None))


def _tier(usage: Body) -> str:
    return next((tier for name in ("serviceTier", "trafficType")
                 if isinstance(tier := _get(usage, name), str)), "")  # fmt: skip


def _modalities(usage: Body, *names: str) -> dict[str, int]:
    found: Counter[str] = Counter()
    for name in names:
        for each in _get(usage, name) or ():
            modality = str(each.get("modality") or "unspecified").lower()
            modality = "image" if modality == "document" else modality
            found[modality] += _count(each, "tokenCount")
    return modalities(found)


def _is_own(body: Body) -> bool:
    usage = part(body, "usageMetadata", "usage_metadata")
    return any(_get(usage, name) is not None for name in ("promptTokenCount", "totalTokenCount"))


GOOGLE = Provider("google", read, _is_own, ("gemini", "vertex", "vertexai", "google_genai"))
