"""`verify --store`: the index beside the ledger. Missing, altered, invented: a search cannot be trusted then.

The ledger is the measure, and is verified first. Every entry that the index says it holds must be there once,
and be what its bytes make of it; nothing else may be there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.errors import NotFoundError, UsageError
from sealtrail.event import Entry
from sealtrail.follow.order import open_entry
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import counted
from sealtrail.serve.folder import Folder
from sealtrail.serve.operating import rebuild
from sealtrail.store.comparing import Comparable, Key, Part, Segments

_OTHERWISE: Final = (
    "the index does not say what the ledger says: `sealtrail rebuild`, or --repair, makes it again"
)

Kind = Literal["missing", "altered", "invented", "doubled"]
KINDS: Final[tuple[Kind, ...]] = ("missing", "altered", "invented", "doubled")

# Of an index that is wrong as a whole: these are named, all are counted.
MAX_NAMED: Final = 100


class Difference(msgspec.Struct, frozen=True):
    """Entries [index, end) of a trail: what is wrong with their rows, where, and in which columns."""

    kind: Kind
    trail: str
    index: int
    end: int
    place: str = ""
    columns: tuple[str, ...] = ()

    def line(self) -> str:
        many = f"{self.index:,} to {self.end - 1:,}" if self.end - self.index > 1 else str(self.index)
        what = f" in {', '.join(self.columns)}" if self.columns else ""
        return f"{self.trail}/{many} {self.kind}{what}" + (f" ({self.place})" if self.place else "")


class Comparison(msgspec.Struct):
    """What laying an index beside the ledger has shown. `behind`: entries that no segment holds yet."""

    rows: int = 0
    behind: dict[str, int] = {}
    counts: dict[Kind, int] = msgspec.field(default_factory=lambda: dict.fromkeys(KINDS, 0))
    differences: list[Difference] = []
    troubles: list[str] = []
    repaired: bool = False  # made again from the ledger since, and equal then

    @property
    def is_equal(self) -> bool:
        return not (self.troubles or any(self.counts.values()))

    @property
    def is_settled(self) -> bool:
        """Equal, or made so."""
        return self.is_equal or self.repaired

    def add(self, one: Difference) -> None:
        self.counts[one.kind] += one.end - one.index
        if len(self.differences) < MAX_NAMED:
            self.differences.append(one)

    def lines(self) -> Iterator[str]:
        """Sentences for people."""
        yield f"the index: {counted(self.rows, 'row')} laid beside the ledger"
        for trail, entries in self.behind.items():
            yield f"  {trail}: {counted(entries, 'entry')} in no segment yet, which are read from the ledger"
        for what in self.troubles:
            yield f"  {what}"
        for one in self.differences:
            yield f"  {one.line()}"
        told = [f"{count:,} {kind}" for kind, count in self.counts.items() if count]
        if told:
            yield f"  {', '.join(told)} in all"
        if self.repaired:
            yield "  it was made again from the ledger"
            return
        yield "the index says what the ledger says" if self.is_equal else _OTHERWISE


def compare(data: Path, index: Comparable, *, volume_entries: int = VOLUME_ENTRIES) -> Comparison:
    """Lay an index beside the ledger of a data folder.

    It does not verify the ledger: whoever asks has done that. Raises LedgerError.
    """
    reader = LedgerReader(data, volume_entries=volume_entries)
    try:
        return _Comparing(reader, index).run()
    finally:
        reader.close()


def compared(data: Path, *, repair: bool = False) -> Comparison:
    """`compare`, and with `repair` the index made again where it differs.

    An index whose manifest cannot be read differs as a whole. A repair needs the folder to itself: it raises
    LedgerError (ledger.locked) while a server has it open.
    """
    found = _looked_at(data)
    if repair and not found.is_equal:
        rebuild(data)
        found.repaired = _looked_at(data).is_equal
    return found


def _looked_at(data: Path) -> Comparison:
    folder = Folder(data)
    folder.check()
    try:
        index = Segments(folder.store)
    except UsageError as error:
        return Comparison(troubles=[error.what])
    return compare(data, index)


class _Comparing:
    def __init__(self, reader: LedgerReader, index: Comparable) -> None:
        self._reader, self._index = reader, index
        self._found = Comparison()
        # Asked after the index was: a server that goes on can only be ahead of what is compared.
        self._position = index.position()
        self._sizes = reader.sizes()
        self._seen = {
            trail: bytearray(min(end, self._sizes.get(trail, 0))) for trail, end in self._position.items()
        }

    def run(self) -> Comparison:
        for part in self._index.parts():
            self._take(part)
        self._missing()
        self._found.troubles += self._index.troubles()
        self._found.behind = {
            trail: size - self._position.get(trail, 0)
            for trail, size in self._sizes.items()
            if size > self._position.get(trail, 0)
        }
        for trail, end in self._position.items():
            if end > self._sizes.get(trail, 0):
                self._found.troubles.append(
                    f"it says that it holds {end:,} entries of {trail}: there are fewer"
                )
        return self._found

    def _take(self, part: Part) -> None:
        keys, floors = part.held(), self._index.forgotten()
        wanted: dict[str, list[tuple[int, int]]] = {}
        for row, key in enumerate(keys):
            self._found.rows += 1
            if not self._is_of_an_entry(key):
                trail, at = key if key is not None else ("?", 0)
                self._found.add(Difference("invented", trail, at, at + 1, part.place))
            elif key is not None and key[1] >= floors.get(key[0], 0):
                trail, at = key
                if self._seen[trail][at]:
                    self._found.add(Difference("doubled", trail, at, at + 1, part.place))
                self._seen[trail][at] = 1
                wanted.setdefault(trail, []).append((at, row))
        for trail, places in wanted.items():
            places.sort()
            rows, entries = self._entries(trail, places)
            for row, columns in part.differences(rows, entries).items():
                self._alter(keys[row], part.place, columns)

    def _alter(self, key: Key | None, place: str, columns: tuple[str, ...]) -> None:
        if key is not None:
            self._found.add(Difference("altered", key[0], key[1], key[1] + 1, place, columns))

    def _is_of_an_entry(self, key: Key | None) -> bool:
        """Of an entry that is in the ledger, and below where the index says that it is complete."""
        return key is not None and key[0] in self._seen and 0 <= key[1] < len(self._seen[key[0]])

    def _entries(self, trail: str, places: Sequence[tuple[int, int]]) -> tuple[list[int], list[Entry]]:
        """The entries of (index, row) in order, in as few readings as that takes; without what was pruned."""
        rows: list[int] = []
        entries: list[Entry] = []
        first = 0
        while first < len(places):
            last = first + 1
            while last < len(places) and places[last][0] - places[last - 1][0] <= 1:
                last += 1
            start, end = places[first][0], places[last - 1][0] + 1
            try:
                chunk = self._read(trail, start, end)
            except NotFoundError:  # pruned a moment ago
                first = last
                continue
            for at, row in places[first:last]:
                rows.append(row)
                entries.append(open_entry(trail, at, chunk[at - start]))
            first = last
        return rows, entries

    def _read(self, trail: str, start: int, end: int) -> list[bytes]:
        found: list[bytes] = []
        while start + len(found) < end:
            found += self._reader.read(trail, start + len(found), end - start - len(found))
        return found

    def _missing(self) -> None:
        """Entries that the index says it holds, and no row is of. What was pruned meanwhile is not missed."""
        first: Mapping[str, int] = self._reader.first()
        for trail, seen in self._seen.items():
            at = seen.find(0, first.get(trail, 0))
            while at >= 0:
                end = seen.find(1, at)
                end = len(seen) if end < 0 else end
                self._found.add(Difference("missing", trail, at, end))
                at = seen.find(0, end)
