"""What a model provider's response used, told alike for all of them.

Every provider is one small module, behind `REGISTRY`; whether cached tokens are inside the input,
and reasoning inside the output, stands at the top of each.
"""

from __future__ import annotations

import msgspec

from tallybook_sdk.tokens.anthropic import ANTHROPIC
from tallybook_sdk.tokens.bedrock import BEDROCK
from tallybook_sdk.tokens.body import Body, Unreadable, body_of
from tallybook_sdk.tokens.cohere import COHERE
from tallybook_sdk.tokens.compatible import COMPATIBLE, UNKNOWN
from tallybook_sdk.tokens.embedders import JINA, VOYAGE
from tallybook_sdk.tokens.google import GOOGLE
from tallybook_sdk.tokens.ollama import OLLAMA
from tallybook_sdk.tokens.openai import OPENAI
from tallybook_sdk.tokens.perplexity import PERPLEXITY
from tallybook_sdk.tokens.provider import Provider
from tallybook_sdk.tokens.usage import TokenUsage
from tallybook_sdk.tokens.xai import XAI

__all__ = ["REGISTRY", "Provider", "TokenUsage", "usage_from_response"]

REGISTRY: list[Provider] = [
    GOOGLE,
    COHERE,
    BEDROCK,
    ANTHROPIC,
    OLLAMA,
    VOYAGE,
    JINA,
    PERPLEXITY,
    XAI,
    OPENAI,
    *COMPATIBLE,
    UNKNOWN,
]
"""Asked in this order whose a response is; a provider of your own goes before the others."""


def usage_from_response(
    response: object, *, provider: str | None = None, model: str | None = None
) -> list[TokenUsage]:
    """What a response used: one `TokenUsage`, or more where it paid for several models or steps.

    `response` is the body as a dict or JSON, the object that a provider's SDK gives, its usage
    alone, or a list of the chunks of a stream. `provider` and `model` are told from it unless
    given; Bedrock does not name the model in its answer, and providers that speak OpenAI's dialect
    leave few signs. Nothing is found in a response that tells no usage, or none that can be read.
    """
    body = body_of(response)
    named = _named(provider) if provider else None
    readers = REGISTRY if named is None else [named, *REGISTRY]
    for reader in readers:
        if reader is not named and not _is_from(reader, body):
            continue
        found = _read(reader, body)
        if found:
            name = provider and (named.name if named else provider)
            return [_completed(usage, name or reader.name, model) for usage in found]
    return []


def _named(provider: str) -> Provider | None:
    wanted = provider.lower()
    return next((each for each in REGISTRY if wanted in {each.name, *each.aliases}), None)


def _is_from(reader: Provider, body: Body) -> bool:
    return reader.is_from(body)


def _read(reader: Provider, body: Body) -> list[TokenUsage]:
    try:
        return reader.read(body)
    except (Unreadable, AttributeError, TypeError):
        return []


def _completed(usage: TokenUsage, provider: str, model: str | None) -> TokenUsage:
    own_model = usage.model if usage.step and usage.model else model or usage.model
    return msgspec.structs.replace(usage, provider=provider, model=own_model)
