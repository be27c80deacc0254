"""Reports that were made from the console, kept in the data folder: made one at a time, each an event.

What a person reads, and what they take away, are the same bytes: a report that is made again stands on later
checkpoints, and is another one.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.comply.framework import Framework
from sealtrail.comply.library import find, names
from sealtrail.console.reports import Kept
from sealtrail.errors import BusyError, NotFoundError
from sealtrail.serve.complying import archive, made_now
from sealtrail.serve.reporting import MANIFEST, Made, Wanted, event, write
from sealtrail.serve.writing import Collector
from sealtrail.store.query.times import from_stamp, stamp

PATIENCE_SECONDS: Final = 120.0  # for the report that is being made: verifying a large ledger takes a while
MAX_LISTED: Final = 200  # reports of one listing, the newest

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,40}_\d{8}-\d{8}_[0-9a-f]{16}", re.ASCII)


class KeptReports:
    """A `console.reports.Shelf` over a running collector."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector
        self._place = collector.folder.root / "reports"
        self._making = threading.Lock()

    def frameworks(self) -> list[Framework]:
        return [find(name) for name in names()]

    def make(self, framework: str, since: str, until: str, *, entity: str, by: str) -> str:
        """Make, record and keep a report; its name. Raises what `reporting.make` does, and BusyError."""
        if not self._making.acquire(timeout=PATIENCE_SECONDS):
            raise BusyError(
                "busy.queue", "another report is being made", retry_after=30, hint="Try again in a while."
            )
        try:
            made = made_now(self._collector, Wanted(framework, since, until, entity))
            name = _name(made)
            if not (self._place / name / MANIFEST).exists():
                # Recorded first: nobody may have a report that the audit trail does not know.
                self._collector.pipeline.record(event(made, by)).result()
                write(made, self._place / name)
            return name
        finally:
            self._making.release()

    def reports(self) -> list[Kept]:
        """What was made, the newest first."""
        made = {}
        for path in self._place.iterdir() if self._place.is_dir() else ():
            manifest = path / MANIFEST
            if _NAME.fullmatch(path.name) and manifest.exists():
                made[path.name] = manifest.stat().st_mtime
        newest = sorted(made, key=lambda name: (made[name], name), reverse=True)
        return [self.report(name) for name in newest[:MAX_LISTED]]

    def report(self, name: str) -> Kept:
        """One report. Raises NotFoundError."""
        document: dict[str, Any] = msgspec.json.decode(self.file(name, "report.json"))
        made = (self._place / name / MANIFEST).stat().st_mtime
        first, last = _days(document["window"])
        return Kept(name, stamp(int(made * 1_000_000)), first, last, document)

    def file(self, name: str, path: str) -> bytes:
        """One file of a report, one of those its manifest names. Raises NotFoundError."""
        if path not in self._files(name):
            raise NotFoundError("not-found.file", "the report has no such file")
        return (self._place / name / path).read_bytes()

    def archive(self, name: str) -> bytes:
        """All of a report as one zip file; the same bytes each time. Raises NotFoundError."""
        return archive({f"{name}/{path}": self.file(name, path) for path in self._files(name)})

    def _files(self, name: str) -> list[str]:
        """The files of a report; a name is one of ours before it becomes a path."""
        manifest: Path = self._place / name / MANIFEST if _NAME.fullmatch(name) else self._place / MANIFEST
        try:
            rows = manifest.read_text().splitlines()
        except OSError:
            raise NotFoundError("not-found.file", "there is no such report") from None
        return [MANIFEST, *(row.partition("  ")[2] for row in rows)]


def _name(made: Made) -> str:
    """The framework, the days and which bytes it is: no two reports have one name."""
    days = "-".join(day.replace("-", "") for day in _days(made.report.window))
    return f"{made.report.framework['id']}_{days}_{made.digest[:16]}"


def _days(window: Mapping[str, str]) -> tuple[str, str]:
    """The first and the last day of a window."""
    end = from_stamp(window["to"])
    return window["from"][:10], (stamp(end - 1) if end is not None else window["to"])[:10]
