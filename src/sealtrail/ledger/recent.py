"""A bounded memory of what was read last. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """Keeps the values used last, up to a total weight. `dropped` is told of each that goes."""

    def __init__(self, limit: int, dropped: Callable[[V], None] | None = None) -> None:
        self._limit = limit
        self._weight = 0
        self._dropped = dropped
        self._items: OrderedDict[K, tuple[int, V]] = OrderedDict()

    def get(self, key: K) -> V | None:
        item = self._items.get(key)
        if item is None:
            return None
        self._items.move_to_end(key)
        return item[1]

    def put(self, key: K, value: V, weight: int = 1) -> V:
        """Remember `value`, and forget older ones until the limit holds. Given back."""
        self.forget(lambda known: known == key)
        self._items[key] = (weight, value)
        self._weight += weight
        while self._weight > self._limit and len(self._items) > 1:
            _, (gone, old) = self._items.popitem(last=False)
            self._weight -= gone
            if self._dropped is not None:
                self._dropped(old)
        return value

    def forget(self, which: Callable[[K], bool]) -> None:
        """Drop all values whose key is meant."""
        for key in [key for key in self._items if which(key)]:
            weight, value = self._items.pop(key)
            self._weight -= weight
            if self._dropped is not None:
                self._dropped(value)
