"""Blocks: what is refused now, and the operator's hand on it. The server writes and enforces them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table


@click.command()
@click.argument("address")
@click.option("--for", "duration", default="1h", show_default=True, metavar="DURATION", help="15m, 2h, 7d.")
@click.option("--reason", required=True, help="Recorded with the block.")
@options.data
def block(address: str, duration: str, reason: str, data: Path) -> None:
    """Refuse an address in every application whose spool the server follows.

    \b
    sealtrail block 203.0.113.9 --for 2h --reason "ticket 4711"
    """
    from sealtrail.store.query.times import SECOND
    from sealtrail.store.query.times import duration as length

    act = {"act": "block", "address": address, "seconds": length(duration) / SECOND, "reason": reason}
    done = _operate(data, act)
    until = datetime.fromtimestamp(done["until"], UTC)
    how = "would be refused (the settings say simulate)" if done["simulated"] else "is refused"
    advise(f"{done['address']} {how} until {until:%Y-%m-%d %H:%M:%S} UTC")


@click.command()
@click.argument("address")
@click.option("--reason", required=True, help="Recorded with the act.")
@options.data
@click.pass_context
def unblock(ctx: click.Context, address: str, reason: str, data: Path) -> None:
    """End a block now."""
    if _operate(data, {"act": "unblock", "address": address, "reason": reason})["ended"]:
        advise(f"{address} is no longer refused")
    else:
        advise(f"{address} was not blocked")
        ctx.exit(1)


@click.command()
@options.data
@options.output("table", "json")
def blocks(data: Path, form: str) -> None:
    """What is refused right now, and why."""
    rows: list[dict[str, Any]] = _operate(data, {"act": "blocks"})["blocks"]
    for row in rows:
        for name in ("since", "until"):
            row[name] = datetime.fromtimestamp(row[name], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    if form == "json":
        print_json(rows)
    else:
        names = ["address", "until", "reason", "by", "simulated", "cause"]
        print_table(names, [[row[name] for name in names] for row in rows])


def _operate(data: Path, act: dict[str, Any]) -> dict[str, Any]:
    from sealtrail.serve.acting import operator
    from sealtrail.serve.operating import operate

    return operate(data, {**act, "by": operator()})
