"""All of `sealtrail ship`: a shipper for each folder, and one who brings the block list back."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from sealtrail.errors import AccessError, SealtrailError, UsageError
from sealtrail.follow.state import save
from sealtrail.ship.blocking import BlockKeeper
from sealtrail.ship.line import Line
from sealtrail.ship.reporting import REPORT_SECONDS, exposition
from sealtrail.ship.shipper import Shipper
from sealtrail.web.remote import remote

_log = logging.getLogger("sealtrail.ship")

LOOK_SECONDS: Final = 0.2  # between two looks whether it is time to end
ONCE_SECONDS: Final = 30.0  # of failing, after which `--once` gives up


class Ship:
    """`state`: where the state of the one folder lies; by default within it.

    `give_up`: seconds of failing after which `once` ends with the failure. `metrics`: a file that is replaced
    by fresh figures every few seconds. Raises UsageError, AccessError.
    """

    def __init__(
        self,
        url: str,
        key: str,
        folders: Sequence[Path],
        *,
        once: bool = False,
        insecure: bool = False,
        state: Path | None = None,
        blocks: bool = True,
        give_up: float = ONCE_SECONDS,
        metrics: Path | None = None,
    ) -> None:
        where = remote(url, key, insecure=insecure)
        if not key:
            raise AccessError(
                "access.missing",
                "the collector takes nothing without a key",
                hint="Make one with `sealtrail key new --role ingest`, and give it in SEALTRAIL_KEY.",
            )
        if state is not None and len(folders) > 1:
            raise UsageError("usage.argument", "--state is for one folder: run one process for each")
        self.name = where.name
        self._changed = threading.Event()
        self.shippers = [
            Shipper(
                folder,
                Line(where, key),
                state=state,
                once=once,
                give_up=give_up if once else 0.0,
                done=self._changed.set,
            )
            for folder in dict.fromkeys(path.absolute() for path in folders)
        ]
        self.blocks = (
            BlockKeeper(Line(where, key), [one.folder for one in self.shippers])
            if blocks and not once
            else None
        )
        self._once = once
        self._metrics = metrics
        self._reported = 0.0

    def run(self, stopping: Callable[[], bool]) -> None:
        """Until `stopping`, or with `once` until all is sent. Raises what made one of them end.

        Raises BusyError (busy.folder) at once where somebody else empties one of the folders.
        """
        for shipper in self.shippers:
            if not shipper.claim() and self._once:
                raise UsageError("usage.path", f"there is no spool folder {shipper.folder}")
        for shipper in self.shippers:
            shipper.start()
        if self.blocks is not None:
            self.blocks.start()
        try:
            while not stopping() and not self._over():
                if time.monotonic() >= self._reported + REPORT_SECONDS:
                    self._report()
                self._changed.wait(LOOK_SECONDS)
                self._changed.clear()
        finally:
            if self.blocks is not None:
                self.blocks.stop()
            for shipper in self.shippers:
                shipper.ask_to_stop()
            for shipper in self.shippers:
                shipper.stop()
            self._report()
        failure = self._failure()
        if failure is not None:
            raise failure

    def _report(self) -> None:
        self._reported = time.monotonic()
        statuses = {str(one.folder): one.report() for one in self.shippers}
        if self._metrics is not None:
            try:
                save(self._metrics, exposition(statuses))
            except OSError as error:
                _log.warning("%s cannot be written: %s", self._metrics, error.strerror)

    def _over(self) -> bool:
        return self._failure() is not None or not any(one.is_running for one in self.shippers)

    def _failure(self) -> SealtrailError | None:
        return next((one.failure for one in self.shippers if one.failure is not None), None)

    def totals(self) -> dict[str, Any]:
        """What was done, and what is left."""
        each = [shipper.totals() for shipper in self.shippers]
        summed = {name: sum(one[name] for one in each) for name in each[0]} if each else {}
        waiting = {str(one.folder): one.waiting() for one in self.shippers}
        return {**summed, "waiting_bytes": sum(waiting.values()), "spools": waiting}
