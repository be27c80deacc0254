"""Entry, Batch and Receipt: what the ledger holds, what followers are handed, what a producer is told.

An **entry** is a producer's line with its final `}` replaced by the collector's two keys. These are the bytes
that are hashed, stored, proved and shown; nothing re-serialises them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import msgspec

from sealtrail.errors import EventError
from sealtrail.event.codec import Fields, decode, encode

Position = dict[str, int]
"""How far a reader has come: the next index in each trail."""

_INGESTED = b',"event.ingested":"'
_SOURCE = b'","sealtrail.source":'


def stamp(moment: datetime) -> str:
    """RFC 3339 text in UTC, always with six digits of a second: text order is time order."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def suffix(ingested: str, source: str) -> bytes:
    """What replaces the final `}` of every line of one source in one commit."""
    return b"".join((_INGESTED, ingested.encode(), _SOURCE, encode(source), b"}"))


def seal(line: bytes, ending: bytes) -> bytes:
    """The entry for a canonical line; `ending` comes from `suffix`."""
    return line[:-1] + ending


def unseal(entry: bytes) -> tuple[bytes, str, str]:
    """(the producer's line, event.ingested, sealtrail.source) of an entry.

    The last occurrence is the collector's: the door refuses both keys from producers, and inside a JSON
    string a quotation mark is always escaped.
    """
    at = entry.rfind(_INGESTED)
    split = entry.find(_SOURCE, at)
    if at < 0 or split < 0:
        raise EventError("event.not-json", "the entry does not end with the collector's keys")
    source = decode(b'{"s":' + entry[split + len(_SOURCE) :])["s"]
    return entry[:at] + b"}", entry[at + len(_INGESTED) : split].decode(), source


def ingested(entry: bytes) -> str:
    """event.ingested of an entry, without parsing it. Equal texts were committed together."""
    at = entry.rfind(_INGESTED)
    start = at + len(_INGESTED)
    return entry[start : entry.index(b'"', start)].decode() if at >= 0 else ""


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One sealed event and its permanent address `TRAIL/INDEX`."""

    trail: str
    index: int
    data: bytes
    fields: Fields

    @property
    def address(self) -> str:
        return f"{self.trail}/{self.index}"


class Batch(msgspec.Struct, frozen=True):
    """Entries in commit order, and where a reader stands before and after them."""

    entries: tuple[Entry, ...]
    start: Mapping[str, int]
    end: Mapping[str, int]


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """One refused line: its place in what was sent (from 1), the path and the reason."""

    line: int
    path: str
    code: str
    error: str


class Range(msgspec.Struct, frozen=True, gc=False):
    """Part of a receipt: entries [first, end) of a trail, and the trail's size once they were durable."""

    trail: str
    ranges: tuple[tuple[int, int], ...]
    size: int
    checkpoint: str


class Receipt(msgspec.Struct, frozen=True, gc=False):
    """What a producer is told, after the entries are on disk."""

    accepted: int
    duplicates: int
    conflicts: int
    receipts: tuple[Range, ...]
