"""An alert as detection finds it, with an identity that a replay finds again. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final
from uuid import UUID

import msgspec

from sealtrail.detect.rule import Head, Respond

# Values of keys come from outside: ten thousand keys of 60 kB each would be a way to fill the memory.
MAX_KEY_TEXT: Final = 256
MAX_EVENTS: Final = 50


class Alert(msgspec.Struct, frozen=True):
    """One alert. Times are microseconds of the epoch, event time.

    `time` is that of the event that ends the window, `rise` that of the first event in it. `events` are the
    newest addresses TRAIL/INDEX in the window, oldest first. `late`: found after time had gone on.
    `history`: from imported events, or ones too late for the live windows; it must never lead to a block.
    """

    id: str
    head: Head
    key: Mapping[str, str]
    count: int
    time: int
    rise: int
    events: tuple[str, ...]
    late: bool = False
    history: bool = False
    respond: Respond | None = None
    target: str = ""


def identity(rule: str, key: tuple[str, ...], place: str, *, history: bool = False) -> str:
    """The id of an alert: a UUID version 8 of rule, key and window (or event).

    The same entries give the same ids, so an alert that is found again after a crash is stored once. History
    has ids of its own: a log that is imported later must not contend with what was seen live.
    """
    parts = [rule, *key, place, "history" if history else "live"]
    digest = hashlib.sha256(b"sealtrail alert 1\0" + msgspec.json.encode(parts)).digest()
    value = int.from_bytes(digest[:16], "big")
    value = value & ~(0xF << 76) | (8 << 76)
    value = value & ~(0x3 << 62) | (2 << 62)
    return str(UUID(int=value))


def short(text: str) -> str:
    """A value of a key, at bounded length and still distinct."""
    if len(text) <= MAX_KEY_TEXT:
        return text
    return f"{text[:160]}...{hashlib.sha256(text.encode(errors='surrogatepass')).hexdigest()[:32]}"
