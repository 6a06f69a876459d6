"""What one call of a model used: totals, and parts that add up to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec

TEXT = "text"


class TokenUsage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens of one model in one response, told alike for every provider.

    `input_tokens` and `output_tokens` are totals. Everything else named `_tokens` is inside one of
    them: cached tokens, read or written, are inside the input, reasoning is inside the output.
    Whatever a provider counts beside its total is added to the total here, once.
    """

    provider: str
    model: str = ""
    api: str = ""
    """Which of the provider's interfaces answered: chat, responses, messages, embeddings…"""
    step: str = ""
    """What it was for, where one response pays for more than its answer: `compaction`, …"""
    response_id: str = ""
    service_tier: str = ""

    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    """What of `cache_write_tokens` is known to be kept for five minutes or an hour."""
    tool_input_tokens: int = 0
    """What of the input came from tools that the provider ran."""

    output_tokens: int = 0
    reasoning_tokens: int = 0

    input_modalities: Mapping[str, int] = {}
    cache_read_modalities: Mapping[str, int] = {}
    tool_input_modalities: Mapping[str, int] = {}
    output_modalities: Mapping[str, int] = {}
    """Tokens by `text`, `audio`, `image`, `video`, as far as the provider tells."""

    audio_seconds: Decimal = Decimal(0)
    """What is charged by the length of a recording instead of by tokens."""
    web_searches: int = 0
    unaccounted_tokens: int = 0
    """What the provider's own total has beyond the parts that it names. In none of the above."""
    extra: Mapping[str, int] = {}
    """What else a provider counts and may charge for, by its own name."""

    @property
    def total_tokens(self) -> int:
        """Input and output."""
        return self.input_tokens + self.output_tokens

    @property
    def input_audio_tokens(self) -> int:
        """Audio in the input, cached or not."""
        return self.input_modalities.get("audio", 0)

    @property
    def output_audio_tokens(self) -> int:
        """Audio in the output."""
        return self.output_modalities.get("audio", 0)

    def parts(self) -> dict[str, int]:
        """Tokens by kind, each in exactly one, none of them zero.

        `input`, `input_audio`, `input_image`… (neither read from a cache nor written to one),
        `cache_read`, `cache_read_audio`…, `cache_write_5m`, `cache_write_1h`, `cache_write` add up
        to the input; `output`, `output_audio`, `output_image`…, `reasoning` to the output. What
        was cached is taken for text where the provider does not say.
        """
        split: dict[str, int] = {}
        left = self.input_tokens
        left -= _take(split, left, "cache_write_5m", self.cache_write_5m_tokens)
        left -= _take(split, left, "cache_write_1h", self.cache_write_1h_tokens)
        by_duration = self.cache_write_5m_tokens + self.cache_write_1h_tokens
        left -= _take(split, left, "cache_write", self.cache_write_tokens - by_duration)
        cached = min(self.cache_read_tokens, left)
        left -= cached
        for modality, tokens in _not_text(self.cache_read_modalities):
            cached -= _take(split, cached, f"cache_read_{modality}", tokens)
        _take(split, cached, "cache_read", cached)
        for modality, tokens in _not_text(self.input_modalities):
            fresh = tokens - self.cache_read_modalities.get(modality, 0)
            left -= _take(split, left, f"input_{modality}", fresh)
        _take(split, left, "input", left)
        left = self.output_tokens
        for modality, tokens in _not_text(self.output_modalities):
            left -= _take(split, left, f"output_{modality}", tokens)
        left -= _take(split, left, "reasoning", self.reasoning_tokens)
        _take(split, left, "output", left)
        return split

    def properties(self) -> dict[str, Any]:
        """The properties of an event that tells all of this.

        `input_tokens` and `output_tokens` are the totals; the parts are named by kind and
        `_tokens`, with `uncached_input_tokens` for `input` and `visible_output_tokens` for
        `output`. A price is for the totals or for the parts, never for both.
        """
        told: dict[str, Any] = {"provider": self.provider}
        for name in ("model", "api", "step", "response_id", "service_tier"):
            if text := getattr(self, name):
                told[name] = text
        told |= {"input_tokens": self.input_tokens, "output_tokens": self.output_tokens}
        told |= {_PART_NAMES.get(kind, f"{kind}_tokens"): n for kind, n in self.parts().items()}
        for name in ("tool_input_tokens", "web_searches", "unaccounted_tokens", "audio_seconds"):
            if number := getattr(self, name):
                told[name] = number
        return told | dict(self.extra)


_PART_NAMES = {"input": "uncached_input_tokens", "output": "visible_output_tokens"}


def _take(split: dict[str, int], left: int, kind: str, tokens: int) -> int:
    """Put `tokens` of what is `left` into a kind, never more; how many that was."""
    taken = min(max(tokens, 0), left)
    if taken:
        split[kind] = split.get(kind, 0) + taken
    return taken


def _not_text(modalities: Mapping[str, int]) -> list[tuple[str, int]]:
    return [(name, tokens) for name, tokens in sorted(modalities.items()) if name != TEXT]
