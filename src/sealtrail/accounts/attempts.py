"""How often one may try to sign in: by name from one address, from an address, and for a name at all.

The narrow limit is what a person who mistypes meets. The wide ones stop spraying (one address, many names)
and distributed guessing (one name, many addresses); the last is high, because whoever knows a name could
otherwise lock its owner out. An IPv6 address counts as its /64, which is what one customer is given.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Final, Literal

import msgspec

WINDOW_SECONDS: Final = 900.0  # in which failures are counted
MAX_BY_PAIR: Final = 5  # failures of a name from one address: OWASP's figure
MAX_BY_ADDRESS: Final = 30  # failures from one address, whatever the names
MAX_BY_NAME: Final = 100  # failures of a name, whatever the addresses
MAX_COUNTED: Final = 10_000  # keys at once; beyond it the one that failed the longest ago is forgotten
IPV6_PREFIX: Final = 64  # bits of an IPv6 address that count


class Limit(msgspec.Struct, frozen=True):
    """What failures are counted by. The name is empty where it does not matter, and so is the address."""

    by: Literal["pair", "address", "name"]
    name: str
    address: str

    @property
    def most(self) -> int:
        return {"pair": MAX_BY_PAIR, "address": MAX_BY_ADDRESS, "name": MAX_BY_NAME}[self.by]


class Refused(msgspec.Struct, frozen=True):
    """An attempt that may not be made: the limit that it met, and the seconds until one more is allowed."""

    limit: Limit
    wait: float


class Attempts:
    """Failures of the last quarter of an hour. Safe between threads. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[Limit, deque[float]] = OrderedDict()  # the longest quiet first

    def begin(self, name: str | None, address: str) -> Refused | None:
        """Count an attempt as failed until `succeeded` says otherwise; or refuse it.

        Counted before the password is looked at: a hundred attempts at once are a hundred, not one. Without a
        `name` it is an attempt that names nobody, as a link is, and only its address limits it.
        """
        now = self._clock()
        limits = _limits(name, address)
        with self._lock:
            refused = max(
                (Refused(one, self._wait(one, now)) for one in limits), key=lambda found: found.wait
            )
            if refused.wait > 0:
                return refused
            for limit in limits:
                self._failures.setdefault(limit, deque()).append(now)
                self._failures.move_to_end(limit)
            while len(self._failures) > MAX_COUNTED:
                self._failures.popitem(last=False)
        return None

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of this name from this address, and this one attempt for the wide limits."""
        with self._lock:
            for limit in _limits(name, address):
                if limit.by == "pair":
                    self._failures.pop(limit, None)
                elif times := self._failures.get(limit):
                    times.pop()

    def _wait(self, limit: Limit, now: float) -> float:
        """Seconds until one more is allowed; 0 where it is now."""
        times = self._failures.get(limit)
        if times is None:
            return 0.0
        while times and now - times[0] > WINDOW_SECONDS:
            times.popleft()
        return times[-limit.most] + WINDOW_SECONDS - now if len(times) >= limit.most else 0.0


def _limits(name: str | None, address: str) -> list[Limit]:
    place = _place(address)
    # The widest first: of limits with the same wait it is the one that is named.
    limits = [Limit("address", "", place)]
    if name is not None:
        limits += [Limit("name", name, ""), Limit("pair", name, place)]
    return limits


def _place(address: str) -> str:
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(ipaddress.ip_network((found, IPV6_PREFIX), strict=False))
