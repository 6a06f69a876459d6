"""Providers of embeddings that tell a total only: Voyage AI, Jina. All of it is input."""

from __future__ import annotations

from tallybook_sdk.tokens import openai
from tallybook_sdk.tokens.body import Body, count, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage


def read(body: Body) -> list[TokenUsage]:
    """The total as input."""
    usage = part(body, "usage")
    if "prompt_tokens" in usage or "total_tokens" not in usage:
        return openai.read(body)
    return [
        TokenUsage(
            provider="",
            model=text(body, "model"),
            api="embeddings",
            input_tokens=count(usage.get("total_tokens")),
        )
    ]


VOYAGE = Provider(
    "voyageai",
    read,
    lambda body: text(body, "model").startswith(("voyage-", "rerank-")),
    ("voyage",),
)
JINA = Provider("jina", read, lambda body: text(body, "model").startswith("jina-"))
