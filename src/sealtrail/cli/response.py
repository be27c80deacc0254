"""Blocks: what is refused now, and the operator's hand on it. The server writes and enforces them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table, safe

if TYPE_CHECKING:
    from sealtrail.serve.source import Acting


@click.command()
@click.argument("address")
@click.option("--for", "duration", default="1h", show_default=True, metavar="DURATION", help="15m, 2h, 7d.")
@click.option("--reason", required=True, help="Recorded with the block.")
@options.source
def block(address: str, duration: str, reason: str, source: Acting) -> None:
    """Refuse an address in every application whose spool the server follows.

    \b
    sealtrail block 203.0.113.9 --for 2h --reason "ticket 4711"
    """
    done = source.block(address, duration, reason)
    until = datetime.fromisoformat(done["until"])
    how = "would be refused (the settings say simulate)" if done["simulated"] else "is refused"
    advise(f"{safe(done['address'])} {how} until {until:%Y-%m-%d %H:%M:%S} UTC")


@click.command()
@click.argument("address")
@click.option("--reason", required=True, help="Recorded with the act.")
@options.source
@click.pass_context
def unblock(ctx: click.Context, address: str, reason: str, source: Acting) -> None:
    """End a block now."""
    if source.unblock(address, reason):
        advise(f"{address} is no longer refused")
    else:
        advise(f"{address} was not blocked")
        ctx.exit(1)


@click.command()
@options.source
@options.output("table", "json")
def blocks(source: Acting, form: str) -> None:
    """What is refused right now, and why."""
    rows = source.blocks()
    if form == "json":
        print_json(rows)
    else:
        names = ["address", "until", "reason", "by", "simulated", "cause"]
        print_table(names, [[row[name] for name in names] for row in rows])
