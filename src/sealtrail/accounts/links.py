"""One-time links: a way in for ten minutes and for one use, printed where only the operator reads."""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from sealtrail.accounts.sessions import digest

VALID_SECONDS: Final = 600.0  # long enough to find the browser, too short to be found in a log and used
MAX_LINKS: Final = 100  # unused at once; beyond it the oldest is void

_TOKEN_BYTES: Final = 32


class Link(msgspec.Struct, frozen=True):
    """Whom a link lets in, and until when. `version` as in a session."""

    name: str
    role: str
    version: str
    until: float


class Links:
    """In memory alone: a restart voids them. Safe between threads. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._links: OrderedDict[str, Link] = OrderedDict()  # by hash of the token, the oldest first

    def new(self, name: str, role: str, version: str = "") -> str:
        """The token of a new link."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        with self._lock:
            self._links[digest(token)] = Link(name, role, version, self._clock() + VALID_SECONDS)
            while len(self._links) > MAX_LINKS:
                self._links.popitem(last=False)
        return token

    def use(self, token: str) -> Link | None:
        """Whom it lets in, once; None where it was used, is too old, or never was."""
        with self._lock:
            link = self._links.pop(digest(token), None)
        return link if link is not None and link.until >= self._clock() else None

    def void(self, name: str = "") -> int:
        """Make the links of a name void, or without one all; how many."""
        with self._lock:
            gone = [key for key, link in self._links.items() if name in {"", link.name}]
            for key in gone:
                del self._links[key]
        return len(gone)
