"""Amazon Bedrock: Converse, for every model alike. Its other interfaces answer in the dialect of
the model's maker.

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


def read(body: Body) -> list[TokenUsage]:
    """The usage of Converse."""
    usage = part(body, "usage")
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


def _is_own(body: Body) -> bool:
    return "inputTokens" in part(body, "usage") or bool(_MODEL.match(text(body, "model")))


BEDROCK = Provider("bedrock", read, _is_own, ("aws", "amazon", "amazon_bedrock"))
