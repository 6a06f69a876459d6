"""The page that comes with the library says what is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tallybook_sdk
from sdk_server import KEY, serving
from tallybook_sdk import Kind, Settings
from tallybook_sdk.tokens import REGISTRY

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")


def test_its_code_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("TALLYBOOK_URL", server.url)
        monkeypatch.setenv("TALLYBOOK_API_KEY", KEY)
        names: dict[str, object] = {}
        for block in re.findall(r"```python\n(.*?)```", README, re.DOTALL):
            exec(compile(block, "README.md", "exec"), names)
        client = names["client"]
        assert isinstance(client, tallybook_sdk.Client)
        assert client.close(10)
        types = {event["type"] for event in server.books.events.values()}
        assert types == {"order.placed", "report.made", "llm.tokens"}


def test_it_names_what_there_is() -> None:
    for kind in Kind:
        assert f"`{kind.value}`" in README
    for setting in re.findall(r"`(\w+_(?:seconds|bytes|events|attempts|fsync))`", README):
        assert setting in Settings.__dataclass_fields__ or setting == "audio_seconds", setting
    for error in re.findall(r"`(\w+Error)`", README):
        assert hasattr(tallybook_sdk, error), error
    for provider in ("Anthropic", "Google", "Bedrock", "Cohere", "xAI", "Mistral", "Perplexity"):
        assert provider.lower() in {each.name for each in REGISTRY}
        assert provider in README
