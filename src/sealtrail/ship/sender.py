"""Sends lines until the collector has answered for each: compressed, again after a pause, halved if refused.

A batch whose answer was lost is sent again. The collector knows each line by (key, emitter, number), so what
it has already is a duplicate there and stored once.
"""

from __future__ import annotations

import random
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sealtrail.errors import EventError, SealtrailError, UsageError
from sealtrail.event import Range
from sealtrail.ship.line import Line
from sealtrail.ship.verdict import Denied, Later, OtherCoding, Taken, TooMuch, judge, reason

PATH: Final = "/api/v1/events"
BATCH_BYTES: Final = 1024 * 1024  # of lines, before compression; halved where the collector takes less
LEAST_BYTES: Final = 64 * 1024  # one line of the largest size fits
BATCH_LINES: Final = 5_000  # as many reasons as an answer may have to give

FIRST_SECONDS: Final = 0.5  # before a second try; doubled with every further one
MOST_SECONDS: Final = 30.0  # between two tries: a collector that is back is found within this time
DENIED_SECONDS: Final = 60.0  # a key that was good and is refused now: somebody has to do something
_GZIP_LEVEL: Final = 5
_ZSTD_LEVEL: Final = 3


class StoppedError(Exception):
    """It is time to end, and the collector has not answered: the lines stay where they are."""


class Delivered(msgspec.Struct):
    """What became of some lines. `refused`: index in what was given, and why."""

    accepted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    refused: list[tuple[int, EventError]] = []
    receipts: list[Range] = []


class Sender:
    """One collector, used by one thread.

    `give_up`: seconds of failing after which the failure is raised; 0: never. `told` is called when sending
    begins to fail, with the reason, and with "" when it works again.
    """

    def __init__(
        self,
        line: Line,
        stopping: threading.Event,
        *,
        give_up: float = 0.0,
        told: Callable[[str], None] = lambda _: None,
        dice: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._line = line
        self._stopping = stopping
        self._give_up = give_up
        self._told = told
        self._dice = dice
        self._codings = _codings()
        self._batch_bytes = BATCH_BYTES
        self._trouble = ""
        self._failing_since = 0.0
        self._ever = False
        self.counts = {"batches": 0, "sent_bytes": 0, "retries": 0}

    def deliver(self, lines: Sequence[bytes]) -> Delivered:
        """Returns when each line is durable there or refused for good.

        Raises StoppedError, AccessError where the first answer is that the key is not let in, and with
        `give_up` UsageError.
        """
        done = Delivered()
        waiting = self._parts(lines)
        while waiting:
            first, end = waiting.pop()
            part = lines[first:end]
            verdict = self._settled(part)
            if isinstance(verdict, TooMuch):
                if len(part) == 1:
                    done.refused.append((first, verdict.why))
                    continue
                self._batch_bytes = max(LEAST_BYTES, self._batch_bytes // 2)
                middle = first + len(part) // 2
                waiting += [(middle, end), (first, middle)]
                continue
            done.accepted += verdict.accepted
            done.duplicates += verdict.duplicates
            done.conflicts += verdict.conflicts
            done.refused += [(first + one.line - 1, reason(one)) for one in verdict.rejected]
            done.receipts += verdict.receipts
        return done

    @property
    def is_answered(self) -> bool:
        """Whether the collector has let the key in."""
        return self._ever

    def greet(self) -> None:
        """Find out, with nothing to send, whether it does. Raises as `deliver`."""
        self._settled([])

    def _parts(self, lines: Sequence[bytes]) -> list[tuple[int, int]]:
        """Half-open ranges that fit one request each, the first one last."""
        parts: list[tuple[int, int]] = []
        first = size = 0
        for place, line in enumerate(lines):
            if place > first and (size + len(line) >= self._batch_bytes or place - first >= BATCH_LINES):
                parts.append((first, place))
                first, size = place, 0
            size += len(line) + 1
        if lines:
            parts.append((first, len(lines)))
        return parts[::-1]

    def _settled(self, lines: Sequence[bytes]) -> Taken | TooMuch:
        """Ask until there is an answer that stays one."""
        tries = 0
        while True:
            seconds = 0.0
            why: SealtrailError
            try:
                verdict = self._once(lines)
            except UsageError as error:
                why = error
            else:
                match verdict:
                    case Taken() | TooMuch():
                        self._well()
                        return verdict
                    case OtherCoding() if len(self._codings) > 1:
                        self._codings = self._codings[1:]
                        continue
                    case OtherCoding():
                        why = UsageError("remote.answer", f"{self._line.remote.name} reads no NDJSON")
                    case Denied(why=denied):
                        if not self._ever or self._give_up:
                            raise denied
                        why, seconds = denied, DENIED_SECONDS
                    case Later(why=why, seconds=seconds):
                        pass
            self._fails(why)
            tries += 1
            self.counts["retries"] += 1
            most = min(MOST_SECONDS, FIRST_SECONDS * 2 ** min(tries - 1, 10))
            # Jitter, so that many that lost one collector do not come back in one moment. Never before the
            # moment that was asked for.
            if self._stopping.wait(max(seconds, 0.0) + self._dice(most / 2, most)):
                raise StoppedError

    def _once(self, lines: Sequence[bytes]) -> Taken | TooMuch | OtherCoding | Later | Denied:
        coding, pack = self._codings[0]
        body = pack(b"\n".join(lines) + b"\n")
        headers = {"Content-Type": "application/x-ndjson"}
        if coding:
            headers["Content-Encoding"] = coding
        answer = self._line.ask("POST", PATH, body, headers)
        self.counts["batches"] += 1
        self.counts["sent_bytes"] += len(body)
        return judge(answer, len(lines), self._line.remote.name)

    def _fails(self, why: SealtrailError) -> None:
        now = time.monotonic()
        if not self._trouble:
            self._failing_since = now
        if why.what != self._trouble:
            self._trouble = why.what
            self._told(why.what)
        if self._stopping.is_set():
            raise StoppedError
        if self._give_up and now - self._failing_since >= self._give_up:
            raise why

    def _well(self) -> None:
        self._ever = True
        if self._trouble:
            self._trouble = ""
            self._told("")


def _codings() -> list[tuple[str, Callable[[bytes], bytes]]]:
    """Names and functions of what bodies may be packed with, the best first; at last not at all."""
    found: list[tuple[str, Callable[[bytes], bytes]]] = []
    try:
        import zstandard

        found.append(("zstd", zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress))
    except ModuleNotFoundError:  # it is no part of the application's side
        pass
    return [*found, ("gzip", _gzip), ("", bytes)]


def _gzip(data: bytes) -> bytes:
    packer = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, 31)
    return packer.compress(data) + packer.flush()
