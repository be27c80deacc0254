"""The entries before a position that a restarted follower has to hear again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sealtrail.event import Batch, Position
from sealtrail.event.entry import ingested, stamp
from sealtrail.follow.order import complete, next_batch
from sealtrail.follow.protocols import Reader


def entries_before(reader: Reader, position: Position, seconds: float) -> Iterator[Batch]:
    """Batches up to `position`, beginning at most `seconds` of event.ingested before its newest entry."""
    sizes, first = reader.sizes(), reader.first()
    heads = {trail: min(position.get(trail, 0), size) for trail, size in sizes.items()}
    newest = max(
        (_moment(reader, trail, head - 1) for trail, head in heads.items() if head > first.get(trail, 0)),
        default="",
    )
    try:
        cutoff = stamp(datetime.fromisoformat(newest) - timedelta(seconds=seconds))
    except (ValueError, OverflowError):
        return
    at = complete(
        {
            trail: _first_since(reader, trail, first.get(trail, 0), head, cutoff)
            for trail, head in heads.items()
        },
        heads,
        first,
    )
    while any(at.get(trail, 0) < head for trail, head in heads.items()):
        batch = next_batch(reader, at, heads)
        if not batch.entries:
            return
        yield batch
        at = dict(batch.end)


def _first_since(reader: Reader, trail: str, low: int, high: int, cutoff: str) -> int:
    """The first index in [low, high) ingested at `cutoff` or later: the text grows with the index."""
    while low < high:
        middle = (low + high) // 2
        if _moment(reader, trail, middle) < cutoff:
            low = middle + 1
        else:
            high = middle
    return low


def _moment(reader: Reader, trail: str, index: int) -> str:
    found = reader.read(trail, index, 1)
    return ingested(found[0]) if found else ""
