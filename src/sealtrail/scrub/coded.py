"""Text behind base64: runs that decode to something readable. Pure.

A run is decoded once, and so is each part of it between slashes, because paths and base64 share their
letters. What is decoded is shorter than the run, so a text costs a bounded multiple of its length.
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import Final, NamedTuple

# Eleven characters of text, a social security number: shorter shapes are addresses of a letter or two.
_MIN_RUN: Final = 15

_RUN: Final = re.compile(rf"[A-Za-z0-9+/_-]{{{_MIN_RUN},}}+={{0,2}}", re.ASCII)
# What base64 is made of becomes x, so that a run of it shows.
LONG_RUN: Final = b"x" * _MIN_RUN
LETTERS: Final = bytes(120 if (chr(c).isalnum() and c < 128) or c in b"+/_-" else c for c in range(256))
_READABLE: Final = bytes(range(32, 127)) + b"\t\r\n"


class Hidden(NamedTuple):
    """Text that stands behind base64 at [start, end) of another."""

    start: int
    end: int
    text: str


def hidden(value: str) -> list[Hidden]:
    """What is readable behind base64, in order; empty for nearly every text."""
    if len(value) < _MIN_RUN or LONG_RUN not in value.encode("ascii", "replace").translate(LETTERS):
        return []
    found: list[Hidden] = []
    for match in _RUN.finditer(value):
        run = match[0]
        text = _readable(run)
        if text:
            found.append(Hidden(match.start(), match.end(), text))
        elif "/" in run:
            start = match.start()
            for part in run.split("/"):
                text = _readable(part) if len(part) >= _MIN_RUN else ""
                if text:
                    found.append(Hidden(start, start + len(part), text))
                start += len(part) + 1
    return found


def _readable(run: str) -> str:
    """The text that a run stands for; empty where it stands for none."""
    run = run.rstrip("=").replace("-", "+").replace("_", "/")
    if len(run) % 4 == 1:
        run = run[:-1]  # what is cut off in the middle of a byte
    raw = b64decode(run + "=" * (-len(run) % 4))
    if not raw.translate(None, _READABLE):
        return raw.decode("ascii")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return ""
    return text if all(c.isprintable() or c in "\t\r\n" for c in text) else ""
