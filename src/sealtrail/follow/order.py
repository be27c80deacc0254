"""One order across trails, the same live and in every replay.

Entries of one group commit carry the same `event.ingested`, and that text grows from commit to commit. So the
order is (event.ingested, trail, index): the commit record is part of the hashed bytes and needs no file.
"""

from __future__ import annotations

from collections.abc import Mapping

from sealtrail.errors import EventError
from sealtrail.event import Batch, Entry, Position, read, trail_order
from sealtrail.event.entry import ingested
from sealtrail.follow.protocols import Reader

_UNREADABLE = {"sealtrail.notes": ["entry.unreadable"]}


def open_entry(trail: str, index: int, data: bytes) -> Entry:
    """An entry with its fields. Tampered bytes must not stop a follower: verify is who speaks about them."""
    try:
        return Entry(trail, index, data, read(data))
    except EventError:
        return Entry(trail, index, data, dict(_UNREADABLE))


def trails_of(*positions: Mapping[str, int]) -> list[str]:
    """Trails in commit order: the ones we know first, foreign ones by name."""
    return sorted({name for position in positions for name in position}, key=trail_order)


def complete(position: Mapping[str, int], heads: Mapping[str, int], first: Mapping[str, int]) -> Position:
    """`position` with every trail named, and never inside what was pruned."""
    return {trail: max(position.get(trail, 0), first.get(trail, 0)) for trail in trails_of(heads, position)}


def next_batch(reader: Reader, start: Position, heads: Mapping[str, int], limit: int = 2048) -> Batch:
    """About `limit` entries from `start` up to `heads`, in commit order; empty when there are none."""
    start = complete(start, heads, reader.first())
    chunks: dict[str, list[bytes]] = {}
    for trail in trails_of(heads):
        want = min(limit, heads[trail] - start[trail])
        chunks[trail] = reader.read(trail, start[trail], want) if want > 0 else []
    end = dict(start)
    entries: list[Entry] = []
    offers = {trail: ingested(chunk[0]) for trail, chunk in chunks.items() if chunk}
    # A trail whose chunk ran out while it has more ends the merge: what it holds next may come earlier
    # than what the others still offer.
    blocked = any(trail not in offers and end[trail] < heads[trail] for trail in chunks)
    while offers and not blocked:
        trail = min(offers, key=offers.__getitem__)  # of equals the first, which is the order of trails
        chunk, index = chunks[trail], end[trail]
        at = index - start[trail]
        entries.append(open_entry(trail, index, chunk[at]))
        end[trail] = index + 1
        if at + 1 < len(chunk):
            offers[trail] = ingested(chunk[at + 1])
        else:
            del offers[trail]
            blocked = end[trail] < heads[trail]
    return Batch(tuple(entries), start, end)
