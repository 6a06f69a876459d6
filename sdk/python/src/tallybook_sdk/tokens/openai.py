"""OpenAI, and the dialect that many others speak after it.

Inside the input (`prompt_tokens`, `input_tokens`): cached tokens, read or written, and audio and
image tokens. Inside the output: reasoning, audio, and predictions, accepted or rejected. Where
the total says that reasoning is beside the output (`total = prompt + completion + reasoning`), it
is added to it. What the total has beyond that is `unaccounted_tokens`: Google's endpoint in this
dialect leaves its thoughts out of `completion_tokens`, and names them nowhere.
"""

from __future__ import annotations

from tallybook_sdk.tokens.body import Body, count, first, modalities, part, seconds, text
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage

OWN_MODELS = (
    "gpt-", "chatgpt-", "o1", "o3", "o4", "text-embedding-", "whisper-", "tts-", "computer-use-",
    "codex-", "davinci", "omni-moderation", "dall-e", "sora-",
)  # fmt: skip
MODALITIES = ("text", "audio", "image", "video")


def read(body: Body) -> list[TokenUsage]:
    """The usage in any of the shapes of this dialect."""
    usage = part(body, "usage")
    if "prompt_tokens" in usage:
        return [read_chat(body, usage)]
    if usage.get("type") == "duration":
        return [read_recording(body, usage)]
    if "input_tokens" in usage:
        return [read_responses(body, usage)]
    return []


def read_chat(body: Body, usage: Body, *, is_reasoning_beside: bool = False) -> TokenUsage:
    """Chat completions and embeddings.

    `is_reasoning_beside` is whether reasoning is beside the completion where no total tells.
    """
    told_in = part(usage, "prompt_tokens_details")
    told_out = part(usage, "completion_tokens_details")
    prompt = count(usage.get("prompt_tokens"))
    completion = count(usage.get("completion_tokens"))
    reasoning = count(first(told_out, "reasoning_tokens"))
    total = usage.get("total_tokens")
    beside = (
        is_reasoning_beside if total is None else count(total) == prompt + completion + reasoning
    )
    if reasoning > completion and total is None:
        beside = True  # it cannot be inside
    output = completion + (reasoning if beside else 0)
    return TokenUsage(
        provider="",
        model=text(body, "model"),
        api="chat" if "completion_tokens" in usage else "embeddings",
        response_id=text(body, "id"),
        service_tier=text(body, "service_tier"),
        input_tokens=prompt,
        cache_read_tokens=count(
            first(told_in, "cached_tokens")
            or first(usage, "prompt_cache_hit_tokens", "num_cached_tokens", "cached_tokens",
                     "cached_prompt_text_tokens")
        ),
        cache_write_tokens=count(first(told_in, "cache_write_tokens", "cache_creation_tokens")),
        input_modalities=_modalities(told_in),
        output_tokens=output,
        reasoning_tokens=min(reasoning, output),
        output_modalities=_modalities(told_out),
        audio_seconds=seconds(usage.get("prompt_audio_seconds")),
        unaccounted_tokens=max(count(total) - prompt - output, 0),
    )  # fmt: skip


def read_responses(body: Body, usage: Body) -> TokenUsage:
    """Responses, realtime, images and transcriptions: the same names, some in the singular.

    LangChain tells what any model used alike, by shorter names.
    """
    told_in = part(usage, "input_tokens_details", "input_token_details")
    told_out = part(usage, "output_tokens_details", "output_token_details")
    entered, left = count(usage.get("input_tokens")), count(usage.get("output_tokens"))
    reasoning = count(first(told_out, "reasoning_tokens", "reasoning"))
    total = count(usage.get("total_tokens"))
    if reasoning and total == entered + left + reasoning:
        left += reasoning
    return TokenUsage(
        provider="",
        model=text(body, "model"),
        api="responses",
        response_id=text(body, "id"),
        service_tier=text(body, "service_tier"),
        input_tokens=entered,
        cache_read_tokens=count(first(told_in, "cached_tokens", "cache_read")),
        cache_write_tokens=count(first(told_in, "cache_write_tokens", "cache_creation")),
        input_modalities=_modalities(told_in),
        cache_read_modalities=_modalities(part(told_in, "cached_tokens_details")),
        output_tokens=left,
        reasoning_tokens=min(reasoning, left),
        output_modalities=_modalities(told_out),
        unaccounted_tokens=max(total - entered - left, 0),
    )


def read_recording(body: Body, usage: Body) -> TokenUsage:
    """A transcription that is charged by the length of the recording."""
    return TokenUsage(
        provider="",
        model=text(body, "model"),
        api="transcription",
        audio_seconds=seconds(usage.get("seconds")),
    )


def _modalities(told: Body) -> dict[str, int]:
    return modalities({name: count(first(told, f"{name}_tokens", name)) for name in MODALITIES})


def _is_own(body: Body) -> bool:
    model = text(body, "model").removeprefix("ft:")
    return model.startswith(OWN_MODELS) and ":" not in model and not model.startswith("gpt-oss")


OPENAI = Provider("openai", read, _is_own)
