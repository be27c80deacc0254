"""Keeping a data folder well."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise


@click.command()
@options.data
def rebuild(data: Path) -> None:
    """Make the index again from the ledger. The server must be stopped.

    The index is not trusted and can always be made again: nothing is lost by it.
    """
    from sealtrail.serve.operating import rebuild as again

    advise(f"{again(data):,} events indexed from the ledger")
