"""`sealtrail ship`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from sealtrail.cli import PROCESS
from sealtrail.cli.output import advise, counted, print_json


@click.command()
@click.option(
    "--url",
    metavar="URL",
    envvar="SEALTRAIL_URL",
    show_envvar=True,
    required=True,
    help="The collector, such as https://seal.example.org.",
)
@click.option(
    "--key",
    metavar="KEY",
    envvar="SEALTRAIL_KEY",
    show_envvar=True,
    default="",
    help="API key of role ingest. Others see the command line: the variable is the better place.",
)
@click.option(
    "--spool",
    "spools",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder an application records into; may be repeated.  [default: $SEALTRAIL_SPOOL, sealtrail-spool]",
)
@click.option("--once", is_flag=True, help="Send what lies there, and end.")
@click.option(
    "--state",
    metavar="DIR",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where position, pins and refused lines are kept.  [default: ship/ within the spool]",
)
@click.option(
    "--metrics",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Keep figures for Prometheus in this file, for the node exporter's textfile collector.",
)
@click.option("--no-blocks", is_flag=True, help="Do not bring the block list back.")
@click.option(
    "--insecure", is_flag=True, help="Send key and events over plain http to another machine all the same."
)
@click.option(
    "-o",
    "--output",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How the counts at the end are written.",
)
@click.pass_context
def ship(
    ctx: click.Context,
    url: str,
    key: str,
    spools: tuple[Path, ...],
    once: bool,
    state: Path | None,
    metrics: Path | None,
    no_blocks: bool,
    insecure: bool,
    form: str,
) -> None:
    """Send what applications record to a collector elsewhere, and bring its block list back.

    \b
    SEALTRAIL_KEY=st_... sealtrail ship --url https://seal.example.org --spool /var/lib/shop/sealtrail-spool

    A part of a spool is removed once the collector has said that it is on its disk. Ends with 1 when the
    collector contradicts what it signed before.
    """
    import os

    from sealtrail.serve.stopping import Stop
    from sealtrail.ship.running import Ship

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    folders = spools or (Path(os.environ.get("SEALTRAIL_SPOOL") or "sealtrail-spool"),)
    shipping = Ship(
        url,
        key,
        folders,
        once=once,
        insecure=insecure,
        state=state,
        blocks=not no_blocks,
        metrics=metrics,
    )
    with Stop(last=ctx.find_root().obj is PROCESS) as stop:
        stop.starting = False
        for folder in folders:
            advise(
                f"shipping {folder} to {shipping.name}" + ("" if folder.is_dir() else ", once it is there")
            )
        try:
            shipping.run(lambda: stop.asked)
        finally:
            told = shipping.totals()
            if form == "json":
                print_json(told)
            else:
                advise(
                    f"{counted(told['lines'], 'line')} sent: {told['accepted']:,} stored, "
                    f"{told['duplicates']:,} there already, {told['conflicts']:,} in conflict, "
                    f"{told['rejected']:,} refused, {told['torn']:,} torn; "
                    f"{told['waiting_bytes']:,} bytes wait"
                )
