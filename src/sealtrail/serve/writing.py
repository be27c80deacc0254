"""The collector, composed: one writer of one data folder, and everything that follows it.

Starting goes from the truth outwards (lock, trails, table of what was seen, writer, followers, inputs) and
stopping in the opposite order: nothing is accepted that cannot be written, nothing written goes unfollowed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from sealtrail.accounts.people import People
from sealtrail.collect.inbox import Act, Inbox
from sealtrail.collect.own import CUT, STARTED, STOPPED
from sealtrail.collect.pipeline import Line, Pipeline, open_trails
from sealtrail.collect.seen import Seen
from sealtrail.collect.spools import SpoolFollower
from sealtrail.errors import SealtrailError, UsageError
from sealtrail.event import Batch, Receipt
from sealtrail.event.line import check_line
from sealtrail.follow import Follower, Hub
from sealtrail.follow.worker import Worker
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.anchoring import anchors
from sealtrail.serve.checking import Checking
from sealtrail.serve.cosigning import Cosigning
from sealtrail.serve.folder import Folder, WriterLock, free_space
from sealtrail.serve.front import proxies, public_url
from sealtrail.serve.guarding import Guard
from sealtrail.serve.holding import Holding
from sealtrail.serve.housekeeping import Housekeeping
from sealtrail.serve.passphrases import Passphrases
from sealtrail.serve.reading import Reading
from sealtrail.serve.reads import Reads
from sealtrail.serve.recording import placed
from sealtrail.serve.retaining import left_positions
from sealtrail.serve.signers import rotated
from sealtrail.serve.signing import signers
from sealtrail.serve.signing_in import SigningIn
from sealtrail.serve.sparing import Sparing
from sealtrail.serve.tailing import Tails
from sealtrail.settings import Settings, load
from sealtrail.spool.rejects import Rejects
from sealtrail.store.columnar import ColumnarStore

_log = logging.getLogger("sealtrail.serve")

# For followers to catch up when the collector stops; they go on from there at the next start.
DRAIN_SECONDS: Final = 10.0


class Collector:
    """A data folder open for writing. A context manager; entering starts it, leaving stops it gracefully.

    `spools` are followed; `guard` runs detection and response; `url` is where the console is. Without them it
    is what `import` and `rebuild` need. Raises LedgerError (ledger.locked) while another process writes.
    """

    def __init__(
        self,
        folder: Folder,
        *,
        spools: Sequence[Path] = (),
        guard: bool = True,
        rules: Sequence[Path] = (),
        anchors: Sequence[str] = (),
        clear_index: bool = False,
        volume_entries: int = VOLUME_ENTRIES,
        url: str = "",
    ) -> None:
        self.folder = folder
        self._url = url
        self._spool_paths = list(spools)
        self._with_guard = guard
        self._rule_paths = list(rules)
        self._anchor_names = list(anchors)
        self._clear_index = clear_index
        self._volume_entries = volume_entries
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._open()
            self._start()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    # --- composition

    def _open(self) -> None:
        folder = self.folder
        folder.create()
        self.settings: Settings = load(folder.root)
        self.passphrase = Passphrases(self.settings.ledger)
        self.proxies = proxies(self.settings.http)
        public = public_url(self.settings.http)
        if self._url:
            self._url = public or self._url
        self._stack.enter_context(WriterLock(folder))
        self.logs, before = open_trails(
            folder.root,
            origin=self.settings.ledger.origin,
            passphrase=self.passphrase,
            signer=signers(self.settings.ledger.signer),
            volume_entries=self._volume_entries,
        )
        for log in self.logs.values():
            self._stack.callback(log.close)
        self.ledger = LedgerReader(folder.root, durable=self._durable, volume_entries=self._volume_entries)
        self._stack.callback(self.ledger.close)
        self.rejects = Rejects(folder.rejects)
        seen = Seen.load(folder.seen)
        seen.catch_up(self.ledger)
        self.store = ColumnarStore.open(folder.store)
        self._stack.callback(self.store.close)
        if self._clear_index:
            self.store.clear()
        self.reading = Reading(self.ledger, self.store)
        self.pipeline = Pipeline(
            self.logs,
            seen,
            self.rejects,
            self.settings,
            publish=self._publish,
            free_space=lambda: free_space(folder.root, self.settings.disk),
            seen_path=folder.seen,
            before=before,
        )
        self.anchors = anchors(
            folder, self.settings, self._anchor_names, self.logs, self.ledger, self.pipeline.record
        )
        followers: list[Follower] = [self.store]
        self.guard = None
        if self._with_guard:
            self.guard = Guard(
                folder,
                self.settings,
                self.pipeline,
                self.ledger,
                self._spool_paths,
                self._rule_paths,
            )
            followers += self.guard.followers
        self.tails = Tails(self.reading)
        self.hub = Hub(self.ledger, [*followers, self.tails])
        self.spools = [
            SpoolFollower(path, self.pipeline, self.rejects, folder.cursor(f"spool-{place}-{path.name}"))
            for place, path in enumerate(self._spool_paths)
        ]
        for follower in self.spools:
            follower.claim()  # before anything starts: two that empty one folder would both lose by it
        self.housekeeping = Housekeeping(
            folder.trails,
            self.settings.retention,
            self.pipeline,
            self.ledger,
            self.hub,
            self.store,
            Sparing(self.ledger, folder.holds, volume_entries=self._volume_entries),
            left=left_positions(folder) if self.guard is None else (),
            volume_entries=self._volume_entries,
        )
        self.holding = Holding(self.housekeeping, self.pipeline)
        self.inbox = Inbox(folder.inbox, self._carry_out)
        self.reads = Reads(self.pipeline.record)
        self.cosigning = Cosigning(
            folder,
            self.logs,
            self.ledger,
            self.pipeline.record,
            self.settings.ledger.witness_seconds,
        )
        self.checking = Checking(folder.root, self.pipeline.record, self.anchors.evidence)
        self.signing_in = SigningIn(People(folder.keys), self.pipeline.record)

    def _publish(self, batch: Batch) -> None:
        self.hub.publish(batch)

    def _durable(self) -> dict[str, int]:
        return {trail: log.durable for trail, log in self.logs.items()}

    def _start(self) -> None:
        if self.guard is not None:
            self._stack.callback(self.guard.save)
            self.guard.prepare()
        self.hub.start()
        self._stack.callback(self.hub.stop)
        for place in self.anchors.places:
            # Before the writer, to end after it: what is signed last is anchored as well.
            place.start()
            self._stack.callback(place.stop)
        if self.guard is not None:
            # When nothing is written any more: what was signed last is cosigned as well.
            self._stack.callback(self.cosigning.finish)
        self.pipeline.start()
        self._stack.callback(self.pipeline.stop)
        self._report_start()
        self._stack.callback(self._report_stop)
        self._stack.callback(self.checking.stop)
        # Alerts that are still to come have to be written while the writer takes them.
        self._stack.callback(self.hub.wait, DRAIN_SECONDS)
        parts: list[Worker] = [
            self.housekeeping,
            self.inbox,
            self.reads,
            self.signing_in.refusals,
            *self.spools,
        ]
        if self.guard is not None:
            parts.insert(1, self.guard)
            parts.insert(1, self.cosigning)
            if self.guard.notices is not None:
                parts.insert(1, self.guard.notices)
        for part in parts:
            part.start()
            self._stack.callback(part.stop)

    def _report_start(self) -> None:
        self.pipeline.record({"event.action": STARTED, "event.type": ["start"]}).result()
        for trail, log in self.logs.items():
            for cut in log.cuts:
                self.pipeline.record(
                    {
                        "event.action": CUT,
                        "event.outcome": "failure",
                        "event.reason": f"{cut.bytes} bytes that nobody was told are safe were cut",
                        "sealtrail.range.trail": trail,
                        "sealtrail.range.first": cut.index,
                    }
                )

    def _report_stop(self) -> None:
        try:
            self.pipeline.record({"event.action": STOPPED, "event.type": ["end"]}).result()
        except SealtrailError as error:
            _log.warning("the stop could not be recorded: %s", error.what)

    # --- for doors

    def submit(self, source: str, lines: list[Line]) -> Receipt:
        """Submit and wait until the lines are durable. Raises BusyError, LedgerError."""
        return self.pipeline.submit(source, lines).result()

    def link(self, name: str, role: str = "", *, by: str = "") -> str:
        """The address that signs in once: a person, or with a `role` whoever runs the server."""
        if not self._url:
            raise UsageError("usage.argument", "this collector has no console")
        return f"{self._url}/sign-in?link={self.signing_in.new_link(name, role, by=by)}"

    def settle(self, seconds: float = 10.0) -> bool:
        """Wait until every follower has seen what is durable now; False when that takes longer."""
        return self.hub.wait(seconds, upto=self._durable())

    def health(self) -> dict[str, Any]:
        """What /readyz says: whether events are accepted, how far followers are, what was refused."""
        why = self.pipeline.ready()
        return {
            "ready": not why,
            "why": why,
            "troubles": self._troubles(),
            "time": datetime.now(UTC),
            "trails": self.pipeline.heads(),
            "signed": {trail: log.published for trail, log in self.logs.items()},
            "signed_at": self.pipeline.signed_at,
            "queue_bytes": self.pipeline.waiting,
            "anchors": [msgspec.to_builtins(one) for one in self.anchors.standing()],
            "lag": self.hub.lags(),
            "failing": self.hub.failures(),
            "counts": {**self.pipeline.counts, "unkept": self.rejects.unkept},
            "rejected": dict(self.rejects.counts),
            "witnesses": self.cosigning.told(),
            "spools": {str(s.folder): {**s.counts, "problem": s.problem} for s in self.spools},
        }

    def _troubles(self) -> list[str]:
        """What keeps nobody from sending and wants a look all the same."""
        troubles = [f"follower {name}: {error}" for name, error in self.hub.failures().items()]
        troubles += [f"spool {s.folder}: {s.problem}" for s in self.spools if s.problem]
        if self.guard is not None:
            troubles += [f"block list of {spool}: {why}" for spool, why in self.guard.desk.faults.items()]
            troubles += [f"rule not loaded: {refused}" for refused in self.guard.ruleset.refused]
        troubles += self.anchors.troubles()
        troubles += self.cosigning.troubles()
        if self.rejects.unkept:
            troubles.append(f"{self.rejects.unkept} refused lines could only be counted")
        return troubles

    def _carry_out(self, act: Act) -> Act:
        """An operator's act from the inbox. Every act is idempotent: a crash may carry it out again."""
        match act["act"]:
            case "submit":
                lines: list[Line] = [
                    (raw, check_line(raw)) for text in act["lines"] if (raw := text.encode())
                ]
                receipt = self.submit(str(act["source"]), lines)
                return {
                    "accepted": receipt.accepted,
                    "duplicates": receipt.duplicates,
                    "conflicts": receipt.conflicts,
                }
            case "retain":
                removed = self.housekeeping.retain(datetime.now(UTC), str(act["by"]))
                return {"removed": msgspec.to_builtins(removed)}
            case "rotate":
                return {
                    "rotated": msgspec.to_builtins(rotated(self.folder, self.pipeline, act, self.passphrase))
                }
            case "hold":
                return self.holding.operate(act)
            case "record":
                # Named after the request: one that is carried out again after a crash is recorded once.
                identity = {"sealtrail.emitter": f"inbox:{act['request']}", "sealtrail.seq": 0}
                return _told(self.pipeline.record({**identity, **act["fields"]}))
            case "health":
                return self.health()
            case "link":
                return {"link": self.link(str(act["name"]), str(act["role"]), by=str(act["by"]))}
            case "sign-out":
                return {"ended": self.signing_in.end_sessions(str(act["name"]), str(act["by"]))}
            case "mark":
                return {"position": self.pipeline.mark().result()}
            case "block" | "unblock" | "blocks" | "alerts":
                if self.guard is None:
                    raise UsageError("usage.argument", "this collector runs without response")
                return self.guard.operate(act)
            case other:
                raise UsageError("usage.argument", f"the server does not know the act {other!r}")


def _told(future: Future[Receipt]) -> Act:
    receipt = future.result()
    return {"accepted": receipt.accepted, "address": placed(receipt)}
