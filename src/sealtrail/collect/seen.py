"""Exactly once: which (source, emitter, sequence) are in the ledger already.

The table is derived from the ledger and rebuilt from it when its snapshot is missing; a snapshot only saves
reading. A source is part of the key so that one client cannot claim another's numbers beforehand.

Sequences are kept as intervals for ever. The hash that tells a repeated line from another line under the
same number is kept for the latest `HASHES` lines at least: further back a repetition counts as a duplicate.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from sealtrail.event import Position, read
from sealtrail.event.entry import unseal
from sealtrail.follow.protocols import Reader
from sealtrail.follow.state import save

Verdict = Literal["new", "duplicate", "conflict"]

HASHES: Final = 131_072  # twice as many are kept at most: about 40 MB

# Entries of each trail that are read again at a start, for their hashes.
RECENT: Final = 32_768

# Emitters that are made up per request carry no position a sender could repeat. The whole form counts: a
# sender may call its own emitter `http-front`.
ONCE_PREFIX: Final = "http-"
ONCE: Final = re.compile(rf"{ONCE_PREFIX}[0-9a-f]{{32}}", re.ASCII)


class Intervals:
    """A set of integers as sorted, disjoint half-open ranges."""

    __slots__ = ("ends", "starts")

    def __init__(self, ranges: list[list[int]] | None = None) -> None:
        self.starts = [start for start, _ in ranges or ()]
        self.ends = [end for _, end in ranges or ()]

    def __contains__(self, number: int) -> bool:
        ends = self.ends
        if not ends or number >= ends[-1]:  # producers count upwards: nearly always this
            return False
        at = bisect_right(self.starts, number) - 1
        return at >= 0 and number < ends[at]

    def add(self, number: int) -> None:
        ends = self.ends
        if ends and ends[-1] == number:
            ends[-1] = number + 1
            return
        at = bisect_right(self.starts, number)
        if at and number < ends[at - 1]:
            return
        left = at > 0 and ends[at - 1] == number
        right = at < len(self.starts) and self.starts[at] == number + 1
        if left and right:
            ends[at - 1] = ends.pop(at)
            del self.starts[at]
        elif left:
            ends[at - 1] = number + 1
        elif right:
            self.starts[at] = number
        else:
            self.starts.insert(at, number)
            ends.insert(at, number + 1)

    def ranges(self) -> list[list[int]]:
        return [[start, end] for start, end in zip(self.starts, self.ends, strict=True)]

    def gaps(self) -> list[tuple[int, int]]:
        """Numbers from 0 to the highest that are not in the set, as half-open ranges."""
        edges = [0, *self.ends[:-1]] if self.starts else []
        return [(a, b) for a, b in zip(edges, self.starts, strict=True) if a < b]


class Seen:
    """The table, and up to where in the ledger it speaks."""

    def __init__(self) -> None:
        self._emitters: dict[tuple[str, str], Intervals] = {}
        # Python's own hash has a key that is made up for each process, so nobody can choose two lines that
        # agree, and it need not outlive the process: the table is filled from the ledger again. There are two
        # generations because letting go of one costs a line nothing.
        self._hashes: dict[tuple[str, str, int], int] = {}
        self._older: dict[tuple[str, str, int], int] = {}
        self.position: Position = {}

    def __len__(self) -> int:
        return len(self._emitters)

    def judge(self, source: str, emitter: str, seq: int, line: bytes) -> Verdict:
        numbers = self._emitters.get((source, emitter))
        if numbers is None or seq not in numbers:
            return "new"
        place = (source, emitter, seq)
        before = self._hashes.get(place, self._older.get(place))
        return "conflict" if before is not None and before != hash(line) else "duplicate"

    def add(self, source: str, emitter: str, seq: int, line: bytes) -> None:
        if emitter.startswith(ONCE_PREFIX) and ONCE.fullmatch(emitter):
            return
        numbers = self._emitters.get((source, emitter))
        if numbers is None:
            numbers = self._emitters[source, emitter] = Intervals()
        numbers.add(seq)
        self._hashes[source, emitter, seq] = hash(line)
        if len(self._hashes) >= HASHES:
            self._older, self._hashes = self._hashes, {}

    def gaps(self, source: str, emitter: str) -> list[tuple[int, int]]:
        numbers = self._emitters.get((source, emitter))
        return numbers.gaps() if numbers is not None else []

    def catch_up(self, reader: Reader) -> None:
        """Read what the snapshot does not know, and enough before it to tell a repetition from a conflict."""
        for trail, size in reader.sizes().items():
            known = min(self.position.get(trail, 0), size)
            at = max(reader.first().get(trail, 0), min(known, max(0, size - RECENT)))
            while at < size:
                chunk = reader.read(trail, at, 4096)
                if not chunk:
                    break
                for entry in chunk:
                    line, _, source = unseal(entry)
                    fields = read(line)
                    self.add(source, fields["sealtrail.emitter"], fields["sealtrail.seq"], line)
                at += len(chunk)
            self.position[trail] = size

    def save(self, path: Path, position: Position) -> None:
        """Write a snapshot that speaks for every entry below `position`."""
        table = [[source, emitter, n.ranges()] for (source, emitter), n in self._emitters.items()]
        save(path, msgspec.msgpack.encode({"version": 1, "position": dict(position), "table": table}))
        self.position = dict(position)

    @classmethod
    def load(cls, path: Path) -> Seen:
        """The snapshot, or an empty table where there is none that can be read."""
        seen = cls()
        try:
            snapshot: Any = msgspec.msgpack.decode(path.read_bytes(), type=_Snapshot)
        except (FileNotFoundError, msgspec.MsgspecError):
            return seen
        seen.position = snapshot.position
        seen._emitters = {(source, emitter): Intervals(ranges) for source, emitter, ranges in snapshot.table}
        return seen


class _Snapshot(msgspec.Struct):
    version: Literal[1]
    position: dict[str, int]
    table: list[tuple[str, str, list[list[int]]]]
