"""Has the trails' checkpoints cosigned by the witnesses of the data folder, and says what is not.

One thread looks at what was signed every `witness-seconds` and asks every witness that is due, several at a
time. Nobody waits for it: an append is acknowledged and a checkpoint published whether they answer or not.

What it writes into the record is written when the state changes, never when a checkpoint is made: that the
quorum was missing for a while, and that it is back. Such an event is news that is signed and wants to be
cosigned, and that changes the state no more: so it is the last. A witness that comes and goes is told of at
most once in QUIET_SECONDS.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import msgspec

from sealtrail.collect.own import diverged_event, unwitnessed_event, witnessed_event
from sealtrail.errors import SealtrailError
from sealtrail.event import Fields, Receipt
from sealtrail.event.entry import stamp
from sealtrail.follow.state import save_json
from sealtrail.follow.worker import Worker
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import Note
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.witnessed import keep_witnessed, with_lines, witnessed_size
from sealtrail.serve.asked import Contradicted, Failed, Lines, asked
from sealtrail.serve.folder import Folder
from sealtrail.serve.standing import Reach, Standing, kept_of
from sealtrail.serve.witnesses import NOBODY, SKEW_SECONDS, Trust, trust_of

_log = logging.getLogger("sealtrail.witnesses")

# Without a quorum for so long, it is a fact worth an entry: a witness that is started anew takes less.
UNWITNESSED_SECONDS: Final = 60.0

# Between two losses of one trail that are told of.
QUIET_SECONDS: Final = 600.0

# Between two questions to a witness that fails, at most.
MOST_SECONDS: Final = 300.0

# For each question when the collector stops: what is not cosigned then is at the next start.
LAST_SECONDS: Final = 2.0

# Witnesses asked at a time.
THREADS: Final = 8


class Signing(Protocol):
    """What is seen here of a trail's writer: how far it signed, and the note."""

    @property
    def published(self) -> int: ...

    def checkpoint(self) -> bytes: ...


class Cosigning(Worker):
    """`status` is what everybody may see. `record` is the pipeline's."""

    def __init__(
        self,
        folder: Folder,
        logs: Mapping[str, Signing],
        ledger: LedgerReader,
        record: Callable[[Fields], Future[Receipt]],
        seconds: float,
        *,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__("witnesses")
        self._folder = folder
        self._logs = logs
        self._ledger = ledger
        self._record = record
        self._seconds = seconds
        self._clock, self._steady = clock, steady
        self._lines = Lines()
        self._kept = kept_of(folder)
        self._trust: Trust = NOBODY
        self._seen: tuple[int, int, int] | None = None
        self._tries: dict[str, int] = {}
        self._due: dict[str, float] = {}
        self._behind: dict[str, float] = {}  # trail -> since when it is signed beyond its quorum
        self._lost: dict[str, float] = {}  # trail, or witness and trail -> when it was last told of
        self._pending: dict[str, Note] = {}  # trail -> a note whose cosignatures make no quorum yet
        self._unsaid: list[Fields] = []
        self.problem = ""

    def _run(self) -> None:
        while not self._stopping.wait(self._seconds):
            self._guarded()

    def stop(self) -> None:
        self._lines.stop()
        super().stop()

    def finish(self) -> None:
        """Once more, for what was signed last: called when nothing is written any more."""
        self._lines = Lines(LAST_SECONDS)
        self._guarded(last=True)

    def _guarded(self, *, last: bool = False) -> None:
        try:
            self.once(last=last)
        except Exception:  # the next round may do better, and nobody else looks after witnesses
            _log.exception("witnesses could not be asked")

    # --- what is seen of it

    @property
    def trust(self) -> Trust:
        return self._trust

    def standings(self) -> dict[str, Standing]:
        """Each witness by name."""
        return {name: self._kept.witnesses.get(name, Standing()) for name in self._trust.keys}

    def follows(self, trail: str) -> bool:
        """Is there anybody who should cosign this trail?"""
        return bool(self._trust.keys) and trail in self._logs

    def unwitnessed(self) -> dict[str, int]:
        """Trails that have lacked their quorum for long, and the size since which they do."""
        late = self._steady() - UNWITNESSED_SECONDS
        return {trail: self.witnessed(trail) for trail, since in list(self._behind.items()) if since <= late}

    def witnessed(self, trail: str) -> int:
        """Entries of a trail under its latest quorum."""
        reach = self._kept.trails.get(trail)
        return reach.witnessed if reach is not None else 0

    def told(self) -> dict[str, Any]:
        """For `health`: the quorum, the witnesses, and how far each trail is witnessed."""
        return {
            "quorum": self._trust.rule,
            "witnesses": msgspec.to_builtins(self.standings()),
            "trails": {trail: self.witnessed(trail) for trail in self._logs} if self._trust.keys else {},
            "unwitnessed": self.unwitnessed(),
        }

    def troubles(self) -> list[str]:
        """What wants a look."""
        found = [f"witnesses: {self.problem}"] if self.problem else []
        found += [
            f"witnesses: {trail} is unwitnessed since {size:,}" for trail, size in self.unwitnessed().items()
        ]
        for name, one in self.standings().items():
            if one.why:
                found.append(f"witness {name} fails since {one.failing_since}: {one.why}")
        return found

    # --- a round

    def once(self, *, last: bool = False) -> None:
        """Ask whoever is due about what was signed, keep what they sign, and say what changed."""
        self._read_trust()
        if not self._trust.keys:
            self._behind.clear()
            return
        before = msgspec.json.encode(self._kept)
        notes = {trail: Note.from_bytes(log.checkpoint()) for trail, log in self._logs.items()}
        names = [name for name in self._trust.remotes if not last or not self._tries.get(name)]
        now = self._steady()
        due = [name for name in names if last or self._due.get(name, now) <= now]
        if due:
            with ThreadPoolExecutor(min(THREADS, len(due)), "sealtrail-witness") as threads:
                for name, found in zip(due, threads.map(lambda one: self._ask(one, notes), due), strict=True):
                    self._settle(name, found)
        for trail, note in notes.items():
            self._look(trail, note, silent=last)
        self._say()
        if msgspec.json.encode(self._kept) != before:
            self._kept.time = stamp(datetime.now(UTC))
            save_json(self._folder.witnessing, msgspec.to_builtins(self._kept))

    def _read_trust(self) -> None:
        """The policy as it is now: a command that adds a witness needs no restart."""
        try:
            status = self._folder.witnesses.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            seen = (0, 0, 0)
        if seen == self._seen:
            return
        try:
            self._trust, self.problem = trust_of(self._folder), ""
        except SealtrailError as error:
            self.problem = error.what  # what held before holds on: a typing error asks nobody less
        self._seen = seen
        self._due.clear()
        for name in set(self._kept.witnesses) - set(self._trust.keys):
            del self._kept.witnesses[name]
        for trail in self._logs:
            self._kept.trails.setdefault(trail, Reach()).witnessed = self._quorum_of(trail)

    def _quorum_of(self, trail: str) -> int:
        """How far the note that is kept reaches, if it makes the quorum that holds now."""
        data = self._ledger.witnessed(trail)
        size = witnessed_size(data)
        return size if size and self._is_quorum(Note.from_bytes(data)) else 0

    def _is_quorum(self, note: Note) -> bool:
        met, names = self._trust.policy.cosigned(note, int(self._clock()) + SKEW_SECONDS)
        return met or (self._trust.policy.quorum == "none" and bool(names))

    def _ask(self, name: str, notes: Mapping[str, Note]) -> dict[str, Note | Failed]:
        """One witness about every trail that it has not cosigned as it is. In a thread of the round."""
        found: dict[str, Note | Failed] = {}
        key, where = self._trust.keys[name], self._trust.remotes[name]
        known = self._kept.witnesses.get(name, Standing()).cosigned
        for trail, note in notes.items():
            size = Checkpoint.from_text(note.text).size
            if not size or (known.get(trail) == size and self._has(trail, note, name)):
                continue
            try:
                with self._lines.to(where) as line:
                    told = asked(
                        line,
                        key,
                        note,
                        known.get(trail, 0),
                        lambda old, new, trail=trail: self._ledger.consistency(trail, old, new),  # type: ignore[misc]
                        lambda trail=trail: self._logs[trail].published,  # type: ignore[misc]
                        self._clock,
                    )
            except Failed as failure:
                found[trail] = failure
            except SealtrailError as error:  # our own ledger gives no proof: that is not the witness's fault
                found[trail] = Failed(f"{trail} gives no proof: {error.what}")
            else:
                found[trail] = with_lines(note, told.lines)
        return found

    def _has(self, trail: str, note: Note, name: str) -> bool:
        key = self._trust.keys[name]
        data = self._ledger.witnessed(trail)
        return data.startswith(note.data) and any(
            (line.name, line.key_id) == (key.name, key.id) for line in Note.from_bytes(data).signatures
        )

    def _settle(self, name: str, found: Mapping[str, Note | Failed]) -> None:
        """What one witness answered: keep its lines, note its failures, and when it is asked again."""
        standing = self._kept.witnesses.setdefault(name, Standing())
        failed = {trail: one for trail, one in found.items() if isinstance(one, Failed)}
        for trail, one in found.items():
            if isinstance(one, Note):
                standing.cosigned[trail] = Checkpoint.from_text(one.text).size
                self._keep(trail, one)
            elif isinstance(one, Contradicted):
                self._contradicted(name, standing, trail, one)
        if not found:
            return
        if not failed:
            standing.failing_since = standing.why = ""
            standing.diverged = []
            self._tries.pop(name, None)
            self._due.pop(name, None)
            return
        tries = self._tries[name] = self._tries.get(name, 0) + 1
        self._due[name] = self._steady() + min(MOST_SECONDS, self._seconds * 2 ** min(tries - 1, 10))
        why = "; ".join(f"{trail}: {one}" for trail, one in failed.items())
        if why != standing.why:
            _log.warning("witness %s: %s", name, why)
        standing.why = why
        standing.failing_since = standing.failing_since or stamp(datetime.fromtimestamp(self._clock(), UTC))

    def _keep(self, trail: str, note: Note) -> None:
        """Lines join those their note has; another note takes its place where no quorum is lost by it."""
        data = self._ledger.witnessed(trail)
        kept = Note.from_bytes(data) if witnessed_size(data) else None
        if kept is not None and kept.text == note.text:
            note = with_lines(note, kept.signatures)
        elif kept is not None and self._is_quorum(kept) and not self._is_quorum(note):
            pending = self._pending.get(trail)
            if pending is not None and pending.text == note.text:
                note = with_lines(note, pending.signatures)
            self._pending[trail] = note
            if not self._is_quorum(note):
                return
        keep_witnessed(self._folder.trails / trail, note)
        self._pending.pop(trail, None)

    def _contradicted(self, name: str, standing: Standing, trail: str, one: Contradicted) -> None:
        """Say it once, however often the witness does: one that names another size each time is hostile."""
        now, key = self._steady(), f"{name} {trail}"
        if trail not in standing.diverged and now - self._lost.get(key, now - QUIET_SECONDS) >= QUIET_SECONDS:
            self._lost[key] = now
            standing.diverged.append(trail)
            where = f"witness {name} ({self._trust.remotes[name].name})"
            self._unsaid.append(diverged_event(trail, one.size, "", where, f"{where}: {one}"))

    def _look(self, trail: str, note: Note, *, silent: bool) -> None:
        """Hold a trail's quorum against what was signed, and say so where it changed for long."""
        reach = self._kept.trails.setdefault(trail, Reach())
        reach.witnessed = self._quorum_of(trail)
        signed, now = Checkpoint.from_text(note.text).size, self._steady()
        if reach.witnessed >= signed:
            self._behind.pop(trail, None)
            if reach.told and not silent:
                reach.told = False
                self._unsaid.append(witnessed_event(trail, signed))
            return
        since = self._behind.setdefault(trail, now)
        late = now - since >= UNWITNESSED_SECONDS
        quiet = now - self._lost.get(trail, now - QUIET_SECONDS) >= QUIET_SECONDS
        if late and quiet and not reach.told and not silent:
            reach.told = True
            self._lost[trail] = now
            why = "; ".join(f"{name}: {one.why}" for name, one in self.standings().items() if one.why)
            self._unsaid.append(
                unwitnessed_event(trail, reach.witnessed, signed, why or "no quorum answered")
            )

    def _say(self) -> None:
        """Write events. One that cannot be written now is tried again with the next round."""
        while self._unsaid:
            try:
                self._record(self._unsaid[0]).result()
            except SealtrailError as error:
                _log.warning("a fact about witnesses cannot be recorded yet: %s", error.what)
                return
            self._unsaid.pop(0)
