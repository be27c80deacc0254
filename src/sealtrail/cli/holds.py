"""Legal holds: what must not go, whatever retention says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, print_table, safe

if TYPE_CHECKING:
    from sealtrail.serve.source import Holding


@click.group()
def hold() -> None:
    """Legal holds: what must not go, whatever retention says."""


@hold.command()
@click.argument("name")
@options.source
@click.option("--query", default="", help="What is held; else all of it. Times in it count from now on.")
@click.option("--trail", default="", help="Hold entries of this trail: access or audit; else of both.")
@click.option("--from", "since", default="", metavar="TIME", help="Events from then on.")
@click.option("--to", "until", default="", metavar="TIME", help="Events before then.")
@click.option("--reason", required=True, help="The matter; recorded.")
@click.option("--by", "ordered", default="", help="Who ordered it, such as counsel; recorded beside you.")
@options.output("table", "json")
def place(
    name: str,
    source: Holding,
    query: str,
    trail: str,
    since: str,
    until: str,
    reason: str,
    ordered: str,
    form: str,
) -> None:
    """Hold events from now on, until the hold is released: of the past, and those that are still to come.

    \b
    sealtrail hold place case-17 --query 'user.id:alice' --from 2026-01-01 --reason "Alice v. Shop, 4 O 17/26"
    sealtrail hold place tax-2026 --trail audit --from 2026-01-01 --to 2027-01-01 --reason "tax audit"

    An event of its own says so. When retention removes a volume, what is held in it is copied first, each
    entry with its proof, into the data folder's `holds`; a volume with much of it stays.
    """
    from sealtrail.serve.holding import Wanted

    _say(source.hold(Wanted(name, reason, query, trail, since, until, ordered)), "is in force since", form)


@hold.command()
@click.argument("name")
@options.source
@click.option("--reason", required=True, help="Why it ends; recorded.")
@options.output("table", "json")
def release(name: str, source: Holding, reason: str, form: str) -> None:
    """End a hold. What only it was on goes when retention next looks, with an event that says so.

    \b
    sealtrail hold release case-17 --reason "settled on 2027-02-01"
    """
    _say(source.release(name, reason), "was released; it was in force since", form)


@hold.command(name="list")
@options.source
@click.option("--all", "past", is_flag=True, help="Those that were released as well.")
@options.output("table", "json")
def list_(source: Holding, past: bool, form: str) -> None:
    """Holds that are in force, by what the ledger says.

    \b
    sealtrail hold list --all
    """
    rows = [row for row in source.holds() if past or not row["released"]]
    if form == "json":
        print_json(rows)
    else:
        print_table(
            ["hold", "trail", "query", "from", "to", "placed", "by", "reason", "released"],
            [
                [
                    row["name"], row["trail"] or "all", row["query"], row["since"][:16], row["until"][:16],
                    row["placed"][:16], row["by"], row["reason"], row["released"][:16],
                ]
                for row in rows
            ],
        )  # fmt: skip
    advise(counted(len(rows), "hold"))


def _say(held: dict[str, Any], what: str, form: str) -> None:
    if form == "json":
        print_json(held)
    advise(f"hold {safe(held['name'])} {what} {held['placed']}, by {held['address']}")
