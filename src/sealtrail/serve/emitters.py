"""`verify --emitters`: every gap, repetition, conflict and late arrival, as facts of a verified ledger.

The numbers are read from signed entries alone. Three things are not in the ledger, and are told apart: which
emitters live (by the lock on their segment), what waits in a spool, and what was refused and kept aside.
"""

from __future__ import annotations

import contextlib
import heapq
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from sealtrail.collect.inbox import ask
from sealtrail.collect.own import GAP
from sealtrail.collect.own import SOURCE as OWN
from sealtrail.collect.spools import SOURCE as SPOOL
from sealtrail.collect.tally import MAX_TOLD, Emitter, Gap, Odd, Said, Source, Tally, Told, seconds_between
from sealtrail.errors import EventError, SealtrailError
from sealtrail.event import read, trail_order
from sealtrail.event.entry import stamp
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import counted
from sealtrail.serve.folder import Folder
from sealtrail.spool.layout import is_alive, segments

State = Literal["", "alive", "ended"]
"""Empty where no spool was looked at that the emitter could write to."""

# A source is silent when it has been quiet for this long, and for so many times its longest pause until then.
SILENT_SECONDS: Final = 3600.0
SILENT_PAUSES: Final = 3.0

_CHUNK: Final = 4096
_TAIL_BYTES: Final = 600_000  # of a segment: the longest line fits
_ASIDE: Final = frozenset({"event.conflict", "event.torn"})
_ASK_SECONDS: Final = 5.0
_said: Final = msgspec.json.Decoder(Said)


class EmitterFacts(msgspec.Struct):
    """One run of one process. `waiting`: numbers above its last one that lie in its spool still."""

    source: str
    emitter: str
    service: str
    host: str
    events: int
    first: str
    last: str
    state: State
    waiting: int
    missing: int
    lost: int
    unexplained: int
    duplicated: int
    belated: int
    gaps: list[Gap]
    duplicates: list[Odd]
    late: list[Odd]

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.duplicated)


class SourceFacts(msgspec.Struct):
    """A service on a host: when it was last heard of, and whether that is longer ago than is usual for it."""

    service: str
    host: str
    events: int
    first: str
    last: str
    longest_pause: float
    quiet: float
    silent: bool


class Aside(msgspec.Struct):
    """A line that was refused and kept in `state/rejects`, which nobody signs."""

    code: str
    source: str
    place: str
    at: str


class Facts(msgspec.Struct):
    """What the numbers of all emitters say. `upto`: how far each trail is signed, and was read."""

    upto: dict[str, int]
    emitters: list[EmitterFacts]
    sources: list[SourceFacts]
    aside: list[Aside]
    unnumbered: int

    @property
    def is_whole(self) -> bool:
        """No number is missing, none is there twice, and nothing was refused for contradicting one."""
        return all(one.is_whole for one in self.emitters) and not any(
            one.code == "event.conflict" for one in self.aside
        )

    def lines(self) -> Iterator[str]:
        """Sentences for people."""
        yield f"{counted(len(self.emitters), 'emitter')}, {counted(len(self.sources), 'source')}"
        for one in self.emitters:
            yield from _of_emitter(one)
        for aside in self.aside:
            yield f"  {aside.source} {aside.place}: {aside.code}, kept in state/rejects on {aside.at}"
        for source in self.sources:
            if source.silent:
                yield (
                    f"  {source.service or '?'} on {source.host or '?'} is silent: last heard of "
                    f"{source.quiet:,.0f} s ago, on {source.last}; "
                    f"its longest pause until then was {source.longest_pause:,.0f} s"
                )
        if self.unnumbered:
            yield f"  {counted(self.unnumbered, 'event')} came without numbers of their sender"
        yield "every number is there, once" if self.is_whole else "numbers are missing, or there twice"


def _of_emitter(one: EmitterFacts) -> Iterator[str]:
    who = f"  {one.source} {one.emitter}" + (f" ({one.service} on {one.host})" if one.service else "")
    state = f", {one.state}" if one.state else ""
    waiting = f", {counted(one.waiting, 'number')} waiting in its spool" if one.waiting else ""
    if one.is_whole and not (one.belated or one.waiting or one.lost):
        return
    yield f"{who}: {counted(one.events, 'event')}{state}{waiting}"
    for gap in one.gaps:
        record = f", as {gap.recorded} records" if gap.recorded else ""
        between = f" between {gap.after or 'its beginning'} and {gap.before}" if gap.before else ""
        yield f"    {_numbers(gap.first, gap.end)} never arrived,{between}{record}"
    if one.lost:
        yield f"    it says itself that it could not record {counted(one.lost, 'event')}"
    if one.unexplained and one.lost:
        yield f"    {counted(one.unexplained, 'number')} it does not account for"
    for odd in one.duplicates:
        yield f"    number {odd.number} is there once more at {odd.address}, on {odd.at}"
    for odd in one.late:
        yield f"    number {odd.number} came late, at {odd.address}, on {odd.at}"


def _numbers(first: int, end: int) -> str:
    return f"number {first}" if end - first == 1 else f"numbers {first} to {end - 1}"


def examine(data: Path, spools: Sequence[Path] = (), now: datetime | None = None) -> Facts:
    """The facts of a data folder. `spools` beside those that a running server follows.

    It does not verify: whoever asks has done that. Raises NotFoundError, UsageError, LedgerError.
    """
    folder = Folder(data)
    folder.check()
    reader = LedgerReader(folder.root)
    try:
        upto = {trail: _signed(reader, trail, size) for trail, size in reader.sizes().items()}
        tally = _tally(reader, upto)
    finally:
        reader.close()
    found = [*dict.fromkeys([*_followed(folder), *(spool.absolute() for spool in spools)])]
    alive, held = _in_spools(found)
    moment = stamp(now or datetime.now(UTC))
    return Facts(
        upto,
        [
            _facts(one, _state(one, alive, looked=bool(found)), held.get(one.emitter, -1))
            for _, one in sorted(tally.emitters.items())
        ],
        [_source(one, moment) for _, one in sorted(tally.sources.items())],
        [*_aside(folder.rejects)],
        tally.unnumbered,
    )


def _signed(reader: LedgerReader, trail: str, size: int) -> int:
    return min(size, Checkpoint.from_note(reader.checkpoint(trail))[0].size)


def _tally(reader: LedgerReader, upto: Mapping[str, int]) -> Tally:
    """In the order of commits: an emitter's numbers are spread over the trails."""
    tally, first = Tally(), reader.first()
    rows = [_rows(reader, trail, first.get(trail, 0), end) for trail, end in upto.items()]
    for said, (_, trail, index), data in heapq.merge(*rows, key=lambda row: (row[0].ingested, row[1])):
        if tally.take(said, f"{trail}/{index}"):
            for told in _told(said, data, f"{trail}/{index}"):
                tally.tell(SPOOL if said.action == GAP else said.source, told)
    return tally


def _rows(
    reader: LedgerReader, trail: str, start: int, end: int
) -> Iterator[tuple[Said, tuple[Any, str, int], bytes]]:
    order = trail_order(trail)
    while start < end:
        chunk = reader.read(trail, start, min(_CHUNK, end - start))
        if not chunk:
            return
        for index, data in enumerate(chunk, start):
            with contextlib.suppress(msgspec.MsgspecError):  # verification says what is wrong with it
                yield _said.decode(data), (order, trail, index), data
        start += len(chunk)


def _told(said: Said, data: bytes, address: str) -> Iterator[Told]:
    try:
        fields = read(data)
    except EventError:  # verification says what is wrong with it
        return
    if said.action != GAP:
        details = fields.get("sealtrail.details")
        counts = [details.get(kind) for kind in ("access", "audit")] if isinstance(details, dict) else []
        yield Told(said.emitter, lost=sum(count for count in counts if type(count) is int and count > 0))
    elif said.source == OWN:  # others may use the name, and are not believed
        emitter, first, end = (fields.get(f"sealtrail.range.{name}") for name in ("emitter", "first", "end"))
        if isinstance(emitter, str) and type(first) is int and type(end) is int:
            yield Told(emitter, first=first, end=end, address=address)


def _facts(one: Emitter, state: State, held: int) -> EmitterFacts:
    gaps = [gap for gap, _ in zip(one.gaps(), range(MAX_TOLD), strict=False)]
    return EmitterFacts(
        one.source,
        one.emitter,
        one.service,
        one.host,
        one.events,
        one.first,
        one.last,
        state,
        max(0, held - one.highest),
        one.missing,
        one.lost,
        one.unexplained,
        one.duplicated,
        one.belated,
        gaps,
        one.duplicates,
        one.late,
    )


def _source(one: Source, now: str) -> SourceFacts:
    quiet = max(0.0, seconds_between(one.last, now))
    silent = quiet > max(SILENT_SECONDS, SILENT_PAUSES * one.pause)
    return SourceFacts(one.service, one.host, one.events, one.first, one.last, one.pause, quiet, silent)


# --- what is not in the ledger


def _followed(folder: Folder) -> list[Path]:
    """The spools of a running server; none where it is not there, or may not be asked."""
    if folder.writer() is None or os.geteuid() not in {0, folder.root.stat().st_uid}:
        return []
    try:
        return [Path(name) for name in ask(folder.inbox, {"act": "health"}, timeout=_ASK_SECONDS)["spools"]]
    except SealtrailError:
        return []


def _in_spools(spools: Iterable[Path]) -> tuple[set[str], dict[str, int]]:
    """Emitters that hold the lock of a segment, and the highest number that lies there of each."""
    alive: set[str] = set()
    held: dict[str, int] = {}
    for spool in spools:
        for name, path in segments(spool):
            if is_alive(path):
                alive.add(name.emitter)
            held[name.emitter] = max(held.get(name.emitter, -1), _last_number(path, name.emitter))
    return alive, held


def _last_number(path: Path, emitter: str) -> int:
    """The number of the last whole line of a segment; -1 for none. The folder is the application's."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return -1
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    except OSError:
        return -1
    finally:
        os.close(descriptor)
    for raw in reversed(tail[: tail.rfind(b"\n") + 1].splitlines()[-8:]):
        try:
            said = _said.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if said.emitter == emitter:
            return said.seq
    return -1


def _state(one: Emitter, alive: set[str], *, looked: bool) -> State:
    if one.emitter in alive:
        return "alive"
    return "ended" if looked and one.source == SPOOL else ""


def _aside(rejects: Path) -> Iterator[Aside]:
    told = 0
    for path in sorted(rejects.glob("*.ndjson")):
        with path.open("rb") as file:
            for raw in file:
                try:
                    kept = msgspec.json.decode(raw, type=dict[str, Any])
                except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                    continue
                if kept.get("code") in _ASIDE and told < MAX_TOLD:
                    told += 1
                    yield Aside(*(str(kept.get(name, "")) for name in ("code", "source", "place", "time")))
