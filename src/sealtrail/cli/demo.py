"""`sealtrail demo`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, safe

if TYPE_CHECKING:
    from sealtrail.demo.server import Framework
    from sealtrail.serve.running import Served


@click.command()
@click.option("--once", is_flag=True, help="Run the story to its end, print a summary, exit.")
@click.option(
    "--port", default=8787, envvar="SEALTRAIL_PORT", show_default=True, show_envvar=True, help="0 for any."
)
@click.option(
    "--framework",
    type=click.Choice(["flask", "fastapi"]),
    default="flask",
    show_default=True,
    help="What the shop is written in.",
)
@options.data
@options.output("table", "json")
@click.pass_context
def demo(ctx: click.Context, once: bool, port: int, framework: Framework, data: Path, form: str) -> None:
    """A shop, its users, its attacker: recorded, sealed, searched, alerted, blocked; one edited byte found.

    Everything runs on this machine, on loopback.
    """
    from sealtrail.demo.run import run

    # Progress is for people and goes to stderr; only the summary is a result.
    started = time.monotonic()

    def say(chapter: str, seen: str) -> None:
        advise(f"{time.monotonic() - started:5.1f} s  {chapter}: {safe(seen)}")

    stay = None if once else lambda served, shop: _stay(served, shop, data)
    outcome = run(data, port, say, stay, framework=framework)
    summary: dict[str, Any] = msgspec.to_builtins(outcome)
    if form == "json":
        print_json(summary)
    elif once:
        for name, value in summary.items():
            click.echo(f"{name:<17} {safe('none' if value == [] else value)}")
    good = outcome.verify == "intact" and outcome.tampered and not outcome.secrets_found
    ctx.exit(
        0 if good and outcome.seconds_to_alert is not None and outcome.seconds_to_block is not None else 1
    )


def _stay(served: Served, shop: int, data: Path) -> None:
    """Say what to try, and keep shop and collector up until interrupted."""
    program = sys.argv[0]
    where = "" if data == Path("sealtrail-data") else f" --data {data}"
    lines = [
        "",
        f"The shop is at http://127.0.0.1:{shop}. In another terminal, try:",
        "",
        f"  {program} search 'sealtrail.kind:alert'{where}",
        f"  {program} search 'event.action:authn_login_fail' -n 5{where}",
        f"  {program} count '*' --by http.response.status_code{where}",
        f"  {program} search 'event.action:user.role.update' -o jsonl{where}",
        f"  {program} blocks{where}",
        f"  {program} tail -f{where}          and then: curl http://127.0.0.1:{shop}/products",
        f"  {program} verify {data}",
        "",
        f"Ctrl-C ends it. What was recorded stays in {data}: remove the folder to begin anew.",
        "",
        f"The console is at {served.url}; this link signs you in, once:",
        "",
        f"  {served.invitation()}",
        "",
    ]
    advise("\n".join(lines))
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        advise("")
