"""Plays the insider who edits one byte of history. Works on copies only."""

from __future__ import annotations

import os
from pathlib import Path

from sealtrail.errors import NotFoundError
from sealtrail.ledger.reader import LedgerReader


def edit_one_byte(data: Path, needle: bytes, trail: str = "audit") -> str:
    """Change one letter of the first entry that holds `needle`; gives its address.

    Only entries of the active file can be found by their bytes: sealed volumes are compressed.
    """
    reader = LedgerReader(data)
    index, entry = _find(reader, trail, needle)
    reader.close()
    for path in sorted((data / "trails" / trail).glob("active-*")):
        at = path.read_bytes().find(entry)
        if at >= 0:
            # The first letter after the needle's colon and quotation mark: the JSON stays well formed.
            place = at + entry.index(needle) + len(needle) + len(b':[{"')
            with path.open("r+b") as file:
                old = os.pread(file.fileno(), 1, place)
                os.pwrite(file.fileno(), b"q" if old != b"q" else b"z", place)
            return f"{trail}/{index}"
    raise NotFoundError("not-found.entry", f"{trail}/{index} is in no active file")


def _find(reader: LedgerReader, trail: str, needle: bytes) -> tuple[int, bytes]:
    index, end = reader.first()[trail], reader.sizes()[trail]
    while index < end:
        for entry in reader.read(trail, index, 512):
            if needle in entry:
                return index, entry
            index += 1
    raise NotFoundError("not-found.entry", "no entry holds what the demo looks for")
