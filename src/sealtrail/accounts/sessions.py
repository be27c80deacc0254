"""Who is signed in. Held in memory alone: a restart signs everybody out, and no disk holds what lets one in.

A token is 256 random bits, and only its SHA-256 is kept: who reads the server's memory by some fault finds
nothing to send back. Finding one is a dictionary's lookup of that hash, which says nothing about the token.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import msgspec

ABSOLUTE_SECONDS: Final = 12 * 3600.0  # a working day: then everybody signs in again
IDLE_SECONDS: Final = 30 * 60.0  # without a request; OWASP names 15 to 30 minutes for such a tool
MAX_SESSIONS: Final = 1_000  # at once; beyond it the one that was idle the longest ends

_TOKEN_BYTES: Final = 32


class Session(msgspec.Struct, frozen=True):
    """Somebody signed in. `version` is the person's at that moment, "" for a link that is no person's."""

    name: str
    role: str
    version: str
    since: float
    seen: float


class Sessions:
    """Safe between threads. `clock` is monotonic, in seconds."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._sessions: OrderedDict[str, Session] = OrderedDict()  # by hash, the longest idle first

    def open(self, name: str, role: str, version: str = "") -> tuple[str, Session]:
        """A new session and its token, which cannot be asked for again."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._clock()
        with self._lock:
            self._sessions[digest(token)] = session = Session(name, role, version, now, now)
            while len(self._sessions) > MAX_SESSIONS:
                self._sessions.popitem(last=False)
        return token, session

    def find(self, token: str, *, again: bool = False) -> Session | None:
        """The session of a token; None where it has ended or never was.

        A sign of life for it, unless a request looks `again`: a stream that nobody reads any more must not
        keep its session alive.
        """
        key, now = digest(token), self._clock()
        with self._lock:
            session = self._sessions.get(key)
            if session is None:
                return None
            if now - session.since > ABSOLUTE_SECONDS or now - session.seen > IDLE_SECONDS:
                del self._sessions[key]
                return None
            if not again:
                self._sessions[key] = session = msgspec.structs.replace(session, seen=now)
                self._sessions.move_to_end(key)
            return session

    def close(self, token: str) -> Session | None:
        """End a session; the one that ended, None where there was none."""
        with self._lock:
            return self._sessions.pop(digest(token), None)

    def end(self, name: str = "") -> list[Session]:
        """End the sessions of a name, or without one all; those that ended."""
        with self._lock:
            ended = {key: one for key, one in self._sessions.items() if name in {"", one.name}}
            for key in ended:
                del self._sessions[key]
        return list(ended.values())


def digest(token: str) -> str:
    """What is kept of a token: SHA-256, in hexadecimal."""
    return sha256(token.encode(errors="replace")).hexdigest()
