"""What a report needs to know of a data folder: answers of the index, facts of ledger and disk."""

from __future__ import annotations

import stat
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from sealtrail.accounts.keys import Keys
from sealtrail.accounts.people import People
from sealtrail.accounts.roles import ROLES
from sealtrail.collect.own import PRUNE, SOURCE
from sealtrail.comply.case import MAX_VALUES, Facts, PruneFact, TrailFact, in_trail
from sealtrail.comply.drill import Piece, held
from sealtrail.detect.library import load as load_rules
from sealtrail.errors import SealtrailError
from sealtrail.event import Fields, Position, base_of, generation_of
from sealtrail.event.entry import ingested, stamp
from sealtrail.follow import Cursor
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.store.query import Node, parse

RECENT: Final = timedelta(days=90)  # what PCI DSS 10.5.1 wants at hand
BACKLOG: Final = timedelta(seconds=60)  # what a running engine may have to catch up with
MAX_PRUNES: Final = 1000  # removals that are looked at, the oldest first

_GROUP: Final = (stat.S_IXGRP, stat.S_IWGRP)
_OTHERS: Final = (stat.S_IXOTH, stat.S_IWOTH)


class Index:
    """A `comply.case.Ask` over the index. Its rows are what was indexed: verification is another question."""

    def __init__(self, reading: Reading, now: int) -> None:
        self._store = reading.store
        self._now = now
        self._parsed: dict[str, Node] = {}

    def count(self, query: str, since: int | None, until: int | None) -> int:
        return self._store.count(self._node(query), since=since, until=until)

    def values(self, query: str, field: str, since: int | None, until: int | None) -> list[tuple[Any, int]]:
        return self._store.count_by(self._node(query), field, since=since, until=until, limit=MAX_VALUES)

    def periods(self, query: str, length: int, since: int | None, until: int | None) -> list[tuple[int, int]]:
        return self._store.histogram(self._node(query), length, since=since, until=until)

    def rows(
        self, query: str, limit: int, since: int | None, until: int | None, *, newest: bool = False
    ) -> list[Fields]:
        node = self._node(query)
        hits = self._store.search(node, since=since, until=until, limit=limit, newest_first=newest)
        return [hit.row() for hit in hits]

    def _node(self, query: str) -> Node:
        node = self._parsed.get(query)
        if node is None:
            node = self._parsed[query] = parse(query, self._now)
        return node


def last_sealed(ledger: LedgerReader) -> str:
    """When the newest entry was sealed: the moment a report speaks of. Empty for an empty folder."""
    return max((_sealed(ledger, trail, size - 1) for trail, size in ledger.sizes().items()), default="")


def began(ledger: LedgerReader) -> str:
    """When the first entry of all was sealed; empty where it was pruned, or there is none.

    All trails of a folder begin together, so one that still has its first entry is enough; a restore's
    successor began later.
    """
    whole = [trail for trail, first in ledger.first().items() if not first and generation_of(trail) == 1]
    sealed = [_sealed(ledger, trail, 0) for trail in whole]
    return min((one for one in sealed if one), default="")


def facts(
    folder: Folder,
    ledger: LedgerReader,
    index: Index,
    verified: Report,
    as_of: str,
    *,
    seen: Position | None = None,
) -> Facts:
    """Everything that stands beside the index. `seen` is detection's position where its engine runs here."""
    live = seen is not None or folder.writer() is not None
    writable, readable, paths = _modes(folder)
    since = _minus(as_of, RECENT)
    return Facts(
        as_of=as_of,
        began=began(ledger),
        verdict=verified.verdict,
        anchored=verified.anchored,
        trails=_trails(ledger, index, verified, since, as_of),
        prunes=_prunes(ledger, index),
        writable=writable,
        readable=readable,
        paths=paths,
        readers=tuple(_readers(folder)),
        seen=seen if seen is not None else _saved(folder),
        behind=_minus(as_of, BACKLOG) if live else "",
        rules=_rules(),
        recent_since=since,
        drill=_drill(ledger),
    )


def _minus(moment: str, span: timedelta) -> str:
    return stamp(datetime.fromisoformat(moment) - span) if moment else ""


def _sealed(ledger: LedgerReader, trail: str, index: int) -> str:
    """When an entry was sealed; empty where it is not there any more, or cannot be read."""
    try:
        return ingested(ledger.entry(trail, index)) if index >= 0 else ""
    except SealtrailError:
        return ""  # who changed the ledger must not be able to keep it from being reported


def _trails(
    ledger: LedgerReader, index: Index, verified: Report, since: str, until: str
) -> tuple[TrailFact, ...]:
    first, found = ledger.first(), []
    said = {trail.trail: trail for trail in verified.trails}
    for trail, size in ledger.sizes().items():
        report = said.get(trail)
        found.append(
            TrailFact(
                trail=trail,
                base=base_of(trail),
                size=size,
                signed=report.size if report is not None else 0,
                root=report.root if report is not None else "",
                first=first.get(trail, 0),
                oldest=_oldest(ledger, index, trail, first.get(trail, 0)),
                anchored_to=report.anchored_to if report is not None else 0,
                recent=_between(ledger, trail, since, until),
                problems=tuple(f"{p.place}: {p.what}" for p in report.problems) if report is not None else (),
            )
        )
    return tuple(found)


def _oldest(ledger: LedgerReader, index: Index, trail: str, first: int) -> str:
    """When the first entry that is left was sealed: by the ledger, else by what was indexed of it."""
    sealed = _sealed(ledger, trail, first)
    if sealed:
        return sealed
    rows = index.rows(f"{in_trail(trail)} and sealtrail.index:{first}", 1, None, None)
    return str(rows[0].get("event.ingested", "")) if rows else ""


def _prunes(ledger: LedgerReader, index: Index) -> tuple[PruneFact, ...]:
    rows = index.rows(f"event.action:{PRUNE} and sealtrail.source:{SOURCE}", MAX_PRUNES, None, None)
    return tuple(
        PruneFact(
            address=f"{row['sealtrail.trail']}/{row['sealtrail.index']}",
            trail=base_of(str(row.get("sealtrail.range.trail", ""))),
            end=int(row.get("sealtrail.range.end", 0)),
            when=str(row.get("event.ingested", "")),
            left=_sealed(
                ledger, str(row.get("sealtrail.range.trail", "")), int(row.get("sealtrail.range.end", 0))
            ),
        )
        for row in rows
    )


def _saved(folder: Folder) -> Position | None:
    path = folder.cursor("detect")
    return Cursor(path).load() if path.exists() else None


def _rules() -> int:
    ruleset = load_rules()
    return len(ruleset.rules) + len(ruleset.correlations)


def _readers(folder: Folder) -> Iterator[str]:
    for key in Keys(folder.keys).list():
        if key.may("read"):
            yield f"key {key.id}, {key.role}, made {key.created[:10]}"
    for person in People(folder.keys).list():
        if "read" in ROLES.get(person.role, frozenset()):
            yield f"{person.name}, {person.role}, account made {person.created[:10]}"


class _Sealed(Sequence[str]):
    """When each entry of a trail was sealed, for bisection: it grows from entry to entry."""

    def __init__(self, ledger: LedgerReader, trail: str, size: int) -> None:
        self._ledger = ledger
        self._trail = trail
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, index: int) -> str:  # type: ignore[override]  # bisection asks for no slices
        return _sealed(self._ledger, self._trail, index)


def _between(ledger: LedgerReader, trail: str, since: str, until: str) -> int:
    """Entries of a trail that the ledger has sealed from one moment to another, both included."""
    size = ledger.sizes()[trail]
    sealed = _Sealed(ledger, trail, size)
    low = bisect_left(sealed, since, lo=ledger.first().get(trail, 0), hi=size)
    return bisect_right(sealed, until, lo=low, hi=size) - low


def _drill(ledger: LedgerReader) -> tuple[tuple[str, bool], ...]:
    """On the first entries under a checkpoint of the first trail that has two."""
    for trail, start in ledger.first().items():
        try:
            signed = Checkpoint.from_note(ledger.checkpoint(trail))[0].size
            if signed - start >= 2:
                pieces = [
                    Piece(ledger.entry(trail, at), ledger.prove(trail, at)) for at in (start, start + 1)
                ]
                return held(pieces)
        except SealtrailError:
            continue
    return ()


def _modes(folder: Folder) -> tuple[tuple[str, ...], tuple[str, ...], int]:
    """Paths that others may write, paths that others may read, and how many were looked at.

    A file counts where its folders let somebody through to it. The spool is the application's as well and is
    not looked at.
    """
    writable: list[str] = []
    readable: list[str] = []
    paths = 0
    for top in (folder.keys, folder.trails):
        for path, closed in _reachable(folder.root, top):
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                continue
            paths += 1
            name = str(path.relative_to(folder.root))
            if any(mode & write and not closed[through] for through, write in (_GROUP, _OTHERS)):
                writable.append(name)
            if mode & stat.S_IROTH and not closed[stat.S_IXOTH]:
                readable.append(name)
    return tuple(sorted(writable)), tuple(sorted(readable)), paths


def _reachable(root: Path, top: Path) -> Iterator[tuple[Path, Mapping[int, bool]]]:
    """Every path from `top` down, and for group and others whether a folder on the way is closed to them."""
    start = {bit: not root.stat().st_mode & bit for bit in (stat.S_IXGRP, stat.S_IXOTH)}
    pending = [(top, start)] if top.is_dir() else []
    while pending:
        place, closed = pending.pop()
        yield place, closed
        mode = place.stat().st_mode
        inner = {bit: closed[bit] or not mode & bit for bit in closed}
        for path in sorted(place.iterdir()):
            if path.is_dir() and not path.is_symlink():
                pending.append((path, inner))
            else:
                yield path, inner
