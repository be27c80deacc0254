"""Trying what scrubbing keeps, and the keys of hashes: nothing is recorded."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table, safe, to_json
from sealtrail.scrub.trial import FORMS, Trial, tried
from sealtrail.settings import CaptureSettings

_NAMED = 20  # places of one rule that are named; all of them are in -o json


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
@click.option(
    "--policy",
    metavar="FILE",
    default="",
    envvar="SEALTRAIL_SCRUB",
    show_envvar=True,
    help="By this policy: a file of TOML, or replace, drop, mask or hmac for everything.",
)
@click.option(
    "--spool",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("sealtrail-spool"),
    envvar="SEALTRAIL_SPOOL",
    show_default=True,
    show_envvar=True,
    help="Where the keys of hashes are kept, unless SEALTRAIL_PSEUDONYM_KEY is set.",
)
@click.option("--check", is_flag=True, help="Exit with 1 where anything would be removed.")
@click.option(
    "--hash",
    "hashed",
    metavar="VALUE",
    help="The hashes of this value under each known key, to search for; `-` reads it from standard input.",
)
@click.option("--rotate", is_flag=True, help="Put a new key before the others, for processes that start.")
@options.output("text", "json")
@click.pass_context
def scrub(
    ctx: click.Context,
    files: tuple[IO[bytes], ...],
    texts: tuple[str, ...],
    kind: str,
    lines: bool,
    field: str,
    policy: str,
    spool: Path,
    check: bool,
    hashed: str | None,
    rotate: bool,
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
    if rotate or hashed is not None:
        if files or texts or (rotate and hashed is not None):
            raise click.UsageError("--hash and --rotate each stand alone: there is no text to try.")
        _rotate(spool, form) if hashed is None else _hash(hashed, spool, form)
        return
    from sealtrail.capture import policies
    from sealtrail.scrub.shapes import ready

    policies.engine(CaptureSettings.from_environment().scrub_engine)
    # The shell hands over any bytes.
    spoken = [("", os.fsencode(text).decode("utf-8", "backslashreplace")) for text in texts]
    given = [*spoken, *_read(files or (() if texts else (sys.stdin.buffer,)), lines)]
    places = [place for place, _ in given]
    digest = _Digest(spool)
    with policies.borrowed(policies.read(policy or "replace", "--policy", digest)):
        trials = [tried(one, kind, field) for _, one in given]
    if form == "json":
        print_json({"engine": ready(), "results": [*map(_described, places, trials)]})
    else:
        for trial in trials:
            _print(trial)
        _advise(ready(), places, trials)
    if digest.made_up:
        advise(f"no key in {safe(str(spool))}: these hashes are comparable with nothing else")
    ctx.exit(1 if check and any(trial.notes for trial in trials) else 0)


class _Digest:
    """Hashes under the installation's key. A trial makes none: where there is none its own has to do."""

    def __init__(self, spool: Path) -> None:
        self._spool = spool
        self._key = b""
        self.made_up = False

    def __call__(self, value: str) -> str:
        from sealtrail.scrub.policy import keyed

        if not self._key:
            keys = _known(self._spool)
            self.made_up = not keys
            self._key = keys[0] if keys else secrets.token_bytes(32)
        return keyed(self._key, value)


def _known(spool: Path) -> tuple[bytes, ...]:
    from sealtrail.capture.keyring import known

    settings = CaptureSettings.from_environment()
    return known(settings.pseudonym_key, settings.pseudonym_old_keys, spool)


def _hash(value: str, spool: Path, form: str) -> None:
    from sealtrail.capture.pseudonym import hashes_of
    from sealtrail.errors import NotFoundError

    keys = _known(spool)
    if not keys:
        raise NotFoundError(
            "not-found.file",
            f"there is no key of hashes in {safe(str(spool))}",
            hint="Name the application's spool with --spool, or set SEALTRAIL_PSEUDONYM_KEY as it does.",
        )
    if value == "-":
        value = sys.stdin.read().removesuffix("\n")
    rows = [{"key": key, **found} for key, found in hashes_of(keys, value)]
    if form == "json":
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
        advise("The first key is in use. Search for what stands under `scrubbed`, or user.hash:HASH")


def _rotate(spool: Path, form: str) -> None:
    from sealtrail.capture.keyring import rotate
    from sealtrail.errors import UsageError
    from sealtrail.scrub.policy import key_id

    if CaptureSettings.from_environment().pseudonym_key:
        raise UsageError(
            "usage.setting",
            "SEALTRAIL_PSEUDONYM_KEY is set, so the key in the spool folder is not used",
            hint="Move its value to the front of SEALTRAIL_PSEUDONYM_OLD_KEYS, and set it to a new one.",
        )
    ids = [key_id(key) for key in rotate(spool)]
    if form == "json":
        print_json({"key": ids[0], "known": ids})
    else:
        click.echo(f"key {ids[0]} is used by processes that start from now on; known: {', '.join(ids)}")


def _read(files: Iterable[IO[bytes]], lines: bool) -> Iterator[tuple[str, str]]:
    """Texts, each with its place: `FILE:LINE` of a line, else nothing."""
    for file in files:
        text = file.read().decode("utf-8", "backslashreplace")
        if not lines:
            yield "", text.removesuffix("\n")
            continue
        name = "-" if file is sys.stdin.buffer else str(file.name)
        # As editors count them: other ends of lines are signs like any other.
        for number, line in enumerate(text.split("\n"), 1):
            if line := line.removesuffix("\r"):
                yield f"{name}:{number}", line


def _described(place: str, trial: Trial) -> dict[str, Any]:
    notes = [dict(zip(("field", "rule"), note.rsplit(":", 1), strict=True)) for note in trial.notes]
    found = {"as": trial.form, "kept": trial.kept, "notes": notes, "cut": trial.cut}
    return {"place": place, **found} if place else found


def _print(trial: Trial) -> None:
    text = trial.kept if isinstance(trial.kept, str) else to_json(trial.kept)
    for line in text.split("\n"):
        click.echo("\t".join(safe(part) for part in line.split("\t")))


def _advise(engine: str, places: list[str], trials: list[Trial]) -> None:
    found: dict[str, list[str]] = {}
    for place, trial in zip(places, trials, strict=True):
        for note in trial.notes:
            found.setdefault(note, []).extend([place] if place else [])
    for note, there in found.items():
        field, _, rule = note.rpartition(":")
        more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        where = f": {', '.join(there[:_NAMED])}{more}" if there else ""
        advise(f"removed from {safe(field)} by rule {safe(rule)}{safe(where)}")
    if not found:
        advise("nothing to remove")
    if any(trial.cut for trial in trials):
        advise("too long to be kept whole: a log file is read line by line with --lines")
    advise(f"engine: {engine}")
