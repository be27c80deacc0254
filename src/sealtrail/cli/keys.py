"""API keys: who may come through which door."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table


@click.group()
def key() -> None:
    """Make, list and revoke API keys.

    \b
    sealtrail key new --role ingest
    """


@key.command()
@click.option(
    "--role",
    required=True,
    type=click.Choice(["ingest", "viewer", "analyst", "auditor", "admin"]),
    help="What it may do.",
)
@options.data
@options.output("table", "json")
def new(role: str, data: Path, form: str) -> None:
    """Make a key. It is shown this once, and stored as a hash."""
    from sealtrail.serve.access import keys_of

    name, secret = keys_of(data, create=True).new(role)
    if form == "json":
        print_json({"id": name, "key": secret, "role": role})
    else:
        click.echo(secret)
        advise(f"key {name} with role {role}; it cannot be shown again")


@key.command("list")
@options.data
@options.output("table", "json")
def list_(data: Path, form: str) -> None:
    """Every key ever made, revoked ones too."""
    from sealtrail.serve.access import keys_of

    rows = [
        {"id": k.id, "role": k.role, "created": k.created, "revoked": k.revoked} for k in keys_of(data).list()
    ]
    if form == "json":
        print_json(rows)
    else:
        print_table(["id", "role", "created", "revoked"], [list(row.values()) for row in rows])


@key.command()
@click.argument("name", metavar="ID")
@options.data
def revoke(name: str, data: Path) -> None:
    """Refuse a key from now on, also in a running server."""
    from sealtrail.serve.access import keys_of

    keys_of(data).revoke(name)
    advise(f"key {name} is refused from now on")
