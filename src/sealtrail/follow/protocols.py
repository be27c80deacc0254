"""The two seams between the truth and everything that learns from it. `serve` wires them."""

from __future__ import annotations

from typing import Protocol

from sealtrail.event import Batch, Position


class Reader(Protocol):
    """Reads durable entries. Implemented by the ledger, which this room does not know."""

    def sizes(self) -> Position:
        """Entries in each trail, pruned ones included."""
        ...

    def first(self) -> Position:
        """The first index of each trail that is still there."""
        ...

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        """Up to `limit` entries from `start` on, as they are hashed. Empty at the end."""
        ...


class Follower(Protocol):
    """Learns of entries in commit order, each exactly once unless the process died before `save`.

    `handle` may be slow, and may raise: the hub then tries the same batch again after a pause, and says so.
    """

    @property
    def name(self) -> str:
        """How health reports and logs call it."""
        ...

    def position(self) -> Position:
        """Where to go on from; trails that are missing count as 0."""
        ...

    def handle(self, batch: Batch) -> None:
        """Take a batch; the position is then `batch.end`. What of it is kept is the follower's affair."""
        ...
