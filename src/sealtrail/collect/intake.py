"""From bytes at the door to checked events. Pure: who sent them, and what becomes of them, is the caller's.

Two ways in. A line of our own capture is kept byte for byte, because its bytes are what will be hashed.
Everything else is foreign: reshaped, scrubbed and encoded once (see `foreign`).
"""

from __future__ import annotations

import msgspec

from sealtrail.collect.body import pieces
from sealtrail.collect.foreign import adapt, sealed_form
from sealtrail.errors import EventError
from sealtrail.event import Fields, Rejection, check, flatten
from sealtrail.event.codec import examine
from sealtrail.event.known import known

_OWN = ("sealtrail.schema", "sealtrail.emitter", "sealtrail.seq")


class Accepted(msgspec.Struct, frozen=True, gc=False):
    """One event of a body: its number in it (from 1), its canonical line, its fields."""

    number: int
    line: bytes
    fields: Fields


class Intake(msgspec.Struct, frozen=True):
    """What a body held. `refused` are the bytes of each rejection, in the same order, for the quarantine."""

    accepted: list[Accepted]
    rejected: list[Rejection]
    refused: list[bytes]

    def lines(self) -> list[tuple[bytes, Fields]]:
        """What the pipeline takes."""
        return [(item.line, item.fields) for item in self.accepted]


def read_line(line: bytes, emitter: str, seq: int, *, reserved: bool = False) -> tuple[bytes, Fields]:
    """(canonical line, fields) of any line. `emitter` and `seq` stand in where it names none of its own.

    A canonical line that names our schema and its own place is our capture's: it was scrubbed where it was
    made. Scrubbing it again, under newer rules, would give the same event other bytes each time it is sent,
    and turn a repetition into a conflict.
    """
    quick = known(line)
    if quick is not None and "sealtrail.schema" in quick:
        return line, quick
    fields, canonical = examine(line)
    if canonical and all(name in fields for name in _OWN):
        check(fields, reserved=reserved)
        return line, fields
    return sealed_form(adapt(flatten(fields)), emitter, seq, reserved=reserved)


def read_body(
    body: bytes,
    *,
    content_type: str = "",
    content_encoding: str = "",
    limit: int,
    emitter: str,
    reserved: bool = False,
) -> Intake:
    """Every event of a body, and a rejection for every piece that is none.

    `limit` is in decompressed bytes. `emitter` stands in for pieces that name none: made up for each request,
    it makes them new every time they are sent (stored at least once). Raises EventError `body.*` where the
    body as a whole cannot be read; `web.answers` has the HTTP status of each.
    """
    intake = Intake([], [], [])
    for number, piece in pieces(
        body, content_type=content_type, content_encoding=content_encoding, limit=limit
    ):
        try:
            line, fields = read_line(piece, emitter, number - 1, reserved=reserved)
        except EventError as error:
            intake.rejected.append(Rejection(number, error.path, error.code, error.what))
            intake.refused.append(piece)
        else:
            intake.accepted.append(Accepted(number, line, fields))
    return intake
