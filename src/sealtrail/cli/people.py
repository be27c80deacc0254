"""People: who may sign in to the console."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table
from sealtrail.errors import UsageError

_ROLES = click.Choice(["viewer", "analyst", "auditor", "admin"])
_role = click.option("--role", required=True, type=_ROLES, help="What they may do.")
_stdin = click.option(
    "--password-stdin", "stdin", is_flag=True, help="Read the password from the first line of standard input."
)


@click.group()
def person() -> None:
    """Who may sign in to the console.

    \b
    sealtrail person add alice --role analyst
    sealtrail person link                        a one-time link, for whoever runs the server
    """


@person.command()
@click.argument("name")
@_role
@_stdin
@options.data
def add(name: str, role: str, stdin: bool, data: Path) -> None:
    """Add somebody. The password is asked for, never an argument that other users of the machine can read."""
    from sealtrail.serve.people import people_of

    people_of(data, create=True).add(name, role, _password(stdin))
    advise(f"{name} may sign in with role {role}")


@person.command("list")
@options.data
@options.output("table", "json")
def list_(data: Path, form: str) -> None:
    """Everybody who has an account."""
    from sealtrail.serve.people import people_of

    rows = [{"name": p.name, "role": p.role, "created": p.created} for p in people_of(data).list()]
    if form == "json":
        print_json(rows)
    else:
        print_table(["name", "role", "created"], [list(row.values()) for row in rows])


@person.command()
@click.argument("name")
@_role
@options.data
def role(name: str, role: str, data: Path) -> None:
    """Give somebody another role, and sign them out."""
    from sealtrail.serve.people import people_of

    people_of(data).set_role(name, role)
    advise(f"{name} has role {role} from now on")


@person.command()
@click.argument("name")
@_stdin
@options.data
def password(name: str, stdin: bool, data: Path) -> None:
    """Give somebody another password, and sign them out."""
    from sealtrail.serve.people import people_of

    people_of(data).set_password(name, _password(stdin))
    advise(f"{name} has another password from now on")


@person.command()
@click.argument("name")
@options.data
def remove(name: str, data: Path) -> None:
    """Let somebody in no more. What they did stays in the record."""
    from sealtrail.serve.people import people_of

    people_of(data).remove(name)
    advise(f"{name} cannot sign in any more")


@person.command()
@click.argument("name", required=False, default="")
@click.option("--role", type=_ROLES, help="Without NAME: what the link allows.  [default: admin]")
@options.data
def link(name: str, role: str | None, data: Path) -> None:
    """A link that signs in once within ten minutes: as NAME, or without as the user who runs this command."""
    from sealtrail.serve.people import link as link_of

    click.echo(link_of(data, name, role or ""))
    advise("good for one use within ten minutes")


@person.command("sign-out")
@click.argument("name", required=False, default="")
@options.data
def sign_out(name: str, data: Path) -> None:
    """End the sessions of NAME in the running server, or without of everybody; links not used yet are void.

    Whoever came by a link for no person is called link:USER.
    """
    from sealtrail.serve.people import sign_out as end

    ended = end(data, name)
    advise(f"{ended:,} session{'' if ended == 1 else 's'} ended")


def _password(stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise UsageError(
            "usage.argument",
            "there is no terminal to ask for the password on",
            hint="Give it with --password-stdin.",
        )
    answer: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return answer
