"""Which alerts there are and what people made of them. Pure: made of events, and of nothing else.

An alert is open until somebody acknowledges or closes it. Both are events of their own, so the trail says who
looked at what and when; the alert's event itself never changes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, Final, Literal, get_args

import msgspec

from sealtrail.event import Entry, Fields
from sealtrail.respond.alert import ACTION
from sealtrail.respond.table import BLOCK, REFUSED, UNBLOCK

ACK: Final = "sealtrail.alert.ack"
CLOSE: Final = "sealtrail.alert.close"
REOPEN: Final = "sealtrail.alert.reopen"

State = Literal["open", "acknowledged", "closed"]
STATES: Final[tuple[State, ...]] = get_args(State)
_BECOMES: Final[dict[str, State]] = {ACK: "acknowledged", CLOSE: "closed", REOPEN: "open"}

MAX_ALERTS: Final = 10_000  # in the table; older ones stay in the trail, where search finds them
MAX_ACTS: Final = 50  # of one alert that are shown: people who quarrel over one must not fill the memory
MAX_ALERT_BLOCKS: Final = 20  # of one alert that are shown


class Done(msgspec.Struct, frozen=True):
    """What somebody did about an alert. `address`: the event that says so."""

    action: str
    time: str
    by: str
    reason: str
    address: str


class Blocked(msgspec.Struct, frozen=True):
    """A block that came of an alert, or was refused (then `refused` says why). Times are RFC 3339 texts."""

    address: str
    time: str
    until: str = ""
    refused: str = ""
    simulated: bool = False
    ended: str = ""
    by: str = ""


class Known(msgspec.Struct, frozen=True):
    """One alert as it stands. `address`: its event TRAIL/INDEX, which holds the rest."""

    id: str
    address: str
    time: str
    rule: str
    title: str
    level: str
    message: str
    count: int
    key: dict[str, str]
    history: bool = False
    late: bool = False
    state: State = "open"
    acts: tuple[Done, ...] = ()
    blocks: tuple[Blocked, ...] = ()


class Alerts:
    """Applies events in order. Applying one twice changes nothing."""

    def __init__(self, known: Iterable[Known] = (), *, forgotten: int = 0) -> None:
        self._known: OrderedDict[str, Known] = OrderedDict((one.id, one) for one in known)
        self._blocked: dict[str, set[str]] = {}  # address -> alerts with a block of it that nobody ended
        self.forgotten = forgotten
        for one in self._known.values():
            for block in one.blocks:
                self._hold(one.id, block)

    def __len__(self) -> int:
        return len(self._known)

    def apply(self, entry: Entry) -> bool:
        """Take an alert, an act on one, a block or its end; False for anything else."""
        fields = entry.fields
        kind, action = fields.get("sealtrail.kind"), fields.get("event.action")
        if kind == "alert" and action == ACTION:
            return self._raise(entry)
        if kind != "system" or fields.get("sealtrail.import") is True:
            return False
        if action in _BECOMES:
            return self._act(entry, str(action))
        if action in (BLOCK, REFUSED):
            return self._block(entry)
        return action == UNBLOCK and self._end(fields)

    def get(self, identity: str) -> Known | None:
        return self._known.get(identity)

    def named(self, prefix: str) -> list[Known]:
        """Alerts whose id begins with `prefix`."""
        found = self._known.get(prefix)
        if found is not None:
            return [found]
        return [one for name, one in self._known.items() if name.startswith(prefix)]

    def all(self) -> list[Known]:
        """All alerts, in the order in which they were recorded."""
        return list(self._known.values())

    # --- events

    def _raise(self, entry: Entry) -> bool:
        fields = entry.fields
        notes = _list(fields.get("sealtrail.notes"))
        history = "alert.history" in notes
        identity = _text(fields.get("event.id"))
        # Alerts of somebody else's that were imported are for search: their events are not here.
        if identity in self._known or (fields.get("sealtrail.import") is True and not history):
            return False
        key, count = fields.get("sealtrail.alert.key"), fields.get("sealtrail.alert.count")
        self._known[identity] = Known(
            id=identity,
            address=entry.address,
            time=_text(fields.get("@timestamp")),
            rule=_text(fields.get("rule.id")),
            title=_text(fields.get("rule.name")),
            level=_text(fields.get("sealtrail.alert.level")),
            message=_text(fields.get("message")),
            count=count if isinstance(count, int) else 1,
            key={str(k): _text(v) for k, v in key.items()} if isinstance(key, dict) else {},
            history=history,
            late="alert.late" in notes,
        )
        if len(self._known) > MAX_ALERTS:
            self._forget()
        return True

    def _forget(self) -> None:
        """Let go of the oldest closed alert; of the oldest at all where none is closed."""
        name = next((n for n, one in self._known.items() if one.state == "closed"), next(iter(self._known)))
        gone = self._known.pop(name)
        for block in gone.blocks:
            self._blocked.get(block.address, set()).discard(name)
        self.forgotten += 1

    def _act(self, entry: Entry, action: str) -> bool:
        fields = entry.fields
        known = self._known.get(_text(fields.get("sealtrail.alert.id")))
        if known is None or any(done.address == entry.address for done in known.acts):
            return False
        done = Done(
            action,
            _text(fields.get("@timestamp")),
            _text(fields.get("user.id")),
            _text(fields.get("event.reason")),
            entry.address,
        )
        acts = (*known.acts, done)[-MAX_ACTS:]
        self._known[known.id] = msgspec.structs.replace(known, state=_BECOMES[action], acts=acts)
        return True

    def _block(self, entry: Entry) -> bool:
        fields = entry.fields
        cause = _text(fields.get("sealtrail.block.cause")) or _text(fields.get("sealtrail.alert.id"))
        known = self._known.get(cause)
        if known is None:
            return False
        refused = fields.get("event.action") == REFUSED
        block = Blocked(
            address=_text(fields.get("sealtrail.block.address")),
            time=_text(fields.get("@timestamp")),
            until=_text(fields.get("sealtrail.block.until")),
            refused=_text(fields.get("event.reason")) if refused else "",
            simulated=fields.get("sealtrail.block.simulated") is True,
            by=_text(fields.get("user.id")),
        )
        if any((one.address, one.time) == (block.address, block.time) for one in known.blocks):
            return False
        blocks = (*known.blocks, block)[-MAX_ALERT_BLOCKS:]
        self._known[known.id] = msgspec.structs.replace(known, blocks=blocks)
        self._hold(known.id, block)
        return True

    def _hold(self, identity: str, block: Blocked) -> None:
        if block.until and not block.refused and not block.ended:
            self._blocked.setdefault(block.address, set()).add(identity)

    def _end(self, fields: Fields) -> bool:
        """An operator ended the blocks of an address: those that would still be in force."""
        address, now = _text(fields.get("sealtrail.block.address")), _text(fields.get("@timestamp"))
        holders = self._blocked.pop(address, set())
        for identity in holders:
            known = self._known[identity]
            blocks = tuple(
                msgspec.structs.replace(one, ended=now)
                if one.address == address and not one.ended and one.time <= now < one.until
                else one
                for one in known.blocks
            )
            self._known[identity] = msgspec.structs.replace(known, blocks=blocks)
        return bool(holders)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
