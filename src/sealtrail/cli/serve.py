"""`sealtrail serve`."""

from __future__ import annotations

import logging
from pathlib import Path

import click

from sealtrail.cli import PROCESS, options
from sealtrail.cli.output import advise


@click.command()
@click.option(
    "--host",
    default="127.0.0.1",
    envvar="SEALTRAIL_HOST",
    show_default=True,
    show_envvar=True,
    help="Address.",
)
@click.option(
    "--port", default=8787, envvar="SEALTRAIL_PORT", show_default=True, show_envvar=True, help="0 for any."
)
@click.option(
    "--spool",
    "spools",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder an application records into; may be repeated.  [default: $SEALTRAIL_SPOOL]",
)
@click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Sigma rules beside the pack; may be repeated.",
)
@click.option(
    "--anchor-to",
    "anchors",
    metavar="FOLDER|URL",
    multiple=True,
    help="Keep a copy of each checkpoint there; may be repeated, and adds to [ledger] anchor-to.",
)
@options.data
@click.pass_context
def serve(
    ctx: click.Context,
    host: str,
    port: int,
    spools: tuple[Path, ...],
    rules: tuple[Path, ...],
    anchors: tuple[str, ...],
    data: Path,
) -> None:
    """Collect, seal, index, detect and block, until interrupted.

    \b
    sealtrail serve --spool /var/lib/shop/sealtrail-spool
    """
    import gc
    import os

    from sealtrail.serve.notify import READY, STOPPING, tell
    from sealtrail.serve.running import Served
    from sealtrail.serve.stopping import Stop

    logging.basicConfig(format="%(asctime)s %(levelname)s %(name)s: %(message)s", level=logging.WARNING)
    if not spools and (default := os.environ.get("SEALTRAIL_SPOOL")):
        spools = (Path(default),)
    # Events hold no cycles and die by their reference count. Looking for cycles as often as Python does by
    # default was a quarter of what an event costs here; it is still done, every 50,000 containers.
    gc.set_threshold(50_000, 20, 20)
    # As a process of its own (see `cli.run`) it ends with the block, and no late signal changes how.
    with Stop(last=ctx.find_root().obj is PROCESS) as stop:
        # A folder is meant from where the command was typed; the settings name it in full.
        places = [one if "://" in one else str(Path(one).absolute()) for one in anchors if one]
        with Served(
            data, host=host, port=port, spools=spools, rules=rules, anchors=places, stop=stop
        ) as served:
            advise(f"collecting into {data} at {served.url}")
            advise(f"console, for one sign-in within ten minutes: {served.invitation()}")
            for spool in spools:
                advise(f"following {spool}" + ("" if spool.is_dir() else ", which is not there yet"))
            if not spools:
                advise("following no spool: name one with --spool, or send to POST /api/v1/events")
            if host not in {"127.0.0.1", "::1", "localhost"}:
                advise(
                    "this address may be reached from elsewhere, and HTTP does not hide keys: "
                    "put TLS before it"
                )
            tell(READY)
            accepted = served.run()
            tell(STOPPING)
            if not accepted:
                advise("stopped: the ledger cannot be written; see the log above")
                ctx.exit(1)
        advise("stopped: everything that was acknowledged is on disk and signed")
