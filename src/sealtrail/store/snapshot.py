"""What one query sees: the segments of one manifest and the live rows beside them. A value, swapped whole.

Every entry below `manifest.position` is in a segment, and none at or above it is; live rows are those at or
above. Reading the two from one value is what makes a query see both and none twice.
"""

from __future__ import annotations

from typing import NamedTuple

from sealtrail.event import Position
from sealtrail.store.live import Live
from sealtrail.store.manifest import Manifest, Segment


class Snapshot(NamedTuple):
    """`position` is what segments and live rows cover together."""

    manifest: Manifest
    live: Live
    position: Position

    @property
    def columns(self) -> frozenset[str]:
        """The columns that hold anything at all."""
        return self.live.columns.union(*(segment.columns for segment in self.manifest.segments))

    def between(self, since: int | None, until: int | None) -> list[Segment]:
        """The segments that may hold entries of [since, until)."""
        return [
            segment
            for segment in self.manifest.segments
            if (since is None or segment.newest >= since) and (until is None or segment.oldest < until)
        ]

    def floors(self) -> Position:
        """Per trail the first index that counts, where a segment still holds entries below it."""
        return {
            trail: floor
            for trail, floor in self.manifest.forgotten.items()
            if any(trail in s.trails and s.trails[trail].first < floor for s in self.manifest.segments)
        }


def furthest(one: Position, other: Position) -> Position:
    """The later of two positions, trail by trail."""
    return {trail: max(one.get(trail, 0), other.get(trail, 0)) for trail in one.keys() | other.keys()}
