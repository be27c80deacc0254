"""Redirects: where an answer sends its caller, and which call follows it.

Each library builds the next request anew and hands nothing of the one before on. So the last redirect of a
thread or task is remembered, and the next call there to its target is taken for what follows it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import Final, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

STATUSES: Final = frozenset({301, 302, 303, 307, 308})
_MAX_LOCATION: Final = 4096
_PORTS: Final = {"http": 80, "https": 443}


class _Expected(NamedTuple):
    target: tuple[str, str, int, str]
    redirects: int


_expected: ContextVar[_Expected | None] = ContextVar("sealtrail_redirect", default=None)


def sent_on(url: str, location: str, count: int) -> tuple[str, bool]:
    """(the URL an answer sends its caller to, whether its host is another). `count`: redirects before it.

    Empty for a location that is no URL.
    """
    try:
        there = urljoin(url, location[:_MAX_LOCATION])
        target = _target(there)
        changed = target[1] != (urlsplit(url).hostname or "")
    except ValueError:
        return "", False
    _expected.set(_Expected(target, count + 1))
    return there, changed


def led_here(url: str) -> int:
    """How many redirects led to a call. What was expected is over with the next call, whichever it is."""
    expected = _expected.get()
    if expected is None:
        return 0
    _expected.set(None)
    try:
        return expected.redirects if _target(url) == expected.target else 0
    except ValueError:
        return 0


def _target(url: str) -> tuple[str, str, int, str]:
    """A URL in the form two libraries agree on: percent-encoding is for each to choose."""
    parts = urlsplit(url)
    port = parts.port or _PORTS.get(parts.scheme, 0)
    return parts.scheme, parts.hostname or "", port, unquote(f"{parts.path or '/'}?{parts.query}")
