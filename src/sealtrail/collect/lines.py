"""Cuts a stream into lines in bounded memory, whatever is in it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sealtrail.collect.content import Stream
from sealtrail.event.limits import MAX_LINE_BYTES

CHUNK_BYTES: Final = 256 * 1024  # read at once from a file

# Of a line that is too long to be an event: what the quarantine shows of it.
KEPT_BYTES: Final = 4096


class RawLine(NamedTuple):
    """One line of a file: its number from 0, its bytes without the line end, how many bytes it had, and
    whether it had an end.
    """

    number: int
    data: bytes
    size: int
    is_ended: bool = True

    @property
    def is_whole(self) -> bool:
        """False where `data` is only the beginning of a line that was too long."""
        return len(self.data) == self.size


def lines(stream: Stream, *, limit: int = MAX_LINE_BYTES) -> Iterator[RawLine]:
    """Every line, blank ones too. LF ends a line, and a CR before it belongs to the end.

    The last line counts where it has no end: a log that was copied in mid-write, or by a careful editor.
    """
    number = 0
    rest = b""
    dropped = 0  # bytes of the line under way that are no longer in `rest`
    while chunk := stream.read(CHUNK_BYTES):
        first, *others = chunk.split(b"\n")
        rest += first
        for other in others:
            yield _line(number, rest, dropped, limit)
            number += 1
            rest, dropped = other, 0
        if len(rest) > limit + 1:  # one more for a CR
            kept = rest[: min(KEPT_BYTES, limit)]
            dropped += len(rest) - len(kept)
            rest = kept
    if rest:
        yield _line(number, rest, dropped, limit)._replace(is_ended=False)


def _line(number: int, rest: bytes, dropped: int, limit: int) -> RawLine:
    data = rest.removesuffix(b"\r")
    if dropped or len(data) > limit:
        return RawLine(number, rest[: min(KEPT_BYTES, limit)], len(rest) + dropped)
    return RawLine(number, data, len(data))
