"""One entry found, wherever it was looked for."""

from __future__ import annotations

from typing import Self

import msgspec

from sealtrail.event import Entry, Fields


class Row(msgspec.Struct, frozen=True):
    """One entry found: its address, its fields with the address among them, and its exact bytes."""

    trail: str
    index: int
    fields: Fields
    data: bytes

    @classmethod
    def of(cls, entry: Entry) -> Self:
        # The address last: no producer can set it.
        address = {"sealtrail.trail": entry.trail, "sealtrail.index": entry.index}
        return cls(entry.trail, entry.index, {**entry.fields, **address}, entry.data)

    @property
    def address(self) -> str:
        return f"{self.trail}/{self.index}"
