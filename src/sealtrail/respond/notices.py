"""Notices: which alerts people are told of, and what became of each. A follower with a worker of its own.

Following only notes what is to be sent; the worker sends, so that a mail server that hangs holds up nobody.
What is to be sent is kept in a file until it was accepted: a crash can send a notice twice and loses none.
Each try is an event, delivered or not.

A channel gets one message at a time, and the next after a pause: the first alert is told at once, and what
comes meanwhile goes into one message.
"""

from __future__ import annotations

import hashlib
import logging
import re
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec

from sealtrail.event import Batch, Entry, Fields, Position
from sealtrail.follow.state import save
from sealtrail.follow.worker import Worker
from sealtrail.respond.alert import ACTION, SEVERITY

_log = logging.getLogger("sealtrail.notices")

NOTICE: Final = "sealtrail.notice"

PAUSE_SECONDS: Final = 10.0  # between two messages to one channel
RETRY_SECONDS: Final = (10.0, 60.0, 300.0, 1_800.0, 3_600.0)  # after each failure, the last for all others
GIVE_UP_SECONDS: Final = 86_400.0  # after a day nobody waits for it any more: the alert is where it was
MAX_PENDING: Final = (
    1_000  # notices that wait for one channel; the oldest make room, and the next message says so
)
MAX_TOLD: Final = 20  # alerts that one message spells out
LOOK_SECONDS: Final = 0.5  # between two looks what is due

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Sender(Protocol):
    """What carries a text to people; `Channel` does."""

    name: str

    def send(self, title: str, body: str) -> str:
        """Empty when it was accepted, else why not."""
        ...


class Pending(msgspec.Struct, frozen=True):
    """One alert that a channel has to tell. `noted`: when, in seconds of the epoch."""

    alert: str
    level: str
    title: str
    message: str
    time: str
    noted: float


class Queue(msgspec.Struct):
    """What waits for one channel. `due` is in seconds of the epoch; `dropped` made room."""

    pending: list[Pending] = []
    tries: int = 0
    due: float = 0.0
    dropped: int = 0


class _State(msgspec.Struct):
    version: int
    position: Position
    queues: dict[str, Queue]


class Notices(Worker):
    """`targets` are (address, channel); an address is only hashed, to find its queue again after a restart.

    `record` writes an event of the collector's own and returns once it is durable.
    """

    name = "notices"

    def __init__(
        self,
        targets: Sequence[tuple[str, Sender]],
        level: str,
        record: Callable[[Fields], Any],
        state: Path,
        *,
        heads: Position,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__("notices")
        self._least = SEVERITY[level]
        self._record = record
        self._path = state
        self._clock = clock
        self._lock = threading.Lock()
        at, kept = _load(state)
        # Without a place to go on from nobody is told of the past.
        self._at = at or dict(heads)
        named = {hashlib.sha256(url.encode()).hexdigest()[:16]: sender for url, sender in targets}
        self._senders = named
        self._queues = {name: kept.get(name, Queue()) for name in named}

    # --- following

    def position(self) -> Position:
        with self._lock:
            return dict(self._at)

    def handle(self, batch: Batch) -> None:
        with self._lock:
            news = [
                one
                for entry in batch.entries
                if entry.index >= self._at.get(entry.trail, 0) and (one := self._noted(entry)) is not None
            ]
            for queue in self._queues.values():
                queue.pending.extend(news)
                over = len(queue.pending) - MAX_PENDING
                if over > 0:
                    del queue.pending[:over]
                    queue.dropped += over
            self._at = dict(batch.end)
            if news:
                self._save()

    def _noted(self, entry: Entry) -> Pending | None:
        fields = entry.fields
        if fields.get("sealtrail.kind") != "alert" or fields.get("event.action") != ACTION:
            return None
        severity = fields.get("event.severity")
        # Imports tell of the past: whoever imports a log looks at it anyway.
        if fields.get("sealtrail.import") is True or type(severity) is not int or severity < self._least:
            return None
        return Pending(
            alert=_plain(fields.get("event.id")),
            level=_plain(fields.get("sealtrail.alert.level")),
            title=_plain(fields.get("rule.name")),
            message=_plain(fields.get("message")),
            time=_plain(fields.get("@timestamp")),
            noted=self._clock(),
        )

    # --- sending

    def _run(self) -> None:
        while not self._stopping.wait(LOOK_SECONDS):
            self.send_due()

    def send_due(self) -> None:
        """One message to every channel for which something is due."""
        for name, sender in self._senders.items():
            now = self._clock()
            with self._lock:
                queue = self._queues[name]
                # A clock that was set back must not keep a notice for hours.
                if not queue.pending or 0 < queue.due - now <= RETRY_SECONDS[-1]:
                    continue
                taken, dropped = list(queue.pending), queue.dropped
            why = sender.send(*_message(taken, dropped))
            self._settle(name, taken, dropped, why)

    def _settle(self, name: str, taken: list[Pending], dropped: int, why: str) -> None:
        now = self._clock()
        late = [one for one in taken if now - one.noted > GIVE_UP_SECONDS] if why else []
        with self._lock:
            queue = self._queues[name]
            done = taken if not why else late
            # By identity: meanwhile others came, and the oldest may have gone.
            gone = {one.alert for one in done}
            queue.pending = [one for one in queue.pending if one.alert not in gone]
            if why:
                queue.due = now + RETRY_SECONDS[min(queue.tries, len(RETRY_SECONDS) - 1)]
                queue.tries += 1
            else:
                queue.due, queue.tries = now + PAUSE_SECONDS, 0
                queue.dropped -= dropped
        self._tell(name, taken, why)
        if late:
            self._tell(name, late, "given up after a day")
        with self._lock:
            self._save()

    def _tell(self, name: str, about: list[Pending], why: str) -> None:
        try:
            self._record(notice_event(self._senders[name].name, [one.alert for one in about], why))
        except Exception:  # the notice is out, or will be tried again; the log says what the trail cannot
            _log.exception("what became of a notice could not be recorded")

    def waiting(self) -> dict[str, int]:
        """Notices that wait, by the name of their channel."""
        with self._lock:
            return {self._senders[name].name: len(queue.pending) for name, queue in self._queues.items()}

    def save(self) -> None:
        """Keep position and queues. Also to be called once at the end."""
        with self._lock:
            self._save()

    def _save(self) -> None:
        save(self._path, msgspec.json.encode(_State(1, dict(self._at), self._queues)))


def notice_event(channel: str, alerts: Sequence[str], why: str, by: str = "") -> Fields:
    """What became of one message; `why` it was not accepted, empty where it was."""
    fields: Fields = {
        "event.action": NOTICE,
        "event.category": ["configuration"],
        "event.type": ["info"],
        "event.outcome": "failure" if why else "success",
        "sealtrail.notice.channel": channel,
    }
    if alerts:
        fields["sealtrail.notice.alerts"] = list(alerts[:MAX_TOLD])
        fields["message"] = f"{len(alerts):,} alerts to {channel}"
    if why:
        fields["event.reason"] = why
    if by:
        fields["user.id"] = by
    return fields


def _message(taken: Sequence[Pending], dropped: int) -> tuple[str, str]:
    """(title, body) of one message about alerts."""
    worst = max(taken, key=lambda one: SEVERITY.get(one.level, 0))
    title = f"Sealtrail: {worst.title} ({worst.level})"
    if len(taken) > 1:
        title = f"Sealtrail: {len(taken):,} alerts, the worst {worst.level}"
    lines = []
    for one in taken[-MAX_TOLD:]:
        lines += [f"{one.time} {one.level}: {one.message}", f"  sealtrail alerts show {one.alert}"]
    more = len(taken) - MAX_TOLD + dropped if len(taken) > MAX_TOLD else dropped
    if more:
        lines.append(f"and {more:,} earlier ones: sealtrail alerts list")
    return title, "\n".join(lines)


def _plain(value: Any) -> str:
    """Text of one line. What somebody wrote into a user name must not become a header of a mail."""
    return _CONTROL.sub(" ", value)[:500] if isinstance(value, str) else ""


def _load(path: Path) -> tuple[Position, dict[str, Queue]]:
    try:
        state = msgspec.json.decode(path.read_bytes(), type=_State)
        if state.version == 1:
            return state.position, state.queues
    except (OSError, msgspec.MsgspecError):
        pass
    return {}, {}
