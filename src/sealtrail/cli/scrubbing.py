"""Trying what scrubbing keeps: nothing is recorded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from typing import IO, Any

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, safe, to_json
from sealtrail.scrub.shapes import engine
from sealtrail.scrub.trial import FORMS, Trial, tried


@click.command()
@click.argument("files", nargs=-1, type=click.File("rb"), metavar="[FILE]...")
@click.option("--text", "texts", multiple=True, metavar="TEXT", help="Try this text. May be given again.")
@click.option(
    "--as",
    "kind",
    type=click.Choice(FORMS),
    default="auto",
    show_default=True,
    help="What the input is; auto tells JSON from text.",
)
@click.option("--lines", is_flag=True, help="Each line by itself, as log files have them.")
@click.option(
    "--field", metavar="NAME", default="", help="Field that notes speak of; else the usual one for --as."
)
@click.option("--check", is_flag=True, help="Exit with 1 where anything would be removed.")
@options.output("text", "json")
@click.pass_context
def scrub(
    ctx: click.Context,
    files: tuple[IO[bytes], ...],
    texts: tuple[str, ...],
    kind: str,
    lines: bool,
    field: str,
    check: bool,
    form: str,
) -> None:
    """Print what would be kept of a text, a JSON value or a file, and which rules removed what.

    Reads standard input where neither FILE nor --text is given. What is kept goes to standard output, notes
    to standard error: a note is a field and the id of a rule, and never holds any of what was removed.
    Nothing is recorded, and nothing leaves the machine.

    \b
    sealtrail scrub --text 'login of alice@example.org failed, password=hunter2'
    sealtrail scrub --lines application.log -o json
    curl -s https://api.example.org/me | sealtrail scrub --check
    """
    used = engine()
    # The shell hands over any bytes.
    spoken = [os.fsencode(text).decode("utf-8", "backslashreplace") for text in texts]
    given = [*spoken, *_read(files or (() if texts else (sys.stdin.buffer,)), lines)]
    trials = [tried(one, kind, field) for one in given]
    if form == "json":
        print_json({"engine": used, "results": [_described(trial) for trial in trials]})
    else:
        for trial in trials:
            _print(trial)
        _advise(used, trials)
    ctx.exit(1 if check and any(trial.notes for trial in trials) else 0)


def _read(files: Iterable[IO[bytes]], lines: bool) -> Iterator[str]:
    for file in files:
        text = file.read().decode("utf-8", "backslashreplace")
        if lines:
            yield from (line for line in text.splitlines() if line)
        else:
            yield text.removesuffix("\n")


def _described(trial: Trial) -> dict[str, Any]:
    notes = [dict(zip(("field", "rule"), note.rsplit(":", 1), strict=True)) for note in trial.notes]
    return {"as": trial.form, "kept": trial.kept, "notes": notes, "cut": trial.cut}


def _print(trial: Trial) -> None:
    text = trial.kept if isinstance(trial.kept, str) else to_json(trial.kept)
    for line in text.split("\n"):
        click.echo("\t".join(safe(part) for part in line.split("\t")))


def _advise(used: str, trials: list[Trial]) -> None:
    for note in dict.fromkeys(note for trial in trials for note in trial.notes):
        field, _, rule = note.rpartition(":")
        advise(f"removed from {safe(field)} by rule {safe(rule)}")
    if not any(trial.notes for trial in trials):
        advise("nothing to remove")
    if any(trial.cut for trial in trials):
        advise("too long to be kept whole: a log file is read line by line with --lines")
    advise(f"engine: {used}")
