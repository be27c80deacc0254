"""Empties one spool folder: reads, sends, and removes what the collector has acknowledged.

State lies in `ship/` within the folder, or where it is told: `cursor.json`, what was refused, and the pins.
A kill at any moment sends some lines twice, which the collector knows by their identity, and loses none.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import uuid_utils

from sealtrail.errors import AccessError, BusyError, SealtrailError, TamperedError
from sealtrail.event.codec import encode
from sealtrail.event.entry import stamp
from sealtrail.event.model import constants
from sealtrail.follow.state import load_json, save_json
from sealtrail.follow.worker import Worker
from sealtrail.ship.line import Line
from sealtrail.ship.pins import Pins
from sealtrail.ship.reporting import PINS, REJECTS, STATE, STATUS, Status
from sealtrail.ship.sender import BATCH_BYTES, Sender, StoppedError
from sealtrail.spool.disk import Spool
from sealtrail.spool.holding import Hold
from sealtrail.spool.layout import is_alive, remove_if_read, segments
from sealtrail.spool.reading import Chunk, read_chunk
from sealtrail.spool.rejects import Rejects

_log = logging.getLogger("sealtrail.ship")

SOURCE: Final = "ship"
SERVICE: Final = "sealtrail-ship"
DIVERGED: Final = "ship.diverged"  # action of the event that a collector contradicts what it signed

BUSY_SECONDS: Final = 0.05  # between two looks after news: time for a batch to gather
IDLE_SECONDS: Final = 0.25  # between two looks in quiet: the floor of the time to an alert
TROUBLE_SECONDS: Final = 2.0  # before a folder or a disk that refused is tried again
PIN_SECONDS: Final = 60.0  # between two looks at the checkpoints where nothing is sent
STOP_SECONDS: Final = 5.0  # for what lies there when it is told to end; the next start sends the rest


class Shipper(Worker):
    """One folder, one thread, one connection. Raises nothing: `failure` is why it ended before its time.

    `once`: end when nothing is left that could be sent.
    """

    def __init__(
        self,
        folder: Path,
        line: Line,
        *,
        state: Path | None = None,
        once: bool = False,
        give_up: float = 0.0,
        done: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(f"ship-{folder.name}")
        self.folder = folder
        self.state = state or folder / STATE
        self._line = line
        self._once = once
        self._done = done
        self._hold = Hold(folder)
        self._cursor = self.state / "cursor.json"
        self._offsets: dict[str, int] = {}
        self._saved: dict[str, int] = {}
        self._rejects = Rejects(self.state / REJECTS)
        self._sender = Sender(line, self._stopping, give_up=give_up, told=self._told)
        self.pins = Pins(self.state / PINS, line)
        self._pinned_at = float("-inf")
        self.counts = {
            "lines": 0, "accepted": 0, "duplicates": 0, "conflicts": 0, "rejected": 0, "torn": 0
        }  # fmt: skip
        self.problem = ""
        self.failure: SealtrailError | None = None

    def claim(self) -> bool:
        """Have the folder for oneself; False while there is none. Raises BusyError where another has it."""
        return self._hold.take()

    def totals(self) -> dict[str, int]:
        """All counts, as they are told."""
        return {**self.counts, **self._sender.counts, **self.pins.counts}

    def waiting(self) -> int:
        """Bytes in the folder that are not acknowledged. May be asked by any thread."""
        offsets, size = dict(self._offsets), 0
        with contextlib.suppress(OSError):
            for _, path in segments(self.folder):
                with contextlib.suppress(FileNotFoundError):
                    size += max(0, path.lstat().st_size - offsets.get(path.name, 0))
        return size

    @property
    def is_running(self) -> bool:
        return self._thread.is_alive()

    def ask_to_stop(self) -> None:
        """Let it end by itself; `stop` waits for that."""
        self._stopping.set()

    def stop(self) -> None:
        """As every worker, but in bounded time: an answer that does not come is given up."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
            self._line.abort()
        super().stop()

    def _run(self) -> None:
        try:
            self._ship()
        except StoppedError:
            pass
        except SealtrailError as error:
            self.failure = error
            if isinstance(error, TamperedError) and self.pins.is_news:
                self._record(error)
        except Exception as error:  # a thread that dies unheard would leave the folder to fill up
            _log.exception("spool %s cannot be shipped", self.folder)
            self.failure = BusyError("busy.disk", f"{self.folder} cannot be shipped: {error}")
        finally:
            self._line.close()
            self._hold.release()
            self._done()

    def _ship(self) -> None:
        end, opened = float("inf"), False
        while True:
            last = self._stopping.is_set()
            if last:
                end = min(end, time.monotonic() + STOP_SECONDS)
            try:
                busy = self.claim() and self.turn(first=not opened)
                opened = opened or self._hold.is_held
            except (AccessError, TamperedError):
                raise
            except BusyError as error:
                if self._once:
                    raise
                self._told(error.what)
                if last or self._stopping.wait(min(error.retry_after, TROUBLE_SECONDS)):
                    return
                continue
            except OSError as error:
                if self._once:
                    raise BusyError("busy.disk", f"{self.folder}: {error}") from None
                self._told(str(error))
                if last or self._stopping.wait(TROUBLE_SECONDS):
                    return
                continue
            if not busy and (last or self._once):
                if not last and not self._sender.is_answered:
                    # Nothing was sent, which is no sign that anything could be.
                    self._sender.greet()
                return
            if last and time.monotonic() >= end:
                return
            self._stopping.wait(BUSY_SECONDS if busy else IDLE_SECONDS)

    def turn(self, *, first: bool = False) -> bool:
        """One batch; True when there was something to send."""
        if first:
            self._open()
        if time.monotonic() >= self._pinned_at + PIN_SECONDS:
            # Before anything is sent: who shows another past is not given more.
            self.pins.look()
            self._pinned_at = time.monotonic()
        found = [path for _, path in segments(self.folder)]
        chunks: list[Chunk] = []
        held = 0
        for path in found:
            chunk = read_chunk(path, self._offsets.get(path.name, 0))
            self._offsets[path.name] = chunk.start
            if chunk.size:
                chunks.append(chunk)
                held += chunk.size
                if held >= BATCH_BYTES:
                    break
        if chunks:
            self._send(chunks)
        else:
            self._tidy(found)
        self._save()
        return bool(chunks)

    def report(self) -> Status:
        """Leave a word on how it goes; whoever reads it may be the doctor. May be called by any thread."""
        failure = "" if self.failure is None else self.failure.what
        status = Status.now(self.waiting(), self.problem, failure, self.totals())
        with contextlib.suppress(OSError):
            if self.state.is_dir():
                save_json(self.state / STATUS, status)
        return status

    def _record(self, error: TamperedError) -> None:
        """Say in the record that this collector contradicts itself: whoever is sent it next will know."""
        spool = Spool(self.folder)
        spool.constants = constants(SERVICE, host=socket.gethostname(), pid=os.getpid())
        event = {
            "@timestamp": stamp(datetime.now(UTC)),
            "event.id": str(uuid_utils.uuid7()),
            "sealtrail.kind": "audit",
            "event.kind": "event",
            "event.category": ["configuration"],
            "event.type": ["error"],
            "event.action": DIVERGED,
            "event.outcome": "failure",
            "event.reason": error.what,
            "sealtrail.target.type": "trail",
            "sealtrail.target.id": error.trail,
        }
        spool.write(encode(event)[:-1] + spool.constants, audit=True, fsync=True)
        spool.close()

    def _open(self) -> None:
        self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        saved = load_json(self._cursor, {})
        known = saved if isinstance(saved, dict) else {}
        self._offsets = {k: v for k, v in known.items() if isinstance(v, int) and v >= 0}
        self._saved = dict(self._offsets)

    def _send(self, chunks: list[Chunk]) -> None:
        lines = [(chunk, raw) for chunk in chunks for raw, _ in chunk.lines]
        for chunk in chunks:
            for place, raw, error in chunk.refused:
                self._rejects.add(SOURCE, place, raw, error)
        delivered = self._sender.deliver([raw for _, raw in lines])
        for number, why in delivered.refused:
            chunk, raw = lines[number]
            self._rejects.add(SOURCE, chunk.name, raw, why)
        self._rejects.sync()  # before the only other copy may be removed
        for chunk in chunks:
            self._offsets[chunk.name] = chunk.end
            self.counts["torn"] += chunk.torn
            self.counts["rejected"] += len(chunk.refused) - chunk.torn
        self.counts["lines"] += len(lines)
        self.counts["accepted"] += delivered.accepted
        self.counts["duplicates"] += delivered.duplicates
        self.counts["conflicts"] += delivered.conflicts
        self.counts["rejected"] += len(delivered.refused)
        self._save()
        self.pins.learn(delivered.receipts, all_of_them=self._once)

    def _tidy(self, found: list[Path]) -> None:
        """Remove segments that are acknowledged to their end and have no writer any more."""
        for path in found:
            if not is_alive(path):
                remove_if_read(path, self._offsets.get(path.name, 0))
        there = {path.name for _, path in segments(self.folder)}
        self._offsets = {name: offset for name, offset in self._offsets.items() if name in there}

    def _save(self) -> None:
        if self._offsets != self._saved:
            save_json(self._cursor, self._offsets)
            self._saved = dict(self._offsets)

    def _told(self, why: str) -> None:
        if why and why != self.problem:
            _log.warning("%s: %s", os.fspath(self.folder), why)
        elif self.problem and not why:
            _log.warning("%s: it goes on", os.fspath(self.folder))
        self.problem = why
