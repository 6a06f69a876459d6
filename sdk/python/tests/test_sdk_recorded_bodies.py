"""1,577 recorded answers of providers: the usage that others read in them, and what it costs.

The recordings tell for each body what every provider's reading of it would be, and the price by a
published list. Ours is held against the reading of the provider whose body it is.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sdk_prices import PriceList
from tallybook_sdk import TokenUsage, usage_from_response

SHARED = Path(os.environ.get("TALLYBOOK_SHARED", Path(__file__).resolve().parents[4] / "shared"))
BODIES = SHARED / "data/llm-usage-bodies/usages.json.gz"
PRICES = SHARED / "data/prices-genai"

pytestmark = pytest.mark.skipif(
    not BODIES.exists() or not PRICES.exists(),
    reason=f"the recorded bodies are not in {SHARED}: set TALLYBOOK_SHARED",
)

READINGS = {
    ("anthropic", "messages"): ("anthropic", "default"),
    ("bedrock", "converse"): ("aws", "default"),
    ("cohere", "chat"): ("cohere", "default"),
    ("google", "embeddings"): ("google", "default"),
    ("google", "generate"): ("google", "default"),
    ("groq", "chat"): ("groq", "default"),
    ("mistral", "chat"): ("mistral", "default"),
}
"""Ours → the recordings' names, where they are others."""

PRICED_AS = {
    "input_image": "input",
    "input_video": "input",
    "cache_read_image": "cache_read",
    "cache_read_video": "cache_read",
    "cache_read_audio": "cache_audio_read",
    "cache_write_5m": "cache_write",
    "cache_write_1h": "cache_write",
    "reasoning": "output",
}


class Case(NamedTuple):
    """A body, the readings of it by provider and interface, and what they cost."""

    body: dict[str, Any]
    file: str
    model: str
    readings: dict[tuple[str, str], dict[str, int]]
    costs: dict[tuple[str, str], tuple[Decimal, Decimal]]


def cases() -> Iterator[Case]:
    with gzip.open(BODIES, "rt", encoding="utf-8") as file:
        recorded = json.load(file)
    for each in recorded:
        body = dict(each["body"])
        found = Case(body, body.pop("file"), each.get("model", ""), {}, {})
        for group in each["extracted"]:
            for reader in group["extractors"]:
                name = (reader["provider_id"], reader["api_flavor"])
                found.readings[name] = group["usage"]
                if reader.get("input_price") is not None:
                    prices = (Decimal(reader["input_price"]), Decimal(reader["output_price"]))
                    found.costs[name] = prices
        yield found


def own_reading(case: Case, usage: TokenUsage) -> tuple[str, str]:
    """The name of the recordings' reading that ours is held against."""
    name = READINGS.get((usage.provider, usage.api), (usage.provider, usage.api))
    # Providers that the recordings have no reader for speak OpenAI's dialect.
    return name if name in case.readings else ("openai", usage.api)


def told(usage: TokenUsage) -> dict[str, int]:
    """Our reading in the recordings' words."""
    words = {
        "input_tokens": usage.input_tokens,
        "input_tool_tokens": usage.tool_input_tokens,
        "cache_read_tokens": usage.cache_read_tokens,
        "cache_write_tokens": usage.cache_write_tokens,
        "cache_write_5m_tokens": usage.cache_write_5m_tokens,
        "cache_write_1h_tokens": usage.cache_write_1h_tokens,
        "output_tokens": usage.output_tokens,
        "output_reasoning_tokens": usage.reasoning_tokens,
        "web_searches": usage.web_searches,
    }
    for pattern, modalities in (
        ("input_{}_tokens", usage.input_modalities),
        ("input_{}_tool_tokens", usage.tool_input_modalities),
        ("cache_{}_read_tokens", usage.cache_read_modalities),
        ("output_{}_tokens", usage.output_modalities),
    ):
        words |= {pattern.format(name): number for name, number in modalities.items()}
    return {name: number for name, number in words.items() if number}


def priced(usage: TokenUsage) -> Mapping[str, int]:
    """Our parts in the price list's words."""
    tokens: Counter[str] = Counter(input_total=usage.input_tokens)
    for kind, number in usage.parts().items():
        tokens[PRICED_AS.get(kind, kind)] += number
    return tokens


def test_every_count_that_others_read_is_read() -> None:
    outcomes: Counter[str] = Counter()
    wrong = []
    more: Counter[str] = Counter()
    for case in cases():
        usage = usage_from_response(case.body)[0]
        expected = {name: n for name, n in case.readings[own_reading(case, usage)].items() if n}
        ours = told(usage)
        if any(ours.get(name) != number for name, number in expected.items()):
            wrong.append((case.file, expected, ours))
        outcomes["equal" if ours == expected else "more is read"] += 1
        more.update(ours.keys() - expected.keys())
    assert not wrong, wrong[:3]
    assert outcomes == {"equal": 1530, "more is read": 47}
    assert more == {
        "cache_read_tokens": 29,  # Mistral's num_cached_tokens
        "input_text_tokens": 13,  # of embeddings, and of two answers with audio
        "cache_write_5m_tokens": 4,  # Bedrock's cacheDetails
        "output_text_tokens": 2,
        "input_video_tokens": 1,
    }


def test_costs_come_out() -> None:
    prices = PriceList(PRICES)
    outcomes: Counter[str] = Counter()
    off = []
    for case in cases():
        usage = usage_from_response(case.body)[0]
        name = own_reading(case, usage)
        if name not in case.costs:
            outcomes["not priced"] += 1
            continue
        cost = prices.cost(name[0], case.model, priced(usage))
        outcome = "no such model" if cost is None else "equal"
        if cost is not None and cost != case.costs[name]:
            outcome = "off"
            off.append(case.model)
        outcomes[outcome] += 1
    # The list at hand has no price of its own for images put out; the recorded prices had one.
    assert all("-image" in model for model in off), off
    assert outcomes == {"equal": 1251, "not priced": 320, "off": 5, "no such model": 1}


def test_steps_beside_the_answer_are_found() -> None:
    """The recorded readings leave them out; Anthropic charges for them."""
    beside = [
        (usage.step, usage.model, usage.input_tokens, usage.output_tokens)
        for case in cases()
        for usage in usage_from_response(case.body)[1:]
    ]
    assert beside == [
        ("advisor_message", "claude-opus-4-8", 2518, 22),
        ("compaction", "claude-sonnet-4-6", 55196, 82),
        ("compaction", "claude-sonnet-4-6", 55196, 125),
        ("advisor_message", "claude-opus-4-8", 2529, 38),
        ("advisor_message", "claude-fable-5", 2564, 99),
    ]


def test_what_no_part_accounts_for_is_rare_and_told() -> None:
    found = [
        (case.model, usage.unaccounted_tokens)
        for case in cases()
        for usage in usage_from_response(case.body)
        if usage.unaccounted_tokens
    ]
    assert found == [("gemini-2.5-pro-preview-05-06", 62), ("gemini-2.5-pro-preview-05-06", 28)]


NAMED_IN_FILE = {
    "test_anthropic/": "anthropic",
    "test_bedrock/": "bedrock",
    "test_cerebras/": "cerebras",
    "test_cohere/": "cohere",
    "test_deepseek/": "deepseek",
    "test_google/": "google",
    "test_groq/": "groq",
    "test_mistral/": "mistral",
    "test_openai/": "openai",
    "test_openai_responses/": "openai",
    "test_openrouter/": "openrouter",
    "test_zai/": "zai",
    "/anthropic/cassettes": "anthropic",
    "/bedrock/cassettes": "bedrock",
    "/google/cassettes": "google",
}
"""Where a recording's file says whose interface it was made for."""


def test_whose_it_is() -> None:
    """Told from the body alone; the file, which the reader does not see, says whose it was."""
    right = 0
    others: Counter[tuple[str, str]] = Counter()
    for case in cases():
        named = next((name for sign, name in NAMED_IN_FILE.items() if sign in case.file), None)
        if named is None:
            continue
        found = usage_from_response(case.body)[0].provider
        right += found == named
        if found != named:
            others[named, found] += 1
    assert right > 0.9 * (right + others.total()), others
