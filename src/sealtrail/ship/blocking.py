"""Brings the block list back: asked for by long poll, and written into every spool folder.

It is written again each time the collector answers, with news or without: the middleware ignores a list that
is older than half a minute, so a collector that cannot be reached blocks nobody for longer than that.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.errors import UsageError
from sealtrail.follow.worker import Worker
from sealtrail.ship.line import Answer, Line
from sealtrail.spool.layout import BLOCKS_REFRESH_SECONDS, Block, BlockList, publish_blocks

_log = logging.getLogger("sealtrail.ship")

WAIT_SECONDS: Final = int(BLOCKS_REFRESH_SECONDS) - 2  # of one long poll, so that the list is renewed in time
AGAIN_SECONDS: Final = 2.0  # after an answer that was none
# A clock that is off by less is as good as ours: the header that tells it has whole seconds.
SKEW_SECONDS: Final = 3.0


class _Told(msgspec.Struct):
    """One block, as the collector lists it."""

    address: str
    until: str
    id: str = ""
    simulated: bool = False


class _List(msgspec.Struct):
    blocks: list[_Told]


class BlockKeeper(Worker):
    """One collector, many folders. `problem` says why the list is not renewed; empty: it is."""

    def __init__(
        self, line: Line, folders: Sequence[Path], *, clock: Callable[[], float] = time.time
    ) -> None:
        super().__init__("blocks")
        self._line = line
        self._folders = tuple(folders)
        self._clock = clock
        self._tag = ""
        self._blocks: tuple[Block, ...] = ()
        self._faults: set[Path] = set()
        self.problem = ""
        self.published = 0

    def stop(self) -> None:
        self._stopping.set()
        self._line.abort()  # it waits on the collector, on purpose
        super().stop()
        self._line.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not self.turn():
                self._stopping.wait(AGAIN_SECONDS * random.uniform(0.5, 1.0))  # noqa: S311 - no secret

    def turn(self, wait: int = WAIT_SECONDS) -> bool:
        """Ask once, and publish; False where there was no list to be had."""
        headers = {"If-None-Match": self._tag} if self._tag else {}
        try:
            self._take(self._line.ask("GET", f"/api/v1/blocks?wait={wait}", headers=headers))
        except UsageError as error:
            if not self._stopping.is_set():
                self._trouble(error.what)
            return False
        self._trouble("")
        self._publish()
        return True

    def _take(self, answer: Answer) -> None:
        """News, or that there is none. Raises UsageError for what is neither."""
        if answer.status == 200:
            self._blocks = _blocks(answer, self._clock())
            self._tag = answer.headers.get("etag", "")
        elif answer.status != 304 or not self._tag:
            raise UsageError(
                "remote.answer", f"{self._line.remote.name} answers {answer.status} for its block list"
            )

    def _publish(self) -> None:
        listed = BlockList(written=self._clock(), blocks=self._blocks)
        for folder in self._folders:
            try:
                publish_blocks(folder, listed)
            except FileNotFoundError:
                pass  # the application has not made its folder yet: it gets the list with the next answer
            except OSError as error:
                if folder not in self._faults:
                    self._faults.add(folder)
                    _log.error("blocks cannot be written to %s: %s", folder, error.strerror)
            else:
                self._faults.discard(folder)
        self.published += 1

    def _trouble(self, why: str) -> None:
        if why and why != self.problem:
            _log.warning("the block list is not renewed: %s", why)
        self.problem = why


def _blocks(answer: Answer, now: float) -> tuple[Block, ...]:
    """The blocks in force, their ends by this machine's clock."""
    try:
        told = msgspec.json.decode(answer.body, type=_List).blocks
        skew = _skew(answer, now)
        return tuple(
            Block(one.address, datetime.fromisoformat(one.until).timestamp() + skew, one.id)
            for one in told
            if not one.simulated
        )
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, OverflowError):
        raise UsageError("remote.answer", "what was given as the block list cannot be read") from None


def _skew(answer: Answer, now: float) -> float:
    """Seconds by which this machine's clock is ahead of the collector's, whose clock ends a block."""
    try:
        there = parsedate_to_datetime(answer.headers.get("date", ""))
    except (ValueError, IndexError, TypeError):
        return 0.0
    skew = now - there.replace(tzinfo=there.tzinfo or UTC).timestamp()
    return skew if abs(skew) > SKEW_SECONDS else 0.0
