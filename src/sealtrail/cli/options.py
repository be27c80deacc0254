"""Options that several commands share: each shows its environment variable and default."""

from __future__ import annotations

import functools
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
_url = click.option(
    "--url",
    metavar="URL",
    envvar="SEALTRAIL_URL",
    show_envvar=True,
    help="Ask this collector in place of a folder, such as https://seal.example.org.",
)
_key = click.option(
    "--key",
    metavar="KEY",
    envvar="SEALTRAIL_KEY",
    show_envvar=True,
    help="API key for --url. Others see the command line: the variable is the better place.",
)
_insecure = click.option(
    "--insecure", is_flag=True, help="Send the key over plain http to another machine all the same."
)

_no_pin = click.option(
    "--no-pin", is_flag=True, help="Do not hold the collector at --url to what it signed before."
)


def source(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--data`, or `--url` and `--key`: the command is handed who answers, as `source`.

    What is typed wins over what the environment says; both typed is a contradiction.
    """

    @functools.wraps(command)
    def called(
        *args: Any, data: Path, url: str | None, key: str | None, insecure: bool, no_pin: bool, **more: Any
    ) -> Any:
        # Here, not above: --help needs none of it.
        from sealtrail.serve.source import Where
        from sealtrail.serve.source import source as opened

        typed = click.core.ParameterSource.COMMANDLINE
        ctx = click.get_current_context()
        folder, remote = (ctx.get_parameter_source(name) is typed for name in ("data", "url"))
        if folder and remote:
            raise click.UsageError("--data is a folder here and --url a collector elsewhere: name one.")
        where = Where(data) if folder or not url else Where(data, url, key or "", insecure, not no_pin)
        return command(*args, source=opened(where), **more)

    for option in (_no_pin, _insecure, _key, _url, data):
        called = option(called)
    return called


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
