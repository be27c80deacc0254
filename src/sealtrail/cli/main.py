"""`sealtrail`: commands are loaded when they are called, so that each starts fast."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any, Final, NoReturn

import click

from sealtrail.cli import missing
from sealtrail.cli.output import safe
from sealtrail.errors import SealtrailError, UsageError

# command -> "module:attribute" below sealtrail.cli
COMMANDS: Final = {
    "demo": "demo:demo",
    "serve": "serve:serve",
    "ship": "ship:ship",
    "import": "history:import_",
    "search": "reading:search",
    "tail": "reading:tail",
    "count": "reading:count",
    "sql": "sql:sql",
    "verify": "evidence:verify",
    "witness": "witness:witness",
    "prove": "evidence:prove",
    "export": "evidence:export",
    "report": "compliance:report",
    "review": "compliance:review",
    "retain": "compliance:retain",
    "hold": "holds:hold",
    "rules": "rules:rules",
    "scrub": "scrubbing:scrub",
    "key": "keys:key",
    "signer": "signers:signer",
    "person": "people:person",
    "alerts": "alerts:alerts",
    "notify": "notify:notify",
    "block": "response:block",
    "unblock": "response:unblock",
    "blocks": "response:blocks",
    "rebuild": "operation:rebuild",
    "doctor": "operation:doctor",
    "backup": "operation:backup",
    "restore": "operation:restore",
}


class Commands(click.Group):
    """Finds a command by importing its module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - the shape of a click.Group
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        place = COMMANDS.get(cmd_name)
        if place is None:
            return None
        module, attribute = place.split(":")
        command: click.Command = getattr(importlib.import_module(f"sealtrail.cli.{module}"), attribute)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """A designed error ends the command with its own exit code and its own words, never a traceback."""
        try:
            return super().invoke(ctx)
        except SealtrailError as error:
            _end(ctx, error)
        except ModuleNotFoundError as error:
            # An application often has click, so the command starts without the rest of what it needs.
            if (error.name or "sealtrail").partition(".")[0] == "sealtrail":
                raise
            _end(ctx, missing(error.name))
        except BrokenPipeError:
            # The reader of our output has seen enough (`| head`): not an error, and nothing more to say.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        except OSError as error:
            # A file that may not be read is no finding: `verify` says 1 for those, and this is 2.
            if not isinstance(error.filename, str):
                raise
            _end(ctx, _unusable(error))


def _unusable(error: OSError) -> UsageError:
    """What to say of a file that the system refuses."""
    denied = isinstance(error, PermissionError)
    owner = "Run it as the user the data folder belongs to: nobody else is meant to read or write there."
    return UsageError(
        "usage.path",
        f"{safe(error.filename)} cannot be used: {error.strerror}",
        hint=owner if denied else "Look at the path, and at the disk it is on.",
    )


def _end(ctx: click.Context, error: SealtrailError) -> NoReturn:
    click.echo(f"sealtrail: {error}", err=True)
    ctx.exit(error.exit_code)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="sealtrail")
def main() -> None:
    """The flight recorder for APIs: record every request, seal it, find the attack, prove it.

    \b
    sealtrail demo                                   see all of it on one machine
    sealtrail serve --spool sealtrail-spool          collect what your application records
    sealtrail search 'user.id:alice and http.response.status_code>=400' --since 2h
    sealtrail verify sealtrail-data                  has anybody changed a line?
    """
