"""The events of an application whose spool is its standard output, out of whatever else came that way.

A container's log has lines of others between ours, and around them what its runtime adds: time and stream
(CRI, as in /var/log/containers), an object a line (Docker's json-file), a prefix for people (`kubectl logs
--prefix`, compose). Long lines come in pieces. Identity is what the event says, emitter and number, so the
same log may come again, from the beginning or from the middle, and stores nothing twice.
"""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from sealtrail.collect.foreign import read_object, sealed_form
from sealtrail.collect.history import BATCH_LINES, REJECTS_FOLDER, Batch, Imported, Line, Progress, Submit
from sealtrail.collect.lines import RawLine, lines
from sealtrail.errors import EventError
from sealtrail.event.entry import stamp
from sealtrail.event.limits import MAX_LINE_BYTES
from sealtrail.spool.layout import MARK
from sealtrail.spool.rejects import RunRejects

FORMAT: Final = "stdout"

# Between two looks whether anything came: who follows a log wants what is there, not a full batch.
QUIET_SECONDS: Final = 0.5
# Of one line as it comes: an event of the largest size, each of its quotes escaped, and what is around it.
MAX_RAW_BYTES: Final = 4 * MAX_LINE_BYTES
# Of pieces that wait for their last one; containers whose logs come together have two each.
MAX_OPEN: Final = 64
# Of lines broken off one behind the other, before one that is whole and holds a mark of its own.
MAX_TORN: Final = 64

_CRI: Final = re.compile(rb"\d{4}-\d\d-\d\dT\S{1,40} (stdout|stderr) ([FP])(?::\S{0,40})? (.*)", re.DOTALL)
_DOCKER: Final = b'{"log":"'


class _Docker(msgspec.Struct):
    """A line of Docker's json-file; what has no line end goes on in the next one of its stream."""

    log: str
    stream: str


_docker: Final = msgspec.json.Decoder(_Docker)
_any: Final = msgspec.json.Decoder()


class Piece(NamedTuple):
    """What a runtime's line holds of the application's: which stream it is of, and whether it goes on."""

    stream: bytes
    data: bytes
    goes_on: bool


def unwrapped(raw: bytes) -> Piece:
    """A line without what its runtime put around it. What is not recognised is the application's own."""
    if raw.startswith(_DOCKER):
        try:
            found = _docker.decode(raw)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            return Piece(b"", raw, goes_on=False)
        log = found.log.encode("utf-8", "surrogatepass")
        return Piece(found.stream.encode("utf-8", "surrogatepass"), log, not log.endswith(b"\n"))
    cri = _CRI.fullmatch(raw)
    if cri is None:
        return Piece(b"", raw, goes_on=False)
    return Piece(cri[1], cri[3], cri[2] == b"P")


class Joined:
    """Pieces to whole lines."""

    def __init__(self) -> None:
        self._open: dict[bytes, bytes] = {}

    def add(self, raw: bytes) -> bytes | None:
        """The whole line that this one completes, or is; None where more is to come."""
        stream, data, goes_on = unwrapped(raw)
        whole = self._open.pop(stream, b"") + data if stream else data
        if not goes_on or len(whole) > MAX_RAW_BYTES or len(self._open) >= MAX_OPEN:
            return whole
        self._open[stream] = whole
        return None

    def rest(self) -> list[bytes]:
        """What never came to its end."""
        return [*self._open.values()]


def marked(whole: bytes) -> list[bytes]:
    """The events in a line, without their mark; usually one or none.

    Several, where a line was broken off and the next one stands right behind: all but the last are torn. A
    mark within an event that is whole is data of the application's, which may be its client's.
    """
    _, *found = whole.split(MARK)
    if len(found) > 1:
        return _apart(found)
    return [b"{" + text.rstrip(b"\r\n") for text in found]


def _apart(found: list[bytes]) -> list[bytes]:
    events: list[bytes] = []
    size = sum(map(len, found)) + len(MARK) * (len(found) - 1)
    tried = 0
    for place, text in enumerate(found):
        if size < MAX_LINE_BYTES and tried < MAX_TORN:
            tried += 1
            whole = b"{" + MARK.join(found[place:]).rstrip(b"\r\n")
            if _is_whole(whole):
                return [*events, whole]
        size -= len(text) + len(MARK)
        events.append(b"{" + text.rstrip(b"\r\n"))
    return events


def _is_whole(text: bytes) -> bool:
    try:
        _any.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    return True


def import_stream(
    descriptor: int,
    submit: Submit,
    *,
    state: Path,
    service: str = "",
    progress: Callable[[Progress], None] = lambda _: None,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Imported:
    """Read a stream to its end, which may be far: what came is submitted when it is quiet for a moment.

    `read` counts events, `others` the lines that hold none. Raises as `import_file` does.
    """
    at = Progress()
    batch = Batch(submit, pause, at)
    others = 0
    with RunRejects(state / REJECTS_FOLDER, "stdin", stamp(clock())) as rejects:
        for number, whole in _wholes(_Arriving(descriptor, batch.send)):
            found = marked(whole)
            others += not found
            for text in found:
                at.read += 1
                try:
                    batch.add(_event(text, service))
                except EventError as error:
                    at.rejected += 1
                    rejects.add(number, text, error)
                if batch.is_full:
                    batch.send()
                if at.read % BATCH_LINES == 0:
                    progress(at)
        batch.send()
        progress(at)
    return Imported.of(at, rejects, file="-", format_name=FORMAT, others=others)


def _wholes(stream: _Arriving) -> Iterator[tuple[int, bytes]]:
    """Whole lines that are not blank, each with the number (from 1) of the line it ended with."""
    joined = Joined()
    line = RawLine(-1, b"", 0)
    for line in lines(stream, limit=MAX_RAW_BYTES):
        whole = joined.add(line.data)
        if whole is not None and whole.strip():
            yield line.number + 1, whole
    for whole in joined.rest():
        yield line.number + 1, whole


def _event(text: bytes, service: str) -> Line:
    if len(text) > MAX_LINE_BYTES:
        raise EventError(
            "event.too-long", f"the event has {len(text):,} bytes, the limit is {MAX_LINE_BYTES:,}"
        )
    fields = read_object(text)
    for name in ("sealtrail.emitter", "sealtrail.seq"):
        if name not in fields:
            raise EventError(
                "event.missing", f"{name} is missing: it says which event this is", path=f"$.{name}"
            )
    # Whatever the line says of itself: what was lying in a log never drives a block.
    fields["sealtrail.import"] = True
    if service:
        fields.setdefault("service.name", service)
    return sealed_form(fields, "", 0)


class _Arriving:
    """A descriptor as a stream. `quiet` is called when nothing came for a moment."""

    def __init__(self, descriptor: int, quiet: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._quiet = quiet

    def read(self, size: int, /) -> bytes:
        while not select.select([self._descriptor], [], [], QUIET_SECONDS)[0]:
            self._quiet()
        return os.read(self._descriptor, size)
