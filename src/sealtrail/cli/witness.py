"""Witnesses: being one for others."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from sealtrail.cli import PROCESS
from sealtrail.cli.output import advise, safe


@click.group()
def witness() -> None:
    """Cosign the checkpoints of logs, so that nobody can show two pasts.

    \b
    sealtrail witness serve --dir witness --log audit.vkey
    """


@witness.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sealtrail-witness"),
    envvar="SEALTRAIL_WITNESS",
    show_default=True,
    show_envvar=True,
    help="Folder of the witness: its key and what it cosigned.",
)
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY|FILE",
    help="A log to witness, by its public key; may be repeated. Beside those in DIR/logs.",
)
@click.option("--name", default="", help="Name of a new witness, such as witness.example.org/w1.")
@click.option(
    "--algorithm",
    type=click.Choice(["ed25519", "ml-dsa-44"]),
    help="What a new witness signs with.  [default: ed25519]",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address.")
@click.option("--port", default=8788, show_default=True, help="0 for any.")
@click.pass_context
def serve(
    ctx: click.Context,
    folder: Path,
    logs: tuple[str, ...],
    name: str,
    algorithm: str | None,
    host: str,
    port: int,
) -> None:
    """Be a witness (C2SP tlog-witness): cosign what begins with everything cosigned before.

    \b
    sealtrail witness serve --dir witness --log audit.vkey --log access.vkey

    Run it on another machine than the collector, and let others run it: who rewrites the log then needs them.
    """
    from sealtrail.serve.notify import READY, STOPPING, tell
    from sealtrail.serve.stopping import Stop
    from sealtrail.serve.vigil import WitnessServer

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    with Stop(last=ctx.find_root().obj is PROCESS) as stop:
        served = WitnessServer(folder, logs=logs, name=name, algorithm=algorithm or "", host=host, port=port)
        with served.open() as server:
            advise(f"witness at {served.url}, state in {folder}")
            for origin in served.origins:
                advise(f"cosigning {safe(origin)}")
            if not served.origins:
                advise(f"cosigning no log yet: name one with --log, or in {folder}/logs, and start again")
            click.echo(served.vkey)
            tell(READY)
            served.run(server, stop)
            tell(STOPPING)
        advise("stopped: everything that was cosigned is on disk")
