"""The alert book: the table of alerts, kept where the ledger is. A follower, and what readers open.

Only the audit trails are read: alerts and what people do about them stand nowhere else. A snapshot saves
reading; the ledger is the truth, so a lost or broken one costs time and nothing more.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.event import Batch, Position, base_of, trail_order
from sealtrail.follow.order import open_entry
from sealtrail.follow.protocols import Reader
from sealtrail.follow.state import save
from sealtrail.respond.alerts import Alerts, Known

AUDIT: Final = "audit"
KEEP_ENTRIES: Final = 10_000  # of the audit trail that a start may have to read again
READ_ENTRIES: Final = 2048  # at once


class _State(msgspec.Struct):
    """What is kept in a file."""

    version: int
    position: Position
    alerts: list[Known]
    forgotten: int = 0


class Book:
    """Alerts up to a position of the audit trails. Without `state` nothing is kept."""

    name = "alerts"

    def __init__(self, state: Path | None = None) -> None:
        self._state = state
        self._lock = threading.Lock()
        self._moved = threading.Condition(self._lock)
        self._at, self._alerts = _load(state)
        self._kept = _audited(self._at)

    def position(self) -> Position:
        with self._lock:
            return dict(self._at)

    def handle(self, batch: Batch) -> None:
        with self._lock:
            for entry in batch.entries:
                # A batch may begin before our position, where we have read ahead of the hub.
                if base_of(entry.trail) == AUDIT and entry.index >= self._at.get(entry.trail, 0):
                    self._alerts.apply(entry)
            self._at = {trail: max(end, self._at.get(trail, 0)) for trail, end in batch.end.items()}
            self._moved.notify_all()
            due = _audited(self._at) - self._kept >= KEEP_ENTRIES
        if due:
            self.save()

    def catch_up(self, reader: Reader) -> None:
        """Read the audit trails to their end, an earlier generation before the one that follows it."""
        first = reader.first()
        for trail, size in sorted(reader.sizes().items(), key=lambda one: trail_order(one[0])):
            if base_of(trail) != AUDIT:
                # Nothing for us there. Else the hub would hand us the whole of it.
                self._at[trail] = max(self._at.get(trail, 0), size)
                continue
            at = max(self._at.get(trail, 0), first.get(trail, 0))
            while at < size and (chunk := reader.read(trail, at, min(READ_ENTRIES, size - at))):
                with self._lock:
                    for place, data in enumerate(chunk):
                        self._alerts.apply(open_entry(trail, at + place, data))
                    at += len(chunk)
                    self._at[trail] = at

    def wait(self, trail: str, end: int, seconds: float) -> bool:
        """Wait until the book holds what a trail says before `end`; False when that takes longer."""
        with self._moved:
            return self._moved.wait_for(lambda: self._at.get(trail, 0) >= end, seconds)

    def save(self) -> None:
        """Keep table and position. Also to be called once at the end."""
        if self._state is None:
            return
        with self._lock:
            kept = _State(1, dict(self._at), self._alerts.all(), self._alerts.forgotten)
            self._kept = _audited(self._at)
        save(self._state, msgspec.json.encode(kept))

    # --- for readers

    def all(self) -> list[Known]:
        """All alerts, in the order in which they were recorded."""
        with self._lock:
            return self._alerts.all()

    def named(self, prefix: str) -> list[Known]:
        with self._lock:
            return self._alerts.named(prefix)

    @property
    def forgotten(self) -> int:
        """Alerts that made room for newer ones."""
        with self._lock:
            return self._alerts.forgotten


def _audited(at: Position) -> int:
    return sum(index for trail, index in at.items() if base_of(trail) == AUDIT)


def _load(path: Path | None) -> tuple[Position, Alerts]:
    try:
        if path is not None:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
            if state.version == 1:
                return state.position, Alerts(state.alerts, forgotten=state.forgotten)
    except (OSError, msgspec.MsgspecError):
        pass
    return {}, Alerts()
