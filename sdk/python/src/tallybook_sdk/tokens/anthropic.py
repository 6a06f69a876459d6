"""Anthropic: messages, wherever they are served (also by Bedrock, Vertex, Foundry).

Beside `input_tokens`, not inside: tokens read from a cache and tokens written to one, so the input
is the sum of the three. `cache_creation` splits what was written by how long it is kept. Thinking
is inside the output.

`iterations` list what the one response is charged for in steps. Those of type `message` add up to
the counts above; a compaction of the context, or an advisor of another model, is beside them and
becomes a usage of its own.
"""

from __future__ import annotations

from typing import Any

from tallybook_sdk.tokens.body import Body, count, part, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage

_SIGNS = ("cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "iterations",
          "server_tool_use", "inference_geo")  # fmt: skip


def read(body: Body) -> list[TokenUsage]:
    """The answer's usage, and that of every step beside it."""
    usage = part(body, "usage")
    if "input_tokens" not in usage and "output_tokens" not in usage:
        return []
    model = text(body, "model")
    response_id = text(body, "id")
    found = [_read(usage, model, "", response_id)]
    iterations = usage.get("iterations")
    for step in iterations if isinstance(iterations, list) else ():
        if isinstance(step, dict) and step.get("type", "message") != "message":
            name = text(step, "type")
            found.append(_read(step, text(step, "model") or model, name, response_id))
    return found


def _read(usage: Body, model: str, step: str, response_id: str) -> TokenUsage:
    read_from, written = _cached(usage)
    by_duration = part(usage, "cache_creation")
    return TokenUsage(
        provider="",
        model=model,
        api="messages",
        step=step,
        response_id=response_id,
        service_tier=text(usage, "service_tier"),
        input_tokens=count(usage.get("input_tokens")) + read_from + written,
        cache_read_tokens=read_from,
        cache_write_tokens=written,
        cache_write_5m_tokens=count(by_duration.get("ephemeral_5m_input_tokens")),
        cache_write_1h_tokens=count(by_duration.get("ephemeral_1h_input_tokens")),
        output_tokens=count(usage.get("output_tokens")),
        reasoning_tokens=count(part(usage, "output_tokens_details").get("thinking_tokens")),
        web_searches=count(part(usage, "server_tool_use").get("web_search_requests")),
    )


def _cached(usage: Body) -> tuple[int, int]:
    written: Any = usage.get("cache_creation_input_tokens")
    if written is None:
        written = sum(map(count, part(usage, "cache_creation").values()))
    return count(usage.get("cache_read_input_tokens")), count(written)


def is_spoken_in(body: Body) -> bool:
    """Whether a body is in this dialect, whoever sent it."""
    usage = part(body, "usage")
    if "total_tokens" in usage or "prompt_tokens" in usage:
        return False
    return any(sign in usage for sign in _SIGNS) or (
        "input_tokens" in usage
        and (text(body, "model").startswith("claude") or body.get("type") == "message")
    )


ANTHROPIC = Provider("anthropic", read, is_spoken_in, ("claude",))
