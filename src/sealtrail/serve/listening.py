"""Listens for silence: a follower that knows who sends, and says who stopped."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.own import SILENCE, SILENCE_END
from sealtrail.detect.silence import Silent, Source, Watch
from sealtrail.errors import SealtrailError
from sealtrail.event import Batch, Fields, Position
from sealtrail.event.entry import stamp
from sealtrail.follow.state import save
from sealtrail.settings import SilenceSettings

_log = logging.getLogger("sealtrail.silence")

LOOK_SECONDS: Final = 5.0  # between two looks who is silent
KEPT_SECONDS: Final = 60.0  # that a crash may cost of what is known about sources; they are heard again


class _State(msgspec.Struct):
    version: int
    position: Position
    sources: dict[str, Source]


class Listener:
    """Follows all trails. `look` is called from time to time; what it finds is recorded through `record`.

    Time counts only while we listen: a collector that was stopped, is full or behind calls nobody silent.
    """

    name = "silence"

    def __init__(
        self,
        settings: SilenceSettings,
        record: Callable[[Fields], Any],
        state: Path,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._record = record
        self._path = state
        self._clock = clock
        self._lock = threading.Lock()
        self._at, sources = _load(state)
        self._watch = Watch(
            after=settings.after_seconds, events=settings.events, ignore=settings.ignore, sources=sources
        )
        self._watch.forgive(clock())
        self._looked = self._kept = clock()
        self._arrival = ("", 0.0)

    def start_at(self, heads: Position) -> None:
        """With nothing kept there is nothing to go on from: who sends from now on is heard."""
        if not self._at:
            self._at = dict(heads)

    def position(self) -> Position:
        with self._lock:
            return dict(self._at)

    def handle(self, batch: Batch) -> None:
        with self._lock:
            for entry in batch.entries:
                if entry.index >= self._at.get(entry.trail, 0):
                    self._watch.hear(entry, self._arrived(str(entry.fields.get("event.ingested", ""))))
            self._at = dict(batch.end)

    def look(self, heads: Callable[[], Position], taking: bool) -> None:
        """Record who fell silent and who is back. `taking`: whether events are accepted at all."""
        now = self._clock()
        if 0 <= now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        with self._lock:
            behind = any(self._at.get(trail, 0) < size for trail, size in heads().items())
            if behind or not taking:
                self._watch.forgive(now)
            found = self._watch.due(now)
        for one in found:
            try:
                self._record(_event(one))
            except (SealtrailError, OSError) as error:
                _log.warning("the silence of %s could not be recorded: %s", one.name, error)
                with self._lock:
                    self._watch.untold(one)
        if not 0 <= now - self._kept < KEPT_SECONDS:
            self.save()

    def save(self) -> None:
        """Keep what is known. Also to be called once at the end."""
        with self._lock:
            self._kept = self._clock()
            kept = msgspec.json.encode(_State(1, dict(self._at), self._watch.sources()))
        save(self._path, kept)

    def _arrived(self, ingested: str) -> float:
        if ingested != self._arrival[0]:
            try:
                self._arrival = (ingested, datetime.fromisoformat(ingested).timestamp())
            except ValueError:
                self._arrival = (ingested, self._arrival[1])
        return self._arrival[1]


def _load(path: Path) -> tuple[Position, dict[str, Source]]:
    try:
        state = msgspec.json.decode(path.read_bytes(), type=_State)
        if state.version == 1:
            return state.position, state.sources
    except (OSError, msgspec.MsgspecError):
        pass
    return {}, {}


def _event(silent: Silent) -> Fields:
    since = stamp(datetime.fromtimestamp(silent.since, UTC))
    fields: Fields = {
        "event.action": SILENCE_END if silent.back else SILENCE,
        "event.category": ["configuration"],
        "event.type": ["info"],
        "event.outcome": "success" if silent.back else "failure",
        "event.reason": (
            f"{silent.name} sends again"
            if silent.back
            else f"{silent.events:,} events came from {silent.name}, with pauses up to {silent.pause:.0f} s"
        ),
        "sealtrail.silence.source": silent.name,
        "sealtrail.silence.since": since,
    }
    # Named after the silence: one that is found again after a crash is recorded once.
    name = hashlib.sha256(f"{silent.name} {since}".encode(errors="surrogatepass")).hexdigest()
    return {**fields, "sealtrail.emitter": f"silence:{name}", "sealtrail.seq": int(silent.back)}
