"""Follows a spool folder: reads what applications wrote, submits it, and removes what is durable.

For each segment the offset up to which everything is in the ledger (or in quarantine) is saved. A crash
before it is saved reads the same lines again, and the pipeline calls them duplicates. A segment goes when all
of it is durable and its writer, which holds a lock on it while alive, is gone or has moved on.
"""

from __future__ import annotations

import logging
import os
import stat
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from sealtrail.collect.intake import check_line
from sealtrail.collect.own import GAP
from sealtrail.collect.pipeline import Line, Pipeline
from sealtrail.collect.rejects import Rejects
from sealtrail.errors import BusyError, EventError, SealtrailError
from sealtrail.event import Receipt
from sealtrail.event.limits import MAX_EMITTER, MAX_LINE_BYTES
from sealtrail.follow.state import load_json, save_json
from sealtrail.spool.layout import is_alive, parse_segment_name, remove_if_read, segments

_log = logging.getLogger("sealtrail.spool")

SOURCE: Final = "spool"

# Read at once: a few hundred kilobytes fill a commit, and bound what is parsed and not yet durable.
CHUNK_BYTES: Final = 512 * 1024

# Between two looks: short after news, longer in quiet. It is the floor of the time to an alert.
BUSY_SECONDS: Final = 0.02
IDLE_SECONDS: Final = 0.1


class SpoolFollower:
    """One folder, one thread."""

    def __init__(self, folder: Path, pipeline: Pipeline, rejects: Rejects, cursors: Path) -> None:
        self.folder = folder
        self._pipeline = pipeline
        self._rejects = rejects
        self._cursors = cursors
        saved = load_json(cursors, {})
        self._offsets: dict[str, int] = {k: v for k, v in saved.items() if isinstance(v, int)}
        self._saved = dict(self._offsets)
        self._stopping = threading.Event()
        self.counts = {"lines": 0, "rejected": 0, "torn": 0, "gaps": 0}
        self.problem = ""
        self._thread = threading.Thread(target=self._run, name=f"sealtrail-spool-{folder.name}", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End after one more look, so that what is in the folder now is in the ledger."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while True:
            last = self._stopping.is_set()
            busy = False
            try:
                busy = self.look()
                self.problem = ""
            except BusyError as error:
                self.problem = error.what
                if self._stopping.wait(min(error.retry_after, 2.0)):
                    return
                continue
            except (SealtrailError, OSError) as error:
                self.problem = str(error)
                _log.exception("spool %s cannot be followed right now", self.folder)
                if last or self._stopping.wait(2.0):
                    return
                continue
            if last and not busy:
                return
            if not last:
                self._stopping.wait(BUSY_SECONDS if busy else IDLE_SECONDS)

    def look(self) -> bool:
        """Read every segment once; True when there was something to read."""
        found = [path for _, path in segments(self.folder)]
        busy = False
        waiting: list[tuple[str, int, Future[Receipt] | None]] = []
        for path in found:
            # Asked before reading: a writer that is gone now writes nothing after what we read next.
            alive = is_alive(path)
            offset = self._offsets.get(path.name, 0)
            lines, end = self._read(path, offset, alive=alive)
            if end > offset:
                busy = True
                future = self._pipeline.submit(SOURCE, lines) if lines else None
                waiting.append((path.name, end, future))
        for name, end, future in waiting:
            if future is not None:
                future.result()
            self._offsets[name] = end
        if busy:
            self._rejects.sync()  # before the only other copy may be removed
            self._save()
        else:
            self._tidy(found)
        return busy

    def _read(self, path: Path, offset: int, *, alive: bool) -> tuple[list[Line], int]:
        """Checked lines from `offset`, and the offset after them."""
        data = _read_plain(path, offset)
        more = len(data) == CHUNK_BYTES
        cut = data.rfind(b"\n") + 1
        if cut == 0 and more:
            cut = len(data)  # no line is this long: whatever it is, it goes into quarantine
        lines: list[Line] = []
        at = offset
        for raw in data[:cut].split(b"\n"):
            if raw:
                self._take(raw, f"{path.name}@{at}", lines)
            at += len(raw) + 1
        if cut < len(data) and not more and not alive:
            # The writer died in the middle of this line. It is kept aside, never glued to another.
            self.counts["torn"] += 1
            error = EventError("event.torn", f"{len(data) - cut} bytes without an end of line")
            self._rejects.add(SOURCE, f"{path.name}@{offset + cut}", data[cut:], error)
            cut = len(data)
        return lines, offset + cut

    def _take(self, raw: bytes, place: str, lines: list[Line]) -> None:
        self.counts["lines"] += 1
        try:
            lines.append((raw, check_line(raw)))
        except EventError as error:
            self.counts["rejected"] += 1
            self._rejects.add(SOURCE, place, raw[:MAX_LINE_BYTES], error)

    def _tidy(self, found: list[Path]) -> None:
        """Remove segments that are read to their end and have no writer any more.

        Gaps are recorded before the last segment of an emitter goes: a crash in between records them again,
        and the pipeline knows the second record by its identity.
        """
        finished = [path for path in found if self._is_finished(path)]
        if not finished:
            return
        left = {name.emitter for name, path in segments(self.folder) if path not in finished}
        ended = {_emitter(path) for path in finished} - left
        for future in [future for emitter in ended for future in self._report_gaps(emitter)]:
            future.result()
        for path in finished:
            if remove_if_read(path, self._offsets.get(path.name, 0)):
                self._offsets.pop(path.name, None)
        self._save()

    def _is_finished(self, path: Path) -> bool:
        if is_alive(path):
            return False
        try:
            return path.stat().st_size <= self._offsets.get(path.name, 0)
        except FileNotFoundError:
            return False

    def _report_gaps(self, emitter: str) -> list[Future[Receipt]]:
        futures = []
        for number, (first, end) in enumerate(self._pipeline.gaps(SOURCE, emitter)):
            self.counts["gaps"] += end - first
            gap = {
                "event.action": GAP,
                "event.outcome": "failure",
                "event.reason": f"{end - first} events of this emitter never arrived",
                "sealtrail.range.emitter": emitter,
                "sealtrail.range.first": first,
                "sealtrail.range.end": end,
                "sealtrail.emitter": f"gap:{emitter}"[:MAX_EMITTER],
                "sealtrail.seq": number,
            }
            futures.append(self._pipeline.record(gap))
        return futures

    def _save(self) -> None:
        if self._offsets != self._saved:
            save_json(self._cursors, self._offsets)
            self._saved = dict(self._offsets)


def _emitter(path: Path) -> str:
    name = parse_segment_name(path.name)
    return name[0] if name is not None else ""


def _read_plain(path: Path, offset: int) -> bytes:
    """Up to a chunk of a plain file; nothing of what an application could put there instead.

    The folder belongs to the application: a link must not make the collector read another file for it, and a
    pipe must not make it wait.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return b""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        return os.pread(descriptor, CHUNK_BYTES, offset)
    finally:
        os.close(descriptor)
