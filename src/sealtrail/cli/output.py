"""Results to stdout, advice to stderr. What events say is never trusted with a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click
import msgspec

from sealtrail.web.cells import csv_line, csv_row, safe

__all__ = ["advise", "counted", "print_csv", "print_json", "print_table", "safe", "to_json"]


def counted(number: int, noun: str) -> str:
    """A number and its noun: `1 event`, `2,000 events`, `3 entries`, `2 days`."""
    if number == 1:
        return f"1 {noun}"
    is_short = noun.endswith("y") and noun[-2] not in "aeiou"
    return f"{number:,} {noun[:-1]}ies" if is_short else f"{number:,} {noun}s"


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
    sys.stdout.write(csv_line(head))
    for row in rows:
        sys.stdout.write(csv_row(head, row))
