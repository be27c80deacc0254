"""Hands every new entry to every follower, each at its own pace.

A follower that is up to date gets the batch the writer just committed, already parsed. One that lags reads
the ledger from its own position. Neither can slow the writer: `publish` only appends to a bounded ring.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Final

from sealtrail.event import Batch, Position
from sealtrail.follow.order import complete, next_batch
from sealtrail.follow.protocols import Follower, Reader

_log = logging.getLogger("sealtrail.follow")

# Parsed entries kept for followers that are a moment behind: about 30 MB of dictionaries.
RING_ENTRIES: Final = 16_384
RETRY_SECONDS: Final = (0.1, 0.5, 2.0, 5.0, 15.0)


class Hub:
    """Owns one thread a follower. `publish` is called by the writer after the fsync, never before."""

    def __init__(self, reader: Reader, followers: Iterable[Follower] = ()) -> None:
        self._reader = reader
        self._heads: Position = dict(reader.sizes())
        self._ring: deque[Batch] = deque()
        self._held = 0
        self._news = threading.Condition()
        self._stopping = False
        self._lanes = [_Lane(self, follower) for follower in followers]

    def start(self) -> None:
        for lane in self._lanes:
            lane.thread.start()

    def publish(self, batch: Batch) -> None:
        with self._news:
            self._heads.update(batch.end)
            self._ring.append(batch)
            self._held += len(batch.entries)
            while self._held > RING_ENTRIES and len(self._ring) > 1:
                self._held -= len(self._ring.popleft().entries)
            self._news.notify_all()

    def stop(self, *, drain: float = 10.0) -> None:
        """Let followers catch up for at most `drain` seconds, then end them."""
        self.wait(timeout=drain)
        with self._news:
            self._stopping = True
            self._news.notify_all()
        for lane in self._lanes:
            if lane.thread.is_alive():
                lane.thread.join(timeout=drain)

    def wait(
        self, timeout: float, names: Iterable[str] | None = None, upto: Mapping[str, int] | None = None
    ) -> bool:
        """Block until the named followers (all, when None) have seen every entry; False after `timeout`.

        A producer is answered a moment before its entries are published: who has been told of an entry and
        wants to see it waits for `upto`.
        """
        wanted = None if names is None else set(names)
        told = dict(upto or {})

        def done() -> bool:
            return all(
                lane.lag(self._heads) == lane.lag(told) == 0
                for lane in self._lanes
                if (wanted is None or lane.follower.name in wanted) and lane.thread.is_alive()
            )

        with self._news:
            return self._news.wait_for(done, timeout)

    def lags(self) -> dict[str, int]:
        """Entries each follower has still to see."""
        with self._news:
            return {lane.follower.name: lane.lag(self._heads) for lane in self._lanes}

    def failures(self) -> dict[str, str]:
        """The last error of each follower that is failing right now."""
        return {lane.follower.name: lane.error for lane in self._lanes if lane.error}

    def slowest(self, trail: str) -> int:
        """The lowest position in a trail: nothing from there on may be pruned."""
        with self._news:
            return min((lane.at.get(trail, 0) for lane in self._lanes), default=self._heads.get(trail, 0))

    def next_for(self, at: Position) -> Batch | None:
        """The next batch from `at`, from memory where possible; blocks until there is one. None: stopping."""
        with self._news:
            self._news.wait_for(lambda: self._stopping or self._is_behind(at))
            if self._stopping:
                return None
            for batch in self._ring:
                if batch.start == at:
                    return batch
            heads = dict(self._heads)
        return next_batch(self._reader, at, heads)

    def _is_behind(self, at: Position) -> bool:
        return any(at.get(trail, 0) < head for trail, head in self._heads.items())

    def heads(self) -> Position:
        with self._news:
            return dict(self._heads)

    def moved(self) -> None:
        with self._news:
            self._news.notify_all()

    def pause(self, seconds: float) -> bool:
        """Wait for `seconds`; True when the hub is stopping."""
        with self._news:
            return self._news.wait_for(lambda: self._stopping, seconds)


class _Lane:
    """One follower, its thread and where it stands."""

    def __init__(self, hub: Hub, follower: Follower) -> None:
        self.follower = follower
        self.error = ""
        self._hub = hub
        self.at = complete(follower.position(), hub.heads(), {})
        self.thread = threading.Thread(target=self._run, name=f"sealtrail-{follower.name}", daemon=True)

    def lag(self, heads: Mapping[str, int]) -> int:
        return sum(max(0, head - self.at.get(trail, 0)) for trail, head in heads.items())

    def _run(self) -> None:
        failed = 0
        while (batch := self._hub.next_for(self.at)) is not None:
            if not batch.entries:  # the ledger does not give what its head promises: a disk in trouble
                self.error = f"nothing can be read at {self.at}"
                if self._hub.pause(RETRY_SECONDS[1]):
                    return
                continue
            try:
                self.follower.handle(batch)
            except Exception as error:
                self.error = f"{type(error).__name__}: {error}"
                _log.exception(
                    "follower %s failed at %s; trying again", self.follower.name, dict(batch.start)
                )
                if self._hub.pause(RETRY_SECONDS[min(failed, len(RETRY_SECONDS) - 1)]):
                    return
                failed += 1
                continue
            failed, self.error = 0, ""
            self.at = dict(batch.end)
            self._hub.moved()
