"""Notices to people: whether they arrive."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from sealtrail.cli import options
from sealtrail.cli.output import print_json, print_table


@click.group()
def notify() -> None:
    """Notices of alerts by webhook and e-mail, as [notify] in settings.toml says."""


@notify.command()
@options.data
@options.output("table", "json")
@click.pass_context
def test(ctx: click.Context, data: Path, form: str) -> None:
    """Send a notice through every channel now. Exits with 1 when one did not take it."""
    from sealtrail.serve.acting import operator
    from sealtrail.serve.notifying import try_channels

    tried = try_channels(data, operator())
    if form == "json":
        print_json([msgspec.to_builtins(one) for one in tried])
    else:
        print_table(["channel", "result"], [[one.channel, one.why or "delivered"] for one in tried])
    ctx.exit(1 if any(one.why for one in tried) else 0)
