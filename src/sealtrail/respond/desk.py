"""Decides what is done about alerts and what operators ask for; the one place from which anybody is blocked.

    1. an alert is recorded as an event
    2. if its rule asks for a block, the desk decides: never, not now, or until when
    3. the decision is recorded, blocks and refusals alike                       <- durable from here
    4. the block is put in force: the lists in the spool folders are replaced

Recorded before it is in force, so that nobody is refused without an entry that says why. A crash after 3
forgets nothing: the table is made from the recorded decisions, so the next start puts the block in force,
until the time that was recorded and no longer. A crash before 3 leaves the alert undelivered: detection finds
it again, with the same id, and it is decided then. The price is one commit, some milliseconds.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from uuid_utils import uuid7

from sealtrail.detect.alert import Alert
from sealtrail.errors import UsageError
from sealtrail.event import Batch, Fields, Position
from sealtrail.event.entry import stamp
from sealtrail.follow.order import complete, next_batch
from sealtrail.follow.protocols import Reader
from sealtrail.follow.state import save
from sealtrail.respond.act import Lever
from sealtrail.respond.address import Network, is_ours, networks, parse, shown, widened, within
from sealtrail.respond.alert import alert_event
from sealtrail.respond.table import BLOCK, REFUSED, UNBLOCK, Active, Snapshot, Table
from sealtrail.settings import ResponseSettings
from sealtrail.spool.layout import BLOCKS_REFRESH_SECONDS, Block

# Twice as often as readers need it: one late tick must not end all blocks.
REFRESH_SECONDS: Final = BLOCKS_REFRESH_SECONDS / 2
MAX_SECONDS: Final = 86_400.0  # what doubling ends at
MAX_OPERATOR_SECONDS: Final = 31 * 86_400.0
MAX_AGE_SECONDS: Final = 600.0  # a block answers an attack that goes on, not one that is found in a backlog
MAX_AWAITED: Final = 10_000  # decisions that did not come back yet; beyond it they are applied twice
SNAPSHOT_ENTRIES: Final = 10_000  # how many entries a start may have to read again


class _State(msgspec.Struct):
    """What is kept in a file, so that a start need not read the whole audit trail."""

    version: int
    position: Position
    table: Snapshot


class Desk:
    """Also a follower: decisions it did not make itself, such as those before a restart, are in the ledger.

    `record` writes an event of the collector's own and returns once it is durable; False where that identity
    was recorded before: then the first statement stands, and is in the table already. `spools` are folders
    of the applications, `never` addresses and CIDRs of our own machines and trusted proxies.
    """

    name = "respond"

    def __init__(
        self,
        record: Callable[[Fields], Any],
        settings: ResponseSettings,
        *,
        spools: Sequence[Path] = (),
        never: Iterable[str] = (),
        state: Path | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._record = record
        self._settings = settings
        self._allow = networks(settings.allow)
        self._never = networks(never)
        self._lever = Lever(spools)
        self._state = state
        self._clock = clock
        self._lock = threading.RLock()
        self._blocked_at: deque[float] = deque()
        self._published = float("-inf")
        self._entering: set[str] = set()  # being recorded
        self._applied: set[str] = set()  # in force, and still to come back from the ledger
        self._at, self._table = _load(state)
        self._kept = sum(self._at.values())

    # --- alerts

    def take(self, alerts: Sequence[Alert]) -> None:
        """The sink of detection. After an error the same alerts may come again: nothing is done twice."""
        for alert in alerts:
            self._record(alert_event(alert))
            if alert.respond is not None:
                self._answer(alert, alert.respond.seconds or self._settings.default_seconds)

    def _answer(self, alert: Alert, seconds: float) -> None:
        now = self._clock()
        with self._lock:
            if self._table.was_decided(alert.id):
                return
            network = parse(alert.target)
            if network is not None:
                network = widened(network, (*self._allow, *self._never))
            address = shown(network) if network is not None else ""
            current = self._table.get(address, now)
            if current is not None and current.until - now >= seconds / 2:
                return
            why = self._objection(alert, network, now)
            if not why:
                self._blocked_at.append(now)
            step = min(self._table.step(address, now), 20)
        fields: Fields = {
            **_act(BLOCK if not why else REFUSED, now, f"block:{alert.id}"),
            "event.outcome": "failure" if why else "success",
            "event.reason": why or alert.head.title,
            "rule.id": alert.head.id,
            "rule.name": alert.head.title,
            "sealtrail.block.cause": alert.id,
            "sealtrail.block.simulated": self._settings.simulate,
        }
        if address:
            fields["sealtrail.block.address"] = address
            if network is not None and network.num_addresses == 1:
                fields["client.ip"] = address
        if not why:
            fields["sealtrail.block.until"] = _text(now + max(seconds, min(seconds * 2**step, MAX_SECONDS)))
        self._enter(fields)

    def _objection(self, alert: Alert, network: Network | None, now: float) -> str:
        """Why an alert leads to no block; empty when it does."""
        if alert.history:
            return "the events were imported or came too late"
        if now - alert.time / 1_000_000 > MAX_AGE_SECONDS:
            return "the attack is over: it was found too late"
        if network is None:
            return "there is no address to block"
        why = self._protected(network)
        if why:
            return why
        while self._blocked_at and now - self._blocked_at[0] >= 60:
            self._blocked_at.popleft()
        if len(self._blocked_at) >= self._settings.blocks_per_minute:
            return f"more than {self._settings.blocks_per_minute} blocks in a minute"
        return ""

    def _protected(self, network: Network) -> str:
        if within(network, self._allow):
            return "the address is on the allow list"
        if is_ours(network) or within(network, self._never):
            return "the address is one of our own, or a trusted proxy"
        return ""

    # --- operators

    def block(
        self, address: str, seconds: float, *, reason: str, by: str, alert: str = "", request: str = ""
    ) -> Active:
        """Block an address, or an IPv6 /64, for an operator. Raises UsageError for what cannot be blocked.

        `alert` is the id of the alert it answers, `request` names who asked: one that is carried out again
        after a crash is recorded once, and prolongs nothing. What comes back is `simulated` where settings
        say that nobody is to be blocked.
        """
        network = parse(address)
        if network is None:
            raise UsageError(
                "usage.argument",
                f"`{address}` cannot be blocked",
                hint="Give one IPv4 or IPv6 address, or an IPv6 /64.",
            )
        if not 0 < seconds <= MAX_OPERATOR_SECONDS:
            raise UsageError("usage.argument", "a block lasts from a moment to 31 days")
        why = self._protected(network)
        if why:
            raise UsageError("usage.argument", f"{address} cannot be blocked: {why}")
        now = self._clock()
        fields: Fields = {
            **_act(BLOCK, now, f"block:inbox:{request}" if request else ""),
            "event.outcome": "success",
            "event.reason": reason,
            "user.id": by,
            "sealtrail.block.address": shown(network),
            "sealtrail.block.until": _text(now + seconds),
            "sealtrail.block.simulated": self._settings.simulate,
        }
        if alert:
            fields["sealtrail.alert.id"] = alert[:64]
        is_new = self._enter(fields)
        with self._lock:
            found = self._table.get(shown(network), now)
        # Undone by somebody else in the same moment: then what was recorded is still the answer.
        return found or Active(
            shown(network),
            now,
            now + seconds if is_new else now,
            str(fields["event.id"]),
            "",
            reason,
            by,
            self._settings.simulate,
        )

    def unblock(self, address: str, *, reason: str, by: str, request: str = "") -> bool:
        """End a block early; an IPv6 address ends that of its /64 too. False when there is none."""
        network = parse(address)
        if network is None:
            raise UsageError("usage.argument", f"`{address}` is not an address that can be blocked")
        now = self._clock()
        ended = False
        for name in dict.fromkeys((shown(network), shown(widened(network, ())))):
            with self._lock:
                current = self._table.get(name, now)
            if current is None:
                continue
            ended = True
            self._enter(
                {
                    **_act(UNBLOCK, now, f"unblock:{current.id}:{request}"[:80] if request else ""),
                    "event.outcome": "success",
                    "event.reason": reason,
                    "user.id": by,
                    "sealtrail.block.address": name,
                    "sealtrail.block.cause": current.cause,
                }
            )
        return ended

    def blocks(self) -> list[Active]:
        """What is blocked now, simulated blocks included."""
        with self._lock:
            return self._table.active(self._clock())

    @property
    def faults(self) -> dict[str, str]:
        """Spool folders whose list could not be written, and why."""
        with self._lock:
            return dict(self._lever.faults)

    # --- what keeps it going

    def tick(self, now: float | None = None) -> None:
        """Refresh the lists when it is time. To be called every second or so."""
        with self._lock:
            moment = self._clock() if now is None else now
            # Also when the clock was set back: a list from the future is renewed, not waited for.
            if not 0 <= moment - self._published < REFRESH_SECONDS:
                self._publish(moment)

    def position(self) -> Position:
        return dict(self._at)

    def catch_up(self, reader: Reader) -> None:
        """Restore the table from the ledger and put it in force. Call it before detection starts."""
        heads = reader.sizes()
        at = complete(self._at, heads, reader.first())
        while any(at[trail] < head for trail, head in heads.items()):
            batch = next_batch(reader, at, heads)
            if not batch.entries:
                break
            self.handle(batch)
            at = dict(batch.end)
        self.tick()

    def handle(self, batch: Batch) -> None:
        news = False
        with self._lock:
            for entry in batch.entries:
                fields = entry.fields
                if fields.get("sealtrail.kind") != "system" or fields.get("sealtrail.import") is True:
                    continue
                identity = str(fields.get("event.id", ""))
                if identity in self._applied:
                    # In force already, and maybe undone since: it must not come back for a moment.
                    self._applied.discard(identity)
                    news = True
                elif self._table.apply(fields):
                    self._entering.discard(identity)
                    news = True
            self._at = dict(batch.end)
            if news:
                self._publish(self._clock())
            if news or sum(self._at.values()) - self._kept >= SNAPSHOT_ENTRIES:
                self.save()

    def save(self) -> None:
        """Keep table and position. Also to be called once at the end."""
        with self._lock:
            self._kept = sum(self._at.values())
            if self._state is not None:
                save(self._state, msgspec.json.encode(_State(1, dict(self._at), self._table.snapshot())))

    def _enter(self, fields: Fields) -> bool:
        """Record a decision, then put it in force. False where it was recorded before."""
        identity = str(fields["event.id"])
        with self._lock:
            self._entering.add(identity)
        try:
            repeated = self._record(fields) is False
        except BaseException:
            with self._lock:
                self._entering.discard(identity)
            raise
        with self._lock:
            if repeated:
                self._entering.discard(identity)
            # The ledger's followers may have been faster than the answer: then `handle` has applied it.
            if identity in self._entering:
                self._entering.discard(identity)
                self._table.apply(fields)
                if len(self._applied) < MAX_AWAITED:
                    self._applied.add(identity)
            self._publish(self._clock())
        return not repeated

    def _publish(self, now: float) -> None:
        enforced = [
            Block(one.address, one.until, one.id)
            for one in self._table.active(now)
            if not one.simulated and not self._settings.simulate and self._may(one.address)
        ]
        self._lever.publish(enforced, now)
        self._published = now

    def _may(self, address: str) -> bool:
        """Whether a restored block may still be: settings may have changed since, and the allow list wins."""
        network = parse(address)
        return network is not None and not self._protected(network)


def _load(path: Path | None) -> tuple[Position, Table]:
    """What was kept; from the beginning where there is nothing that can be read."""
    try:
        if path is not None:
            state = msgspec.json.decode(path.read_bytes(), type=_State)
            if state.version == 1:
                return state.position, Table(state.table)
    except (OSError, msgspec.MsgspecError):
        pass
    return {}, Table()


def _act(action: str, now: float, emitter: str) -> Fields:
    """What the event of any decision says. An alert has one decision, so the emitter is made from its id."""
    identity = str(uuid7())
    return {
        "@timestamp": _text(now),
        "event.id": identity,
        "sealtrail.kind": "system",
        "event.kind": "event",
        "event.category": ["intrusion_detection", "network"],
        "event.type": ["info"],
        "event.action": action,
        "service.name": "sealtrail",
        "sealtrail.emitter": emitter or f"block:{identity}",
        "sealtrail.seq": 0,
    }


def _text(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))
