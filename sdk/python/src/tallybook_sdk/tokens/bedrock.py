"""Amazon Bedrock: Converse, for every model alike. Invoked by itself a model answers in the dialect
of its maker; Meta's and Amazon's Titan have one that is known here alone.

Beside `inputTokens`, not inside: tokens read from a cache and written to one, as `totalTokens`
bears out; where that total shows that they are inside already, they are not added again.
`cacheDetails` splits what was written by how long it is kept.
"""

from __future__ import annotations

import re

from tallybook_sdk.tokens import anthropic, openai
from tallybook_sdk.tokens.body import Body, count, first, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage

_MODEL = re.compile(
    r"(arn:aws[\w-]*:bedrock:|([a-z]{2,6}\.)?(ai21|amazon|anthropic|cohere|deepseek|google|meta|"
    r"minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|stability|twelvelabs|writer|zai)\.\w)"
)
_INVOKED = ("generation_token_count", "inputTextTokenCount")


def read(body: Body) -> list[TokenUsage]:
    """The usage of Converse, and of models that are invoked by themselves."""
    usage = part(body, "usage")
    if "inputTokens" not in usage and any(sign in usage for sign in _INVOKED):
        return [_read_invoked(body, usage)]
    if "inputTokens" not in usage:
        return anthropic.read(body) if anthropic.is_spoken_in(body) else openai.read(body)
    entered, left = count(usage.get("inputTokens")), count(usage.get("outputTokens"))
    total = count(usage.get("totalTokens"))
    read_from = count(first(usage, "cacheReadInputTokens", "cacheReadInputTokenCount"))
    written = count(first(usage, "cacheWriteInputTokens", "cacheWriteInputTokenCount"))
    if total != entered + left:
        entered += read_from + written
    kept = {"5m": 0, "1h": 0}
    details = usage.get("cacheDetails")
    for each in details if isinstance(details, list) else ():
        kept[str(each.get("ttl"))] = count(each.get("inputTokens"))
    return [
        TokenUsage(
            provider="",
            model=text(body, "model"),
            api="converse",
            input_tokens=entered,
            cache_read_tokens=read_from,
            cache_write_tokens=written,
            cache_write_5m_tokens=kept["5m"],
            cache_write_1h_tokens=kept["1h"],
            output_tokens=left,
            unaccounted_tokens=max(total - entered - left, 0),
        )
    ]


def _read_invoked(body: Body, usage: Body) -> TokenUsage:
    """Llama, and Titan: by the answer, or the last chunk of a stream; its embeddings are input."""
    results = usage.get("results")
    left = first(usage, "generation_token_count", "totalOutputTextTokenCount")
    if left is None and isinstance(results, list):
        left = sum(count(each.get("tokenCount")) for each in results)
    return TokenUsage(
        provider="",
        model=text(body, "model"),
        api="embeddings" if left is None else "invoke",
        input_tokens=count(first(usage, "prompt_token_count", "inputTextTokenCount")),
        output_tokens=count(left),
    )


def _is_own(body: Body) -> bool:
    usage = part(body, "usage")
    return any(sign in usage for sign in ("inputTokens", *_INVOKED)) or bool(
        _MODEL.match(text(body, "model"))
    )


BEDROCK = Provider("bedrock", read, _is_own, ("aws", "amazon", "amazon_bedrock"))
