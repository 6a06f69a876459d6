"""Perplexity: Sonar, in OpenAI's dialect, with what deep research counts beside it.

`reasoning_tokens` of deep research are beside `completion_tokens` and beside the total; citations
are charged for themselves, and are in `extra`. Searches are counted.
"""

from __future__ import annotations

import msgspec

from tallybook_sdk.tokens import openai
from tallybook_sdk.tokens.body import Body, count, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage


def read(body: Body) -> list[TokenUsage]:
    """As OpenAI's, and what is beside it."""
    usage = part(body, "usage")
    citations = count(usage.get("citation_tokens"))
    reasoning = count(usage.get("reasoning_tokens"))
    return [
        msgspec.structs.replace(
            found,
            output_tokens=found.output_tokens + reasoning,
            reasoning_tokens=found.reasoning_tokens + reasoning,
            web_searches=count(usage.get("num_search_queries")),
            extra={"citation_tokens": citations} if citations else {},
        )
        for found in openai.read(body)
    ]


def _is_own(body: Body) -> bool:
    return "search_context_size" in part(body, "usage") or text(body, "model").startswith("sonar")


PERPLEXITY = Provider("perplexity", read, _is_own)
