"""Ollama's own interface: `prompt_eval_count` in, `eval_count` out. A prompt that was wholly cached
is not counted again by it. Its other interface speaks OpenAI's dialect."""

from __future__ import annotations

from tallybook_sdk.tokens import openai
from tallybook_sdk.tokens.body import Body, count, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage


def read(body: Body) -> list[TokenUsage]:
    """The counts at the top of a body."""
    if "prompt_eval_count" not in body and "eval_count" not in body:
        return openai.read(body)
    return [
        TokenUsage(
            provider="",
            model=text(body, "model"),
            api="chat" if "eval_count" in body else "embeddings",
            input_tokens=count(body.get("prompt_eval_count")),
            output_tokens=count(body.get("eval_count")),
        )
    ]


def _is_own(body: Body) -> bool:
    return "prompt_eval_count" in body or "eval_count" in body


OLLAMA = Provider("ollama", read, _is_own)
