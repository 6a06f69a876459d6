"""What each provider's answer used: nothing twice, nothing left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sdk_answers import CASES, STREAMS
from sdk_server import KEY, serving
from tallybook_sdk import Client, Problem, Settings, TokenUsage, usage_from_response


def usage(response: object, **given: Any) -> TokenUsage:
    """The one usage that is in it."""
    (found,) = usage_from_response(response, **given)
    return found


@pytest.mark.parametrize(("body", "whose", "parts", "why"), CASES, ids=[case[3] for case in CASES])
def test_read(body: dict[str, Any], whose: str, parts: dict[str, int], why: str) -> None:
    found = usage(body)
    assert f"{found.provider}/{found.api}" == whose
    assert found.parts() == parts, why
    sides = {True: 0, False: 0}
    for kind, tokens in found.parts().items():
        sides[kind.startswith(("output", "reasoning"))] += tokens
    assert (sides[False], sides[True]) == (found.input_tokens, found.output_tokens)


def test_what_only_the_total_knows_of() -> None:
    found = usage(CASES[5][0])
    assert found.unaccounted_tokens == 62
    assert found.properties()["unaccounted_tokens"] == 62


def test_steps_beside_the_answer_are_usages_of_their_own() -> None:
    body = {
        "type": "message",
        "id": "msg_1",
        "model": "claude-sonnet-5",
        "usage": {
            "input_tokens": 2390,
            "output_tokens": 121,
            "iterations": [
                {"type": "message", "input_tokens": 1128, "output_tokens": 110},
                {
                    "type": "advisor_message",
                    "model": "claude-opus-4-8",
                    "input_tokens": 2518,
                    "output_tokens": 22,
                },
                {"type": "compaction", "input_tokens": 100, "cache_creation_input_tokens": 5},
                {"type": "message", "input_tokens": 1262, "output_tokens": 11},
            ],
        },
    }
    found = usage_from_response(body)
    told = [(each.model, each.step, each.input_tokens, each.output_tokens) for each in found]
    assert told == [
        ("claude-sonnet-5", "", 2390, 121),
        ("claude-opus-4-8", "advisor_message", 2518, 22),
        ("claude-sonnet-5", "compaction", 105, 0),
    ]
    renamed = usage_from_response(body, provider="bedrock", model="anthropic.claude-sonnet-5")
    assert [each.model for each in renamed][1] == "claude-opus-4-8", "another model is another"
    assert {each.provider for each in renamed} == {"bedrock"}


def test_by_the_length_of_a_recording() -> None:
    found = usage({"model": "whisper-1", "usage": {"type": "duration", "seconds": 27.5}})
    assert (found.api, found.audio_seconds, found.total_tokens) == (
        "transcription",
        Decimal("27.5"),
        0,
    )
    found = usage(
        {
            "model": "voxtral-mini-latest",
            "usage": {"prompt_tokens": 10, "completion_tokens": 5, "prompt_audio_seconds": 203},
        }
    )
    assert found.properties()["audio_seconds"] == 203


@pytest.mark.parametrize(("chunks", "parts", "why"), STREAMS, ids=[each[2] for each in STREAMS])
def test_streams(chunks: list[dict[str, Any]], parts: dict[str, int], why: str) -> None:
    assert usage(chunks).parts() == parts, why


class Dumped:
    """As the objects of OpenAI's, Anthropic's and Google's SDKs are."""

    def __init__(self, **members: Any) -> None:
        self.__dict__.update(members)

    def model_dump(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass
class Plain:
    prompt_tokens: int
    completion_tokens: int


COUNTS = {"prompt_tokens": 9, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("response", "why"),
    [
        ({"model": "gpt-4o", "usage": COUNTS}, "a dict"),
        (json.dumps({"model": "gpt-4o", "usage": COUNTS}), "JSON"),
        (json.dumps({"model": "gpt-4o", "usage": COUNTS}).encode(), "JSON as bytes"),
        (Dumped(model="gpt-4o", usage=Dumped(**COUNTS), choices=[object()]), "an SDK's object"),
        (SimpleNamespace(model="gpt-4o", usage=SimpleNamespace(**COUNTS)), "any object"),
        (SimpleNamespace(model="gpt-4o", usage=Plain(9, 4)), "a dataclass"),
        (COUNTS, "the usage by itself"),
        (Dumped(**COUNTS), "also as an object"),
    ],
    ids=lambda value: value if isinstance(value, str) and " " in value else None,
)
def test_whatever_it_comes_as(response: object, why: str) -> None:
    assert usage(response, provider="openai", model="gpt-4o").parts() == {"input": 9, "output": 4}


def test_googles_own_sdk_spells_it_otherwise() -> None:
    metadata = Dumped(
        prompt_token_count=10,
        cached_content_token_count=4,
        candidates_token_count=None,
        thoughts_token_count=3,
        total_token_count=13,
        prompt_tokens_details=[Dumped(modality="AUDIO", token_count=6)],
    )
    found = usage(Dumped(model_version="gemini-2.5-flash", usage_metadata=metadata))
    assert found.parts() == {"input_audio": 6, "cache_read": 4, "reasoning": 3}
    assert usage(metadata).input_tokens == 10, "also by itself"


@pytest.mark.parametrize(
    "response",
    [
        None,
        {},
        [],
        "no json",
        b"\xff",
        42,
        {"model": "gpt-4o"},
        {"model": "gpt-4o", "usage": None},
        {"usage": {"prompt_tokens": "many"}},
        {"usage": {"prompt_tokens": -1}},
        {"usage": {"prompt_tokens": 1.5}},
        {"usage": {"prompt_tokens": True}},
        {"usageMetadata": {"promptTokensDetails": "none"}},
        {"choices": [{"text": "hello"}]},
    ],
)
def test_where_there_is_nothing_to_read(response: object) -> None:
    assert usage_from_response(response) == []


_counts = st.integers(0, 10**6)
_maybe = st.none() | _counts


@given(
    st.fixed_dictionaries(
        {
            "prompt_tokens": _counts,
            "completion_tokens": _counts,
            "prompt_tokens_details": st.none()
            | st.dictionaries(
                st.sampled_from(
                    ["cached_tokens", "audio_tokens", "image_tokens", "cache_write_tokens"]
                ),
                _maybe,
            ),
            "completion_tokens_details": st.none()
            | st.dictionaries(
                st.sampled_from(["reasoning_tokens", "audio_tokens", "image_tokens"]), _maybe
            ),
        },
        optional={"total_tokens": _maybe},
    ),
    st.sampled_from(["openai", "xai", "groq", "mistral", "somebody"]),
)
def test_parts_always_add_up(told: dict[str, Any], provider: str) -> None:
    """However contradictory the details are, no token is in two parts, and none in no part."""
    found = usage({"model": "m", "usage": told}, provider=provider)
    parts = found.parts()
    left = sum(n for kind, n in parts.items() if kind.startswith(("output", "reasoning")))
    assert left == found.output_tokens
    assert sum(parts.values()) - left == found.input_tokens == told["prompt_tokens"]
    assert all(tokens > 0 for tokens in parts.values())


def test_tracked_as_events() -> None:
    body = {
        "id": "msg_1",
        "type": "message",
        "model": "claude-sonnet-5",
        "usage": {"input_tokens": 10, "cache_read_input_tokens": 90, "output_tokens": 5},
    }
    quick = Settings(linger_seconds=0.02)
    told: list[Problem] = []
    with serving() as server:
        with Client(server.url, KEY, source="s", settings=quick, on_error=told.append) as client:
            (found,) = client.track_tokens(body, "acme", actor="ann", id="job-1", feature="chat")
            client.track_tokens(body, "acme", id="job-2", by_kind=True, feature="chat")
            assert client.track_tokens({"model": "gpt-4o"}, "acme") == []
            assert client.flush(10)
        events = {event["id"]: event for event in server.books.events.values()}
    assert found.total_tokens == 105
    assert events["job-1"]["actor"] == "ann"
    assert events["job-1"]["type"] == "llm.tokens"
    assert events["job-1"]["properties"] == {
        "provider": "anthropic",
        "model": "claude-sonnet-5",
        "api": "messages",
        "response_id": "msg_1",
        "input_tokens": 100,
        "output_tokens": 5,
        "uncached_input_tokens": 10,
        "cache_read_tokens": 90,
        "visible_output_tokens": 5,
        "feature": "chat",
    }
    by_kind = {e["properties"]["kind"]: e["properties"]["tokens"] for e in events.values()
               if "kind" in e["properties"]}  # fmt: skip
    assert by_kind == {"cache_read": 90, "input": 10, "output": 5}
    assert events.keys() == {"job-1", "job-2", "job-2/1", "job-2/2"}
    assert [problem.kind for problem in told] == ["unsendable"], "no usage is no silence"
