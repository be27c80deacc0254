"""Counts over sliding windows of event time, exact, with bounded state. Pure.

The window of an event at time `e` is [e - timespan, e]. Whenever an event arrives, the windows it changed are
judged as they now stand: its own, and those of later events of its key when it came out of order.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import Counter, OrderedDict
from typing import Final

import msgspec

from sealtrail.detect.alert import MAX_EVENTS
from sealtrail.detect.rule import Correlation, holds

Key = tuple[str, ...]

MAX_KEYS: Final = 20_000  # of one rule: the least recently used go first, counted
MAX_ITEMS: Final = 400_000  # of all keys of one rule together, about 60 MB
MIN_ITEMS: Final = 1_000  # of one key, or twice the threshold where that is more
MAX_RAISED: Final = 50_000  # alerts one rule remembers to have raised


class Hit(msgspec.Struct, frozen=True):
    """A window that met the condition and had no alert yet. `bucket` is part of the alert's identity."""

    bucket: int
    time: int
    rise: int
    count: int
    events: tuple[str, ...]


class _Items:
    """What one key remembers: parallel lists by time, and the distinct values of its newest window."""

    __slots__ = ("addresses", "counts", "left", "times", "values")

    def __init__(self) -> None:
        self.times: list[int] = []
        self.values: list[str] = []
        self.addresses: list[str] = []
        self.left = 0  # where the newest window begins
        self.counts: dict[str, int] = {}


class Window:
    """All windows of one correlation."""

    def __init__(
        self,
        rule: Correlation,
        *,
        lateness: int,
        max_keys: int = MAX_KEYS,
        max_items: int = MAX_ITEMS,
    ) -> None:
        self._span = rule.timespan
        self._bounds = rule.bounds
        self._distinct = rule.distinct
        self._lateness = lateness
        self._max_keys = max_keys
        self._max_items = max_items
        self._per_key = max(MIN_ITEMS, 2 * int(max(number for _, number in rule.bounds)))
        self._keys: OrderedDict[Key, _Items] = OrderedDict()
        self._raised: OrderedDict[tuple[Key, int], None] = OrderedDict()
        self.period = max(rule.timespan, rule.suppress.span)
        self.items = 0
        self.hits = 0  # arrivals that met the condition, before suppression
        self.evicted = 0  # keys that were forgotten for room
        self.overflowed = 0  # items of one key that were forgotten for room

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: Key, time: int, value: str, address: str, watermark: int | None = None) -> list[Hit]:
        """Count an event; the hits it leads to, oldest window first.

        `watermark`: how far time has come, and nothing older than that by more than the lateness is added.
        None for history, whose time is each key's own: an event from before all a key remembers starts anew.
        """
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = _Items()
        else:
            self._keys.move_to_end(key)
        if watermark is None:
            newest = found.times[-1] if found.times else time
            if time < newest - self._lateness:
                self.items -= len(found.times)
                found = self._keys[key] = _Items()
                newest = time
            watermark = max(newest, time)
        self._insert(found, time, value, address)
        self.items += 1
        self._forget(found, watermark)
        hits = self._judge(key, found, time)
        self._make_room(key, watermark)
        return hits

    def _insert(self, found: _Items, time: int, value: str, address: str) -> None:
        times = found.times
        if not times or time >= times[-1]:
            times.append(time)
            found.addresses.append(address)
            start = time - self._span
            if self._distinct:
                found.values.append(value)
                counts = found.counts
                counts[value] = counts.get(value, 0) + 1
                while times[found.left] < start:
                    self._uncount(found, found.left)
                    found.left += 1
            else:
                found.left = bisect_left(times, start, found.left)
            return
        place = bisect_right(times, time)
        in_newest = time >= times[-1] - self._span
        times.insert(place, time)
        found.addresses.insert(place, address)
        if self._distinct:
            found.values.insert(place, value)
            if in_newest:
                found.counts[value] = found.counts.get(value, 0) + 1
        if not in_newest:
            found.left += 1

    @staticmethod
    def _uncount(found: _Items, place: int) -> None:
        value = found.values[place]
        if found.counts[value] == 1:
            del found.counts[value]
        else:
            found.counts[value] -= 1

    def _judge(self, key: Key, found: _Items, time: int) -> list[Hit]:
        """Every window that holds the event at `time`, which is in it already."""
        times = found.times
        last = len(times) - 1
        if time == times[-1]:
            count = len(found.counts) if self._distinct else last + 1 - found.left
            if not self._met(count):
                return []
            self.hits += 1
            return self._raise(key, found, (found.left, last), count, [])
        hits: list[Hit] = []
        met = False
        end = bisect_right(times, time) - 1
        if end < 0 or times[end] != time:
            return []  # dropped at once, because its key is full of newer items
        start = bisect_left(times, time - self._span)
        counts = Counter(found.values[start : end + 1]) if self._distinct else Counter[str]()
        while True:
            count = len(counts) if self._distinct else end + 1 - start
            if self._met(count):
                met = True
                self._raise(key, found, (start, end), count, hits)
            if end == last or times[end + 1] > time + self._span:
                break
            before = end
            end = bisect_right(times, times[end + 1]) - 1
            counts.update(found.values[before + 1 : end + 1])
            while times[start] < times[end] - self._span:
                if self._distinct:
                    value = found.values[start]
                    counts[value] -= 1
                    if not counts[value]:
                        del counts[value]
                start += 1
        self.hits += met
        return hits

    def _met(self, count: int) -> bool:
        for op, number in self._bounds:  # noqa: SIM110 - a generator costs more than the comparisons
            if not holds(op, count, number):
                return False
        return True

    def _raise(
        self, key: Key, found: _Items, window: tuple[int, int], count: int, hits: list[Hit]
    ) -> list[Hit]:
        """Append a hit unless its stretch of time has its alert already."""
        start, end = window
        time = found.times[end]
        bucket = time // self.period
        if (key, bucket) in self._raised:
            return hits
        self._raised[key, bucket] = None
        if len(self._raised) > MAX_RAISED:
            self._raised.popitem(last=False)
        newest = tuple(found.addresses[max(start, end + 1 - MAX_EVENTS) : end + 1])
        hits.append(Hit(bucket, time, found.times[start], count, newest))
        return hits

    def _forget(self, found: _Items, watermark: int) -> None:
        """Drop what no window can hold any more, and the oldest where one key would grow without end."""
        times = found.times
        old = bisect_left(times, watermark - self._lateness - self._span)
        # In steps: taking one item off the front of a list moves all the others.
        if old >= 32:
            self._drop(found, old)
        if len(times) <= self._per_key:
            return
        if self._distinct:
            self._compact(found)
        if len(times) > self._per_key * 3 // 4:
            dropped = len(times) - self._per_key * 3 // 4
            self.overflowed += dropped
            while found.left < dropped:
                if self._distinct:
                    self._uncount(found, found.left)
                found.left += 1
            self._drop(found, dropped)

    def _compact(self, found: _Items) -> None:
        """Keep the newest item of each value: nobody can hide a walk behind repetitions of one object."""
        seen: set[str] = set()
        kept: list[int] = []
        for place in range(len(found.times) - 1, -1, -1):
            if found.values[place] not in seen:
                seen.add(found.values[place])
                kept.append(place)
        kept.reverse()
        self.overflowed += len(found.times) - len(kept)
        self.items -= len(found.times) - len(kept)
        start = found.times[-1] - self._span
        found.times[:] = [found.times[place] for place in kept]
        found.values[:] = [found.values[place] for place in kept]
        found.addresses[:] = [found.addresses[place] for place in kept]
        found.left = bisect_left(found.times, start)
        found.counts = dict.fromkeys(found.values[found.left :], 1)

    def _drop(self, found: _Items, number: int) -> None:
        del found.times[:number]
        del found.addresses[:number]
        if self._distinct:
            del found.values[:number]
        found.left -= number
        self.items -= number

    def _make_room(self, current: Key, watermark: int) -> None:
        """Let go of the keys that were not used for longest: the ones that are over, and for room."""
        over = watermark - self._lateness - self._span
        while True:
            key, items = next(iter(self._keys.items()))
            full = len(self._keys) > self._max_keys or self.items > self._max_items
            if key == current or not (full or items.times[-1] < over):
                return
            self.evicted += items.times[-1] >= over
            self.items -= len(items.times)
            del self._keys[key]
