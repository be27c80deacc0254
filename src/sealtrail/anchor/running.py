"""Keeps the trails anchored at one place, in a thread of its own: nothing waits for it.

A place that fails is tried again after a pause that grows; a place that contradicts a trail is given nothing
more, and is looked at again, for an operator may put right what lies there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sealtrail.anchor.ours import Ours
from sealtrail.anchor.standing import DivergedError, Kind, Pushed, Standing
from sealtrail.errors import SealtrailError
from sealtrail.event.entry import stamp
from sealtrail.follow.state import load_json, save_json
from sealtrail.follow.worker import Worker

_log = logging.getLogger("sealtrail.anchor")

LOOK_SECONDS: Final = 1.0  # between two looks after a new checkpoint
FIRST_SECONDS: Final = 2.0  # before a second try; doubled with every further one
MOST_SECONDS: Final = 300.0  # between two tries: a place that is back is found within this time
DIVERGED_SECONDS: Final = 60.0  # between two looks at what contradicts
KEEP_SECONDS: Final = 60.0  # between two notes of how far it came: an older one is a weaker check at a start
STOP_SECONDS: Final = 5.0  # for the last checkpoint when the collector stops; the next start goes on


class Anchor(Protocol):
    """A place. `push` puts what is signed there and says what is durable there now.

    `before` is what was there last, None if nothing. Raises DivergedError, SealtrailError and OSError.
    """

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def every(self) -> float: ...

    def push(self, ours: Ours, before: Pushed | None) -> Pushed: ...

    def copy_of(self, ours: Ours) -> Path | None:
        """The file of a trail's checkpoints there, where it can be read from here."""
        ...


class Kept(msgspec.Struct):
    """What is remembered of one trail at one place, and found again at a start."""

    where: str
    trail: str
    size: int
    root: str
    at: str


class _Trail:
    """One trail at one place, as the thread has it."""

    def __init__(self, ours: Ours, path: Path) -> None:
        self.ours = ours
        self.path = path
        self.kept = _kept(path)
        self.note = b""  # the last one that is there
        self.due = float("-inf")  # when it is looked at next, by the worker's clock
        self.pause = FIRST_SECONDS
        self.saved = float("-inf")
        self.dirty = False


class Anchoring(Worker):
    """One place. `diverged` is told of each contradiction, as often as it is seen."""

    def __init__(
        self,
        anchor: Anchor,
        trails: Sequence[Ours],
        state: Path,
        diverged: Callable[[str, DivergedError], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(f"anchor-{anchor.kind}")
        self._anchor = anchor
        self._diverged = diverged
        self._clock = clock
        self._trails = [_Trail(ours, state / f"{anchor.id}-{ours.trail}.json") for ours in trails]
        for one in self._trails:
            if anchor.every and one.kept is not None:
                # A collector that is started again and again does not ask more often.
                age = datetime.now(UTC) - datetime.fromisoformat(one.kept.at)
                one.due = clock() + min(anchor.every, max(0.0, anchor.every - age.total_seconds()))
        self._standing = {one.ours.trail: self._stands(one) for one in self._trails}

    def standing(self) -> list[Standing]:
        """How far each trail is anchored here. May be asked by any thread."""
        return list(self._standing.values())

    def copies(self) -> list[Path]:
        """The files that lie there, of all trails. May be asked by any thread."""
        found = [self._anchor.copy_of(one.ours) for one in self._trails if one.kept is not None]
        return [path for path in found if path is not None]

    def stop(self) -> None:
        """As every worker, but in bounded time: a file system that does not answer is given up."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.turn()
        self.turn(last=True)

    def turn(self, *, last: bool = False) -> None:
        """One look at every trail; `last` does not wait for what is due later."""
        for one in self._trails:
            failing = bool(self._standing[one.ours.trail].since)
            if self._clock() < one.due and (failing or not last):
                continue
            note = one.ours.note()
            if note != one.note or failing:
                self._push(one, note)
            if one.dirty and (last or self._clock() >= one.saved + KEEP_SECONDS):
                self._keep(one)

    def _push(self, one: _Trail, note: bytes) -> None:
        trail = one.ours.trail
        kept = one.kept
        try:
            pushed = self._anchor.push(one.ours, Pushed(kept.size, kept.root) if kept is not None else None)
        except DivergedError as error:
            one.due = self._clock() + DIVERGED_SECONDS
            self._fails(one, error.what, diverged=True)
            self._diverged(self._anchor.name, error)
            return
        except SealtrailError as error:
            self._fails(one, error.what)
            return
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            self._fails(one, f"{where}{error.strerror or error}")
            return
        except Exception as error:  # a thread that dies unheard would leave the trails without an anchor
            _log.exception("%s cannot be anchored at %s", trail, self._anchor.name)
            self._fails(one, f"{type(error).__name__}: {error}")
            return
        if self._standing[trail].since:
            _log.warning("%s is anchored at %s again", trail, self._anchor.name)
        one.note, one.pause, one.dirty = note, FIRST_SECONDS, True
        one.due = self._clock() + self._anchor.every
        one.kept = Kept(self._anchor.name, trail, pushed.size, pushed.root, stamp(datetime.now(UTC)))
        self._standing[trail] = self._stands(one)

    def _fails(self, one: _Trail, why: str, *, diverged: bool = False) -> None:
        trail = one.ours.trail
        before = self._standing[trail]
        if not diverged:
            one.due = self._clock() + one.pause
            one.pause = min(MOST_SECONDS, 2 * one.pause)
        if before.why != why:
            say = "contradicts" if diverged else "does not take"
            _log.log(
                logging.CRITICAL if diverged else logging.WARNING,
                "%s %s the checkpoints of %s: %s",
                self._anchor.name,
                say,
                trail,
                why,
            )
        since = before.since if before.since and before.diverged == diverged else stamp(datetime.now(UTC))
        self._standing[trail] = msgspec.structs.replace(before, since=since, why=why, diverged=diverged)

    def _stands(self, one: _Trail) -> Standing:
        kept = one.kept
        size, at = (kept.size, kept.at) if kept is not None else (0, "")
        return Standing(self._anchor.name, self._anchor.kind, one.ours.trail, size, at)

    def _keep(self, one: _Trail) -> None:
        try:
            save_json(one.path, one.kept)
        except OSError as error:
            _log.warning("how far %s is anchored cannot be kept: %s", one.ours.trail, error)
            return
        one.saved, one.dirty = self._clock(), False


def _kept(path: Path) -> Kept | None:
    try:
        kept = msgspec.convert(load_json(path), Kept)
        datetime.fromisoformat(kept.at)
    except (msgspec.ValidationError, ValueError):
        return None
    return kept
