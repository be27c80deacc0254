"""Legal holds as the ledger has them: who holds what, and what was copied for it.

A hold is on what its events say, and on nothing else: there is no file by whose loss or change one is lifted.
So the audit trail is read, not the index, before anything is removed; a process remembers how far it came.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

import msgspec

from sealtrail.collect.own import DISPOSAL, HOLD, PRUNE, RELEASE, SOURCE
from sealtrail.errors import SealtrailError
from sealtrail.event import Entry, Fields, base_of, read, trail_order
from sealtrail.ledger.heads import Prune, disposal_in, prune_in
from sealtrail.ledger.held import members
from sealtrail.ledger.pruning import AUDIT
from sealtrail.ledger.reader import LedgerReader
from sealtrail.store.query import parse, predicate
from sealtrail.store.query.times import micros

READ_ENTRIES: Final = 1024  # of the audit trail at a time: one block of a sealed volume

_NEEDLES: Final = tuple(f'"{action}"'.encode() for action in (HOLD, RELEASE, PRUNE, DISPOSAL))


class Hold(msgspec.Struct, frozen=True, kw_only=True):
    """One matter, and what is held for it. Times are RFC 3339, empty where a side is open.

    `trail` is empty for all trails, `placed` when it was recorded, `address` the entry that says so,
    `ordered` who wanted it; `released` and what follows are empty while it is in force.
    """

    name: str
    query: str
    trail: str
    since: str
    until: str
    reason: str
    by: str
    ordered: str
    placed: str
    address: str
    released: str = ""
    released_by: str = ""
    released_why: str = ""

    def matcher(self) -> Callable[[Entry], bool]:
        """Whether the hold is on an entry. Raises QueryError."""
        now = micros(datetime.fromisoformat(self.placed))
        text = f"({self.query})"
        text += f' and @timestamp>="{self.since}"' if self.since else ""
        text += f' and @timestamp<"{self.until}"' if self.until else ""
        matches = predicate(parse(text, now), now=now)

        def held(entry: Entry) -> bool:
            named = not self.trail or self.trail in {entry.trail, base_of(entry.trail)}
            return named and matches(entry.fields, entry.trail, entry.index)

        return held


class Recorded(msgspec.Struct, frozen=True):
    """A prune, and the address and fields of the entry that says so."""

    address: str
    prune: Prune
    fields: Fields


class Register:
    """What the audit trails say of holds, prunes and copies, up to where they were read. Not for threads."""

    def __init__(self, ledger: LedgerReader) -> None:
        self._ledger = ledger
        self._next: dict[str, int] = {}
        self.open: dict[str, Hold] = {}
        self.past: list[Hold] = []
        self.stated: dict[str, str] = {}  # open hold -> the address of the last entry that says so
        self.prunes: dict[str, Recorded] = {}  # trail -> the furthest
        self.copies: dict[str, set[int]] = {}  # trail -> entries that were copied, and have to be there
        self.disposed: dict[str, set[int]] = {}

    def catch_up(self) -> None:
        """Read what came since. Raises LedgerError: what is not known is not removed."""
        first, sizes = self._ledger.first(), self._ledger.sizes()
        audits = [trail for trail in sizes if base_of(trail) == AUDIT]
        for trail in sorted(audits, key=trail_order):
            at = max(self._next.get(trail, 0), first.get(trail, 0))
            while at < sizes[trail]:
                entries = self._ledger.read(trail, at, min(READ_ENTRIES, sizes[trail] - at))
                for index, entry in enumerate(entries, at):
                    if any(needle in entry for needle in _NEEDLES):
                        self._take(trail, index, entry)
                at += len(entries)
                self._next[trail] = at

    def _take(self, trail: str, index: int, entry: bytes) -> None:
        try:
            fields = read(entry)
        except SealtrailError:
            return  # tampered bytes: `verify` is who speaks of them
        if fields.get("sealtrail.kind") != "system" or fields.get("sealtrail.source") != SOURCE:
            return
        address = f"{trail}/{index}"
        match fields.get("event.action"):
            case str(action) if action == HOLD:
                self._placed(address, fields)
            case str(action) if action == RELEASE:
                self._released(fields)
            case str(action) if action == PRUNE:
                self._pruned(address, fields, prune_in(index, entry))
            case str(action) if action == DISPOSAL:
                gone = disposal_in(index, entry)
                if gone is not None:
                    self.copies.setdefault(gone.trail, set()).difference_update(members(gone.held))
                    self.disposed.setdefault(gone.trail, set()).update(members(gone.held))

    def _placed(self, address: str, fields: Fields) -> None:
        name = _text(fields, "sealtrail.hold.name")
        self.stated[name] = address
        if name in self.open:
            return  # said again, because the entry that said so first is about to be pruned
        again = _details(fields)
        self.open[name] = Hold(
            name=name,
            query=_text(fields, "sealtrail.hold.query") or "*",
            trail=_text(fields, "sealtrail.hold.trail"),
            since=_text(fields, "sealtrail.hold.from"),
            until=_text(fields, "sealtrail.hold.to"),
            reason=_text(fields, "event.reason"),
            by=_text(fields, "user.id"),
            ordered=str(again.get("ordered", "")),
            placed=str(again.get("placed", "")) or _text(fields, "event.ingested"),
            address=str(again.get("address", "")) or address,
        )

    def _released(self, fields: Fields) -> None:
        hold = self.open.pop(_text(fields, "sealtrail.hold.name"), None)
        if hold is not None:
            self.past.append(
                msgspec.structs.replace(
                    hold,
                    released=_text(fields, "event.ingested"),
                    released_by=_text(fields, "user.id"),
                    released_why=_text(fields, "event.reason"),
                )
            )

    def _pruned(self, address: str, fields: Fields, prune: Prune | None) -> None:
        if prune is None:
            return
        known = self.prunes.get(prune.trail)
        if known is None or prune.end >= known.prune.end:
            self.prunes[prune.trail] = Recorded(address, prune, fields)
        self.copies.setdefault(prune.trail, set()).update(members(prune.held))
        self.disposed.setdefault(prune.trail, set()).difference_update(members(prune.held))


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    return value if isinstance(value, str) else ""


def _details(fields: Mapping[str, Any]) -> dict[str, Any]:
    value = fields.get("sealtrail.details")
    return value if isinstance(value, dict) else {}
