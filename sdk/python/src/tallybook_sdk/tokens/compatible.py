"""Providers that speak OpenAI's dialect as it is, and the signs by which each is told.

Cached tokens are inside the input for all of them, under one of the names that `openai.read_chat`
knows: `prompt_tokens_details.cached_tokens`, DeepSeek's `prompt_cache_hit_tokens`, Mistral's
`num_cached_tokens`, Moonshot's `cached_tokens`.
"""

from __future__ import annotations

from collections.abc import Callable

from tallybook_sdk.tokens.body import Body, part, text
from tallybook_sdk.tokens.openai import read
from tallybook_sdk.tokens.provider import Provider

_MISTRAL = ("mistral-", "magistral-", "ministral-", "codestral-", "devstral-", "pixtral-",
            "voxtral-", "open-mistral-", "open-mixtral-")  # fmt: skip


def _has(*signs: str) -> Callable[[Body], bool]:
    return lambda body: any(sign in part(body, "usage") for sign in signs)


def _is_model(*beginnings: str) -> Callable[[Body], bool]:
    return lambda body: text(body, "model").startswith(beginnings)


def _either(*signs: Callable[[Body], bool]) -> Callable[[Body], bool]:
    return lambda body: any(sign(body) for sign in signs)


COMPATIBLE = (
    Provider("azure", read, lambda body: "prompt_filter_results" in body, ("azure_openai",)),
    Provider("groq", read, _either(_has("queue_time"), lambda body: "x_groq" in body)),
    Provider("cerebras", read, lambda body: "time_info" in body),
    Provider(
        "openrouter",
        read,
        _either(_has("is_byok", "cost_details"), lambda body: bool(text(body, "provider"))),
    ),
    Provider("deepseek", read, _either(_has("prompt_cache_hit_tokens"), _is_model("deepseek-"))),
    Provider(
        "mistral",
        read,
        _either(_has("num_cached_tokens", "prompt_audio_seconds"), _is_model(*_MISTRAL)),
        ("mistralai",),
    ),
    Provider("zai", read, _is_model("glm-"), ("zhipuai", "zhipu")),
    Provider("moonshotai", read, _is_model("kimi-", "moonshot-"), ("moonshot",)),
    Provider("minimax", read, _is_model("MiniMax-", "minimax-")),
    Provider("fireworks", read, _is_model("accounts/fireworks/")),
    Provider("google", read, _is_model("gemini-")),
    Provider("anthropic", read, _is_model("claude-")),
    Provider("together", read, lambda _: False, ("togetherai",)),
    Provider("huggingface", read, lambda _: False),
    Provider("nebius", read, lambda _: False),
    Provider("sambanova", read, lambda _: False),
    Provider("ovhcloud", read, lambda _: False),
    Provider("vercel", read, lambda _: False),
)
"""The last few leave no sign: say which it was."""

UNKNOWN = Provider("openai-compatible", read, lambda _: True)
