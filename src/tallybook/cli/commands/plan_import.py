"""`tallybook plan import`: a published list of prices becomes a plan's draft."""

from __future__ import annotations

import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer

from tallybook.cli.commands.plan import Key
from tallybook.cli.commands.plan_life import commands
from tallybook.cli.session import AsJson, explained, session_of
from tallybook.cli.tables import print_json, screen
from tallybook.domain.catalog.imports.published import Format, Order, cells_of, import_prices
from tallybook.domain.kernel.errors import Invalid
from tallybook.domain.kernel.plurals import so_many

__all__ = ["commands"]

_GZIP = b"\x1f\x8b"


@commands.command(
    "import",
    epilog="Example: [cyan]tallybook plan import litellm model_prices.json llm --meter tokens[/]",
)
def import_plan(
    context: typer.Context,
    form: Annotated[Format, typer.Argument(metavar="format", help="litellm, genai or urdb.")],
    file: Annotated[Path, typer.Argument(help="The list as published: JSON, or gzip of it.")],
    key: Key,
    *,
    meter: Annotated[str, typer.Option(help="The meter that counts the usage.")],
    name: Annotated[str, typer.Option(help="The plan's name; else the list's.")] = "",
    timezone: Annotated[
        str, typer.Option(help="Of a tariff's hours; else the customer's.", metavar="zone")
    ] = "",
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="Models by name or pattern, such as openai/o3 or 'anthropic/*'; else all.",
            metavar="model",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Save a published list of prices as a plan's draft, to be looked at and published.

    Of language models, in USD for each token, by the meter's dimensions `model` and `kind` (input,
    output, cache_read and so on), and by `provider` where genai's are of several. Prices that
    change on a day become a list of prices with that day. Or of one electricity tariff of the
    Utility Rate Database, whose meter counts kWh.
    """
    order = Order(key=key, meter=meter, name=name, timezone=timezone, only=tuple(only or ()))
    with explained():
        imported = import_prices(form, _read(file), order)
    with session_of(context).open() as api:
        saved = api.put(f"/v1/plans/{key}/draft", imported.terms)
    if as_json:
        print_json(saved)
        return
    terms = imported.terms
    screen().print(
        f"{key} is a draft with {so_many(len(terms.prices), 'price|prices')} and"
        f" {so_many(cells_of(terms), 'amount|amounts')}."
        f" [cyan]tallybook plan publish {key}[/] sells it.",
        soft_wrap=True,
    )
    for warning in saved["warnings"]:
        screen().print(f"[yellow]![/] {warning['message']} {warning['mend']}", soft_wrap=True)
    if imported.left_out:
        screen().print(f"[yellow]![/] Left out: {', '.join(imported.left_out)}.", soft_wrap=True)


def _read(file: Path) -> Any:
    """The file's JSON, its numbers as the decimals that are written there."""
    try:
        packed = file.read_bytes()
        text = gzip.decompress(packed) if packed.startswith(_GZIP) else packed
        return json.loads(text, parse_float=Decimal)
    except (OSError, EOFError, ValueError) as error:
        raise Invalid(
            "unreadable_file",
            f"{file} cannot be read as JSON: {error}",
            field="file",
            mend="Name a file of JSON, or gzip of it.",
        ) from error
