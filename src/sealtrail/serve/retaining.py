"""Retention: what may go by age, and having it go now. Housekeeping asks the same plan every hour.

Only whole sealed volumes go, and only from the front: the hashes stay, so everything that is left stays
provable. Nothing goes that is younger than [retention] says, and nothing that a follower has not seen,
whether it runs here or has only left its position in the folder.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.inbox import ask
from sealtrail.errors import SealtrailError
from sealtrail.event import Position, base_of
from sealtrail.event.entry import ingested
from sealtrail.follow import Cursor
from sealtrail.follow.state import load_json
from sealtrail.ledger.layout import VOLUME_ENTRIES, volume_name
from sealtrail.ledger.prune import prunable
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.serve.sparing import Spared, Sparing
from sealtrail.settings import RetentionSettings, load
from sealtrail.store import manifest

# A prune event has to be signed before its volumes go; checkpoints come every few seconds.
PATIENCE_SECONDS: Final = 30.0
LOOK_SECONDS: Final = 0.05  # between two looks whether they are gone


class Planned(msgspec.Struct, frozen=True):
    """What of one trail may go: entries [first, end). `held` says why old entries stay; empty: none do.

    `oldest` and `newest` are when the first and the last of them were sealed, empty where none may go.
    """

    trail: str
    days: int
    first: int
    end: int
    volumes: int
    bytes: int
    oldest: str
    newest: str
    held: str
    copies: int = 0  # entries that are copied first, because a legal hold is on them
    holds: dict[str, int] = {}  # every hold in force, and how many of the entries it is on

    @property
    def entries(self) -> int:
        return self.end - self.first


def kept_days(settings: RetentionSettings) -> dict[str, int]:
    """Days each kind of trail is kept."""
    return {"access": settings.access_days, "audit": settings.audit_days}


def planned(
    ledger: LedgerReader,
    trails: Path,
    keep: Mapping[str, int],
    seen: Callable[[str], int],
    now: datetime,
    *,
    spare: Callable[[str, int, int], Spared],
    volume_entries: int = VOLUME_ENTRIES,
) -> list[Planned]:
    """One a trail that a retention is set for.

    `seen` is how far the slowest follower has come in a trail, `spare` what legal holds leave of a range.
    """
    first, sizes, found = ledger.first(), ledger.sizes(), []
    for trail in ledger.trails():
        days = keep.get(base_of(trail))
        if days is not None:
            at = _Front(ledger, trail, first[trail], sizes[trail], volume_entries)
            found.append(at.plan(trails / trail, days, seen(trail), now - timedelta(days=days), spare))
    return found


class _Front:
    """The front of one trail, volume by volume."""

    def __init__(self, ledger: LedgerReader, trail: str, first: int, size: int, entries: int) -> None:
        self._ledger = ledger
        self._trail = trail
        self._first = first
        self._size = size
        self._entries = entries

    def plan(
        self,
        folder: Path,
        days: int,
        seen: int,
        limit: datetime,
        spare: Callable[[str, int, int], Spared],
    ) -> Planned:
        old = self._old(limit)
        end = self._first
        while end + self._entries <= min(old, self._size, seen):
            end += self._entries
        end = max(prunable(folder, end, volume_entries=self._entries), self._first)
        spared = spare(self._trail, self._first, end) if end > self._first else Spared(end)
        end = spared.end
        held = spared.why
        if end < old and not held:
            held = (
                f"a follower has come to {seen:,} of {self._size:,}"
                if seen < old
                else "the last volume stays, so that what comes next can be dated after it"
            )
        names = [folder / volume_name(at // self._entries) for at in range(self._first, end, self._entries)]
        return Planned(
            trail=self._trail,
            days=days,
            first=self._first,
            end=end,
            volumes=len(names),
            bytes=sum(path.stat().st_size for path in names if path.exists()),
            oldest=self._sealed(self._first) if end > self._first else "",
            newest=self._sealed(end - 1) if end > self._first else "",
            held=held,
            copies=spared.copies,
            holds=dict(spared.holds),
        )

    def _old(self, limit: datetime) -> int:
        """Up to where whole volumes are older than the limit."""
        end = self._first
        # A volume is old enough when the entry after it is as well: then all of it is.
        while end + self._entries < self._size:
            sealed = self._sealed(end + self._entries)
            if not sealed or datetime.fromisoformat(sealed) > limit:
                break
            end += self._entries
        return end

    def _sealed(self, index: int) -> str:
        return ingested(self._ledger.entry(self._trail, index))


def left_positions(folder: Folder) -> list[Position]:
    """Where followers stand that do not run now: what they have not seen has to wait for them."""
    found = []
    detect = folder.cursor("detect")
    if detect.exists():
        found.append(Cursor(detect).load())
    for path in (folder.state / "response.json", folder.alerts):
        state = load_json(path, None)
        if isinstance(state, dict):
            at = state.get("position", {})
            found.append(
                {str(name): int(value) for name, value in at.items()} if isinstance(at, dict) else {}
            )
    return found


def plan(data: Path, now: datetime, *, volume_entries: int = VOLUME_ENTRIES) -> list[Planned]:
    """What would go now, by the folder alone: also while a server has it open, and without one."""
    folder = Folder(data)
    folder.check()
    positions = [*left_positions(folder), dict(manifest.load(folder.store).position)]

    def seen(trail: str) -> int:
        return min(position.get(trail, 0) for position in positions)

    keep = kept_days(load(folder.root).retention)
    ledger = LedgerReader(folder.root, volume_entries=volume_entries)
    spare = Sparing(ledger, folder.holds, volume_entries=volume_entries).check
    return planned(ledger, folder.trails, keep, seen, now, spare=spare, volume_entries=volume_entries)


def run(
    data: Path, by: str, *, now: datetime | None = None, volume_entries: int = VOLUME_ENTRIES
) -> tuple[list[Planned], bool]:
    """Have it go now: what went, and whether it is gone already.

    Through the server that has the folder open; without one by opening it for the moment. Raises LedgerError.
    """
    folder = Folder(data)
    folder.check()
    if folder.writer() is not None:
        said = ask(folder.inbox, {"act": "retain", "by": by})
        done = msgspec.convert(said["removed"], list[Planned])
        reader = LedgerReader(folder.root, volume_entries=volume_entries)
        return done, _wait(lambda: all(reader.first().get(one.trail, 0) >= one.end for one in done))
    from sealtrail.serve.writing import Collector  # here: it loads the index's libraries

    with Collector(folder, guard=False, volume_entries=volume_entries) as collector:
        # What the index has not seen cannot go: let it see what is there.
        collector.settle()
        done = collector.housekeeping.retain(now or datetime.now(UTC), by)
        return done, _wait(lambda: collector.housekeeping.drop_announced() == 0)


def _wait(is_done: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        try:
            if is_done():
                return True
        except SealtrailError:
            pass  # a reader that looks while files go
        time.sleep(LOOK_SECONDS)
    return False


def document(one: Planned) -> dict[str, Any]:
    """The JSON form."""
    return {**msgspec.to_builtins(one), "entries": one.entries}
