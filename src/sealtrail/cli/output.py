"""Results to stdout, advice to stderr. What events say is never trusted with a terminal."""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import click
import msgspec

# Everything a terminal might obey or a person might misread: C0, DEL, C1, bidi controls, separators.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def safe(value: Any, width: int = 0) -> str:
    """Text of a value with every control character shown as an escape; cut to `width` if given."""
    text = value if isinstance(value, str) else to_json(value)
    text = _CONTROL.sub(lambda m: f"\\u{ord(m[0]):04x}", text)
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 event`, `2,000 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def to_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def advise(text: str) -> None:
    """A word to the person, not part of the result."""
    click.echo(text, err=True)


def print_json(value: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(head: Sequence[str], rows: Iterable[Sequence[Any]], *, right: Sequence[int] = ()) -> None:
    """A table for people: no wrapping, no colour in a pipe, columns as wide as their content."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    # Piped, a table is as wide as it must be: whoever reads it further is a program.
    console = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 4096)
    table = Table(box=None, pad_edge=False, show_edge=False, header_style="bold")
    for place, name in enumerate(head):
        last = place == len(head) - 1
        table.add_column(
            name, justify="right" if place in right else "left", no_wrap=True, overflow="ellipsis",
            ratio=1 if last and sys.stdout.isatty() else None,
        )  # fmt: skip
    for row in rows:
        table.add_row(*[Text(safe(cell)) for cell in row])
    console.print(table)


def print_csv(head: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Comma-separated values. A cell that a spreadsheet would run as a formula is made text."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(head)
    for row in rows:
        writer.writerow([_cell(row.get(name)) for name in head])


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    text = safe(value)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text
