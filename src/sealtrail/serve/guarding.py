"""Detection and response around one pipeline: alerts become events and, where a rule says so, blocks."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.inbox import Act
from sealtrail.collect.pipeline import Pipeline
from sealtrail.detect.engine import Engine
from sealtrail.detect.library import load
from sealtrail.errors import SealtrailError, UsageError
from sealtrail.event import Fields
from sealtrail.follow import Cursor, Follower, Reader
from sealtrail.follow.worker import Worker
from sealtrail.respond.book import Book
from sealtrail.respond.desk import Desk
from sealtrail.respond.notices import Notices
from sealtrail.respond.notify import channels
from sealtrail.respond.table import Active
from sealtrail.serve.alerting import Alerting
from sealtrail.serve.folder import Folder
from sealtrail.serve.listening import Listener
from sealtrail.settings import NotifySettings, Settings

_log = logging.getLogger("sealtrail.guard")

TICK_SECONDS: Final = 1.0  # between two looks at what has expired


class Guard(Worker):
    """The engine, the desk, and the tick that keeps the block lists fresh.

    When it stops the lists stay, and are stale in half a minute: no dead hand blocks anybody.
    """

    def __init__(
        self,
        folder: Folder,
        settings: Settings,
        pipeline: Pipeline,
        ledger: Reader,
        spools: Sequence[Path],
        rules: Sequence[Path],
    ) -> None:
        super().__init__("blocks")
        self._pipeline = pipeline
        self._ledger = ledger
        self.ruleset = load(rules)
        for refused in self.ruleset.refused:
            _log.error("a rule is not loaded: %s", refused)
        self.desk = Desk(
            self._record,
            settings.response,
            spools=spools,
            never=settings.response.trusted_proxies,
            state=folder.state / "response.json",
        )
        self.book = Book(folder.alerts)
        self.alerts = Alerting(self.book, ledger, self.ruleset, pipeline.record)
        self.listener = Listener(settings.silence, self._record, folder.state / "silence.json")
        # Before the hub asks where they stand: else it would hand them all of the ledger.
        self.book.catch_up(ledger)
        self.listener.start_at(ledger.sizes())
        self.notices = _notices(settings.notify, self._record, folder, ledger)
        self.engine = Engine(self.ruleset, self.desk.take, cursor=Cursor(folder.cursor("detect")))

    @property
    def followers(self) -> list[Follower]:
        notices = [] if self.notices is None else [self.notices]
        return [self.engine, self.desk, self.book, self.listener, *notices]

    def prepare(self) -> None:
        """Be where we were before the restart: blocks in force again, windows filled again."""
        self.desk.catch_up(self._ledger)
        self.engine.catch_up(self._ledger)

    def save(self) -> None:
        """Keep positions; called when the followers have ended."""
        self.engine.save()
        self.desk.save()
        self.book.save()
        self.listener.save()
        if self.notices is not None:
            self.notices.save()

    def operate(self, act: Act) -> Act:
        """An operator's request. Raises UsageError for what cannot be done."""
        match act["act"]:
            case "block":
                done = self.desk.block(
                    str(act["address"]),
                    float(act["seconds"]),
                    reason=str(act["reason"]),
                    by=str(act["by"]),
                    request=str(act["request"]),
                )
                return shown(done)
            case "unblock":
                ended = self.desk.unblock(
                    str(act["address"]),
                    reason=str(act["reason"]),
                    by=str(act["by"]),
                    request=str(act["request"]),
                )
                return {"ended": ended}
            case "blocks":
                return {"blocks": [shown(one) for one in self.desk.blocks()]}
            case "alerts":
                return dict(
                    self.alerts.act(
                        str(act["verb"]),
                        [str(one) for one in act["ids"]],
                        by=str(act["by"]),
                        reason=str(act["reason"]),
                        request=str(act["request"]),
                    )
                )
            case other:
                raise UsageError("usage.argument", f"there is no act {other!r}")

    def _record(self, fields: Fields) -> bool:
        """Durable when it returns; False where it was recorded before a crash, and is repeated."""
        return self._pipeline.record(fields).result().accepted > 0

    def _run(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            try:
                self.desk.tick()
            except (SealtrailError, OSError):
                _log.exception("the block lists could not be refreshed; it is tried again")
            try:
                self.listener.look(self._ledger.sizes, taking=not self._pipeline.ready())
            except (SealtrailError, OSError):
                _log.exception("it could not be looked who is silent; it is tried again")


def _notices(
    settings: NotifySettings, record: Callable[[Fields], Any], folder: Folder, ledger: Reader
) -> Notices | None:
    """The worker that tells people; None where nobody is to be told, and then apprise is not loaded."""
    if not settings.urls:
        return None
    targets = list(zip(settings.urls, channels(settings.urls), strict=True))
    return Notices(targets, settings.level, record, folder.state / "notices.json", heads=ledger.sizes())


def shown(block: Active) -> dict[str, Any]:
    """A block as people and programs are told of it, its times as RFC 3339."""
    told = dict(msgspec.to_builtins(block))
    for name in ("since", "until"):
        told[name] = datetime.fromtimestamp(told[name], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return told
