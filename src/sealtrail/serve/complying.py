"""Reports, reviews and retention of a running collector: `web.protocols.Complying`."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import msgspec

from sealtrail.comply.library import find, names
from sealtrail.errors import UsageError
from sealtrail.serve import reporting, reviewing
from sealtrail.serve.holding import Holding, Wanted
from sealtrail.serve.holds import Hold
from sealtrail.serve.recording import placed
from sealtrail.serve.writing import Collector
from sealtrail.web.protocols import Day, FrameworkTold, Held, Retained, Signed

SEEN_SECONDS: Final = 5.0  # for what was signed to be in the index as well

# Of every file in an archive: the same report gives the same bytes.
_NO_TIME: Final = (1980, 1, 1, 0, 0, 0)


class Compliance:
    """Over one collector. From any thread."""

    def __init__(self, collector: Collector) -> None:
        self._collector = collector

    def frameworks(self) -> Sequence[FrameworkTold]:
        return [FrameworkTold(one.id, one.name, one.version, len(one.controls)) for one in map(find, names())]

    def report(self, framework: str, since: str, until: str, *, entity: str, by: str, form: str) -> bytes:
        if not since or not until:
            raise UsageError(
                "usage.argument", "a report is about a window", hint="Say from which day to which: from, to."
            )
        made = made_now(self._collector, reporting.Wanted(framework, since, until, entity))
        self._collector.pipeline.record(reporting.event(made, by)).result()
        return archive(made.files) if form == "zip" else made.files[f"report.{form}"]

    def days(self, since: str, until: str) -> Sequence[Day]:
        collector = self._collector
        found = reviewing.days(collector.folder, collector.reading, since, until, datetime.now(UTC))
        return [msgspec.convert(one, Day, from_attributes=True) for one in found]

    def sign(self, day: str, note: str, *, by: str) -> Signed:
        event = reviewing.review(self._collector.reading, day, note, by, datetime.now(UTC))
        address = placed(self._collector.pipeline.record(event).result())
        # It is durable. Who signed looks at the calendar next, and should find it there.
        self._collector.settle(SEEN_SECONDS)
        return Signed(str(event["sealtrail.review.day"]), event, address)

    def retention(self) -> Sequence[Retained]:
        found = self._collector.housekeeping.plan(datetime.now(UTC))
        return [msgspec.convert(one, Retained, from_attributes=True) for one in found]


class Holder:
    """Legal holds of a running collector: `web.protocols.Holder`."""

    def __init__(self, holding: Holding) -> None:
        self._holding = holding

    def holds(self) -> Sequence[Held]:
        return [_held(one) for one in self._holding.listed()]

    def hold(
        self,
        name: str,
        reason: str,
        *,
        query: str,
        trail: str,
        since: str,
        until: str,
        ordered: str,
        by: str,
    ) -> Held:
        return _held(self._holding.place(Wanted(name, reason, query, trail, since, until, ordered), by))

    def release(self, name: str, reason: str, *, by: str) -> Held:
        return _held(self._holding.release(name, reason, by))


def _held(hold: Hold) -> Held:
    return msgspec.convert(hold, Held, from_attributes=True)


def made_now(collector: Collector, wanted: reporting.Wanted) -> reporting.Made:
    """A report of what is recorded at this moment, when that is signed. Raises what `reporting.make` does."""
    collector.settle()
    reporting.wait_signed(collector.ledger)
    return reporting.make(
        collector.folder,
        collector.reading,
        wanted,
        now=datetime.now(UTC),
        seen=collector.guard.engine.position() if collector.guard is not None else None,
        workers=1,  # this process has threads and other work: no more processes are made of it
    )


def archive(files: Mapping[str, bytes]) -> bytes:
    """All files as a ZIP, sorted by name."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archived:
        for name in sorted(files):
            archived.writestr(zipfile.ZipInfo(name, _NO_TIME), files[name], zipfile.ZIP_DEFLATED)
    return made.getvalue()
