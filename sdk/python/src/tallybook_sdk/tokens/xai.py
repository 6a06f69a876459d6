"""xAI: Grok, in OpenAI's dialect with one difference.

Reasoning is beside `completion_tokens`, not inside, as `total_tokens` bears out; where an answer
has no total, it is taken to be beside. Cached and image tokens are inside the input.
"""

from __future__ import annotations

from tallybook_sdk.tokens import openai
from tallybook_sdk.tokens.body import Body, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage


def read(body: Body) -> list[TokenUsage]:
    """As OpenAI's, with reasoning beside the completion."""
    usage = part(body, "usage")
    if "prompt_tokens" in usage:
        return [openai.read_chat(body, usage, is_reasoning_beside=True)]
    return openai.read(body)


def _is_own(body: Body) -> bool:
    usage = part(body, "usage")
    signs = ("num_sources_used", "cost_in_usd_ticks", "cached_prompt_text_tokens")
    return any(sign in usage for sign in signs) or text(body, "model").startswith("grok-")


XAI = Provider("xai", read, _is_own, ("x-ai", "grok"))
