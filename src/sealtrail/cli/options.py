"""Options that several commands share: each shows its environment variable and default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

data = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sealtrail-data"),
    envvar="SEALTRAIL_DATA",
    show_default=True,
    show_envvar=True,
    help="Data folder; may be open in a server.",
)
since = click.option(
    "--since", metavar="TIME", help="From then on: 2h, today, yesterday, 2026-11-24T08:00:00Z."
)
until = click.option("--until", metavar="TIME", help="Up to then, not included.")


def output(*formats: str) -> Callable[[Command], Command]:
    """`-o`: the first format is for people; without a terminal it is plain."""
    return click.option(
        "-o",
        "--output",
        "form",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="How results are written to stdout.",
    )
