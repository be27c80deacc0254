"""Witnesses: who cosigns our checkpoints, and being one for others."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from sealtrail.cli import PROCESS, options
from sealtrail.cli.output import advise, print_json, print_table, safe


@click.group()
def witness() -> None:
    """Have checkpoints cosigned elsewhere, so that nobody can show two pasts; or cosign those of others.

    \b
    sealtrail witness add w1 VKEY https://witness.example.org
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


@witness.command()
@click.argument("name")
@click.argument("vkey")
@click.argument("url")
@click.option(
    "--quorum",
    default="",
    metavar="all|any|N",
    help="How many witnesses have to cosign.  [default: more than half of them]",
)
@options.data
def add(name: str, vkey: str, url: str, quorum: str, data: Path) -> None:
    """Have a witness cosign this collector's checkpoints from now on; a running server asks it at once.

    \b
    sealtrail witness add w1 "$(cat witness.vkey)" https://witness.example.org
    """
    from sealtrail.serve.witnesses import add as added

    rule = added(data, name, vkey, url, quorum)
    advise(f"witness {safe(name)} is asked from now on; a quorum is {rule}")


@witness.command()
@click.argument("name")
@options.data
def remove(name: str, data: Path) -> None:
    """Ask a witness no more. What it cosigned stays cosigned."""
    from sealtrail.serve.witnesses import remove as removed

    rule = removed(data, name)
    advise(f"witness {safe(name)} is asked no more; a quorum is {rule}")


@witness.command("list")
@options.data
@options.output("table", "json")
def list_(data: Path, form: str) -> None:
    """Every witness, what it cosigned last, and since when and why it fails."""
    from sealtrail.serve.witnesses import listed

    told = listed(data)
    if form == "json":
        print_json(told)
        return
    print_table(
        ["name", "url", "cosigned", "failing since", "why"],
        [
            [
                one["name"],
                one["url"],
                ", ".join(f"{trail} {size:,}" for trail, size in one["cosigned"].items()),
                one["failing_since"],
                one["why"],
            ]
            for one in told["witnesses"]
        ],
    )
    advise(f"a quorum is {told['quorum']}")
    for trail, size in told["unwitnessed"].items():
        advise(f"{trail} is unwitnessed since {size:,}")
