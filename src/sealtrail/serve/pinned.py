"""Commands that ask a collector elsewhere hold it to what it signed before, as `sealtrail ship` does.

Before the first answer of a command is believed, the latest checkpoint of every trail is held against the one
that was kept when this user last asked there. The pins lie in a folder of the user's, one for each collector.
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.errors import AccessError, TamperedError
from sealtrail.event import Range
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import TRAIL_NAME
from sealtrail.ship.line import Line
from sealtrail.ship.pins import Pins
from sealtrail.web.remote import Remote

_log = logging.getLogger("sealtrail.pins")

INTEGRITY: Final = "/api/v1/integrity"
ASKED: Final = "Nothing was asked. With --no-pin it is asked all the same."


def pins_folder(where: Remote, environ: Mapping[str, str] | None = None) -> Path:
    """Where this user's pins of a collector lie: `$XDG_STATE_HOME/sealtrail/pins/HOST-...`."""
    environ = os.environ if environ is None else environ
    named = environ.get("XDG_STATE_HOME", "")
    # The specification: a path that is not absolute counts as none.
    state = Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "state"
    mark = sha256(f"{where.name}{where.base}".encode()).hexdigest()[:12]
    host = "".join(char if char.isalnum() or char in ".-" else "_" for char in where.host)
    return state / "sealtrail" / "pins" / f"{host}-{mark}"


class Holding:
    """Called once, before a collector is asked anything else. Raises TamperedError."""

    def __init__(self, where: Remote, key: str) -> None:
        self._where = where
        self._key = key

    def __call__(self) -> None:
        line = Line(self._where, self._key)
        try:
            folder = pins_folder(self._where)
            # Of two commands at once the later one must not take what the earlier has just pinned for more
            # than it was shown itself.
            with _by_itself(folder):
                self._hold(Pins(folder, line, then=ASKED), line, folder)
        except AccessError:
            pass  # the command's own question is refused as well, and says why
        except OSError as error:
            _log.warning("what %s signed cannot be kept: %s", self._where.name, error)
        finally:
            line.close()

    def _hold(self, pins: Pins, line: Line, folder: Path) -> None:
        answer = line.ask("GET", INTEGRITY)
        if answer.status in (401, 403):
            return
        told = _heads(answer.body) if answer.status == 200 else None
        if told is None:
            _log.warning("%s does not say what it signed (%s)", self._where.name, answer.status)
            return
        pins.learn((Range(trail, (), 0, note) for trail, note in told.items()), all_of_them=True)
        for path in sorted((folder / "checkpoints").glob("*")):
            if TRAIL_NAME.fullmatch(path.name) and path.name not in told:
                size = Checkpoint.from_note(path.read_bytes())[0].size
                raise TamperedError(
                    f"{self._where.name} signed {size:,} entries of {path.name}, and shows no such trail",
                    trail=path.name,
                    hint=f"{ASKED} If the trail was given up, remove {path}.",
                )


def _heads(body: bytes) -> dict[str, str] | None:
    """Trail -> its latest note; None for an answer of another shape."""
    try:
        trails: list[Any] = msgspec.json.decode(body)["trails"]
        return {str(one["trail"]): str(one["checkpoint"]) for one in trails}
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return None


@contextmanager
def _by_itself(folder: Path) -> Iterator[None]:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
