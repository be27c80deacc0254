"""Follows a spool folder: reads what applications wrote, submits it, and removes what is durable.

For each segment the offset up to which everything is in the ledger (or in quarantine) is saved. A crash
before it is saved reads the same lines again, and the pipeline calls them duplicates. A segment goes when all
of it is durable and its writer, which holds a lock on it while alive, is gone or has moved on.
"""

from __future__ import annotations

import contextlib
import logging
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Final

from sealtrail.collect.own import GAP
from sealtrail.collect.pipeline import Pipeline
from sealtrail.errors import BusyError
from sealtrail.event import Receipt
from sealtrail.event.limits import MAX_EMITTER
from sealtrail.follow.state import load_json, save_json
from sealtrail.follow.worker import Worker
from sealtrail.spool.holding import Hold
from sealtrail.spool.layout import is_alive, parse_segment_name, remove_if_read, segments
from sealtrail.spool.reading import CHUNK_BYTES, Chunk, read_chunk
from sealtrail.spool.rejects import Rejects

_log = logging.getLogger("sealtrail.spool")

SOURCE: Final = "spool"

# Of all segments together: what is parsed and not yet durable, however many applications share the folder.
HELD_BYTES: Final = 8 * CHUNK_BYTES

# Between two looks: short after news, longer in quiet. It is the floor of the time to an alert.
BUSY_SECONDS: Final = 0.02
IDLE_SECONDS: Final = 0.1
TROUBLE_SECONDS: Final = 2.0

# An application that goes on writing must not keep a collector from stopping; the next start reads on.
STOP_SECONDS: Final = 5.0


class SpoolFollower(Worker):
    """One folder, one thread. It stops once what is there now is in the ledger, or after some seconds."""

    def __init__(self, folder: Path, pipeline: Pipeline, rejects: Rejects, cursors: Path) -> None:
        super().__init__(f"spool-{folder.name}")
        self.folder = folder
        self._pipeline = pipeline
        self._rejects = rejects
        self._cursors = cursors
        saved = load_json(cursors, {})
        known = saved if isinstance(saved, dict) else {}
        self._offsets: dict[str, int] = {k: v for k, v in known.items() if isinstance(v, int) and v >= 0}
        self._saved = dict(self._offsets)
        self._told: set[str] = set()  # emitters whose gaps are recorded, until their last segment goes
        self._faults: dict[str, str] = {}
        self._hold = Hold(folder)
        self.counts = {"lines": 0, "rejected": 0, "torn": 0, "gaps": 0}
        self.problem = ""

    def claim(self) -> bool:
        """Have the folder for oneself; False while there is none. Raises BusyError where another has it."""
        return self._hold.take()

    def _run(self) -> None:
        try:
            self._follow()
        finally:
            self._hold.release()

    def _follow(self) -> None:
        end = float("inf")
        while True:
            last = self._stopping.is_set()
            if last:
                end = min(end, time.monotonic() + STOP_SECONDS)
            try:
                busy = self.claim() and self.look()
            except BusyError as error:
                self.problem = error.what
                if last or self._stopping.wait(min(error.retry_after, TROUBLE_SECONDS)):
                    return
            except Exception as error:  # a thread that dies unheard would leave the folder to fill up
                self.problem = str(error)
                _log.exception("spool %s cannot be followed right now", self.folder)
                if last or self._stopping.wait(TROUBLE_SECONDS):
                    return
            else:
                self.problem = next(iter(self._faults.values()), "")
                if last and (not busy or time.monotonic() >= end):
                    return
                if not last:
                    self._stopping.wait(BUSY_SECONDS if busy else IDLE_SECONDS)

    def look(self) -> bool:
        """Read every segment once; True when there was something to read."""
        found = [path for _, path in segments(self.folder)]
        busy, held = False, 0
        waiting: list[tuple[Chunk, Future[Receipt] | None]] = []
        refusal: BusyError | None = None
        for path in found:
            try:
                chunk = self._read(path)
            except (OSError, BusyError) as error:
                # A file that cannot be read, or a line that cannot be quarantined, keeps nobody else waiting.
                self._fault(path, error)
                continue
            self._faults.pop(path.name, None)
            if not chunk.size:
                continue
            try:
                future = self._pipeline.submit(SOURCE, chunk.lines) if chunk.lines else None
            except BusyError as error:
                refusal = error
                break
            waiting.append((chunk, future))
            busy, held = True, held + chunk.size
            if held >= HELD_BYTES:
                self._settle(waiting)
                waiting, held = [], 0
        # Also after a refusal: without it a folder larger than the queue would begin anew for ever.
        self._settle(waiting)
        if not busy and refusal is None:
            self._tidy(found)
        self._save()
        if refusal is not None:
            raise refusal
        return busy

    def backlog(self) -> int:
        """Bytes in the folder that are not in the ledger yet. May be asked by any thread."""
        offsets, waiting = dict(self._offsets), 0
        for _, path in segments(self.folder):
            with contextlib.suppress(FileNotFoundError):  # collected and removed a moment ago
                waiting += max(0, path.lstat().st_size - offsets.get(path.name, 0))
        return waiting

    def _read(self, path: Path) -> Chunk:
        """The next lines of a segment, checked. What is refused is in quarantine when this returns."""
        offset = self._offsets.get(path.name, 0)
        chunk = read_chunk(path, offset)
        if chunk.start < offset:
            self._offsets[path.name] = chunk.start
        for place, raw, error in chunk.refused:
            self._rejects.add(SOURCE, place, raw, error)
        return chunk

    def _settle(self, waiting: list[tuple[Chunk, Future[Receipt] | None]]) -> None:
        """Wait until what was read is durable; only then is it behind us."""
        for _, future in waiting:
            if future is not None:
                future.result()
        self._rejects.sync()  # before the only other copy may be removed
        for chunk, _ in waiting:
            self._offsets[chunk.name] = chunk.end
            rejected = len(chunk.refused) - chunk.torn
            self.counts["lines"] += len(chunk.lines) + rejected
            self.counts["rejected"] += rejected
            self.counts["torn"] += chunk.torn

    def _tidy(self, found: list[Path]) -> None:
        """Remove segments that are read to their end and have no writer any more.

        Gaps are recorded before the last segment of an emitter goes: a crash in between records them again,
        and the pipeline knows the second record by its identity.
        """
        finished = [path for path in found if self._is_finished(path)]
        left = {name.emitter for name, path in segments(self.folder) if path not in finished}
        for emitter in sorted({_emitter(path) for path in finished} - left - self._told):
            self._report_gaps(emitter)
            self._told.add(emitter)
        for path in finished:
            try:
                gone = remove_if_read(path, self._offsets.get(path.name, 0))
            except OSError as error:
                self._fault(path, error)
                continue
            if gone:
                self._told.discard(_emitter(path))
        there = {path.name for _, path in segments(self.folder)}
        self._offsets = {name: offset for name, offset in self._offsets.items() if name in there}
        self._faults = {name: why for name, why in self._faults.items() if name in there}

    def _is_finished(self, path: Path) -> bool:
        if is_alive(path):
            return False
        try:
            return path.lstat().st_size == self._offsets.get(path.name, 0)
        except FileNotFoundError:
            return False

    def _report_gaps(self, emitter: str) -> None:
        """Record which numbers never arrived. Counted where the record is new, so once."""
        told: list[tuple[int, Future[Receipt]]] = []
        for number, (first, end) in enumerate(self._pipeline.gaps(SOURCE, emitter)):
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
            told.append((end - first, self._pipeline.record(gap)))
        for missing, future in told:
            self.counts["gaps"] += missing * future.result().accepted

    def _fault(self, path: Path, error: OSError | BusyError) -> None:
        why = error.what if isinstance(error, BusyError) else error.strerror or str(error)
        if path.name not in self._faults:
            _log.error("%s: %s", path, why)
        self._faults[path.name] = f"{path.name}: {why}"

    def _save(self) -> None:
        if self._offsets != self._saved:
            save_json(self._cursors, self._offsets)
            self._saved = dict(self._offsets)


def _emitter(path: Path) -> str:
    name = parse_segment_name(path.name)
    return name[0] if name is not None else ""
