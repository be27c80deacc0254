"""The content of a file, plain or gzip, read forward in bounded memory; damage ends it and is told."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, Protocol

GZIP: Final = b"\x1f\x8b"

_RAW_BYTES: Final = 64 * 1024


class Stream(Protocol):
    """What is read forward. At most `size` bytes; empty at the end."""

    def read(self, size: int, /) -> bytes: ...


class Content:
    """A file's content. `damage` says why it ended early, "" where it did not."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start = file.read(len(GZIP))
        file.seek(0)
        self._member = zlib.decompressobj(wbits=31) if start == GZIP else None
        self._waiting = b""
        self._begun = False
        self.damage = ""

    @property
    def position(self) -> int:
        """Bytes of the file on disk that were read."""
        return self._file.tell()

    def read(self, size: int, /) -> bytes:
        """Never raises for what is in the file: bad data counts as its end."""
        return self._file.read(size) if self._member is None else self._inflate(size)

    def _inflate(self, size: int) -> bytes:
        while not self.damage:
            data = self._waiting or self._file.read(_RAW_BYTES)
            if not data:
                return self._last(size)
            if not self._begun:
                # Between members some tools pad with zeros, to fill a block.
                data = data.lstrip(b"\0")
                if not data:
                    self._waiting = b""
                    continue
            part = self._step(data, size)
            if part:
                return part
        return b""

    def _last(self, size: int) -> bytes:
        """What the decompressor still holds once the file is read to its end."""
        part = self._step(b"", size) if self._begun else b""
        if not part and self._begun and not self.damage:
            self.damage = "the gzip data ends too early"
        return part

    def _step(self, data: bytes, size: int) -> bytes:
        assert self._member is not None
        try:
            part = self._member.decompress(data, size)
        except zlib.error as error:
            self.damage = f"the gzip data is damaged: {error}"
            return b""
        self._begun = True
        if self._member.eof:
            self._waiting = self._member.unused_data
            self._member = zlib.decompressobj(wbits=31)
            self._begun = False
        else:
            self._waiting = self._member.unconsumed_tail
        return part


@contextmanager
def content(path: Path) -> Iterator[Content]:
    with path.open("rb") as file:
        yield Content(file)
