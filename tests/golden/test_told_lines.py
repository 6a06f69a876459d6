"""Every kind of line in every language, as customers read it: `told_lines.md`.

Who puts a sentence better, or adds a language, runs this file and reads the page that it writes.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from golden.told_cases import TOLD, WORDS, Told
from tallybook.domain.rating.wording import CODES, LANGUAGES
from tallybook.services.explain_working import sentences_of

PAGE = Path(__file__).with_name("told_lines.md")
CUSTOMERS = {"en": ("en_US", "USD"), "sv": ("sv_SE", "SEK"), "de": ("de_DE", "EUR")}
HEAD = """# Lines as customers read them

Written by `python tests/golden/test_told_lines.py`, which the tests compare with what is told. An
American customer pays in USD, a Swedish one in SEK, a German one in EUR.
"""


def told_to(language: str, line: Told) -> list[str]:
    locale, currency = CUSTOMERS[language]
    return sentences_of(
        line.working, currency=currency, locale=locale, unit=line.unit, unit_words=WORDS
    )


def page() -> str:
    parts = [HEAD]
    for line in TOLD:
        parts.append(f"\n## {line.title}")
        for language in LANGUAGES:
            parts.append("")
            parts += [f"- {language}: {sentence}" for sentence in told_to(language, line)]
    return "\n".join(parts) + "\n"


def test_lines_are_told_as_on_the_page() -> None:
    assert page() == PAGE.read_text(), f"read it, then run {__file__}"


@pytest.mark.parametrize("line", TOLD, ids=lambda line: line.title)
def test_every_line_has_a_working_that_is_told_whole(line: Told) -> None:
    """Each step has a sentence of its own, in which no figure is left out."""
    assert line.working
    for step in line.working:
        assert step.code in CODES
        assert step.amount == step.quantity * step.unit_amount
    for language in LANGUAGES:
        assert all(sentence.strip(" :=") == sentence for sentence in told_to(language, line))


def test_every_kind_of_step_is_on_the_page() -> None:
    """Of windows one length and of shares one count of time stand for all; of what is in force
    for a part of its period its own tests."""
    shown = {step.code for line in TOLD for step in line.working}
    left_out = {code for code in CODES - shown if not code.startswith(("each_", "in_force"))}
    assert left_out <= {
        *(f"{code}{share}" for code in SHARES for share in ("", "_of_several")),
        "next_tier_blocks",
        *("volume_blocks", "volume_open_blocks", "stair_open", "percent_tier_flat"),
    }


SHARES = (
    "given_back_in_full",
    *(
        f"{side}_{unit}"
        for side in ("prorated", "given_back")
        for unit in ("seconds", "microseconds")
    ),
)


def test_one_is_one_and_all_else_is_not() -> None:
    line = next(line for line in TOLD if line.title == "per_unit, one")
    assert told_to("en", line) == ["1 call at $0.02 = $0.02"]
    assert line.working[0].quantity == Decimal(1)


if __name__ == "__main__":
    PAGE.write_text(page())
