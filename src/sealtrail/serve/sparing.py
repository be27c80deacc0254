"""What a prune has to spare: entries that a legal hold is on are copied with their proofs before it.

Where a hold is on many entries of a volume, the volume stays as it is: it is the better evidence, and copies
of most of it would save nothing. What the audit trail says of holds, prunes and copies is said again before
the entries that say it are pruned themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.own import DISPOSAL, HOLD, PRUNE
from sealtrail.errors import SealtrailError
from sealtrail.event import Entry, Fields
from sealtrail.follow import open_entry
from sealtrail.ledger.held import Ranges, copied_entry, copy_held, is_copied, ranges_of, remove_copies
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.holds import READ_ENTRIES, Hold, Register

MAX_COPIES: Final = 1024  # of one volume, two files each: a volume with more of them under hold stays whole
MAX_RANGES: Final = 2000  # that one prune event names: an entry has 65,535 bytes
MAX_KNOWN_VOLUMES: Final = 1024  # of which it is remembered what is held: each look would read them again


class Spared(msgspec.Struct, frozen=True):
    """What holds leave of a prune of entries [first, end): where it ends, what is copied, why it ends there.

    `holds` has every hold that is in force, and how many of the entries it is on.
    """

    end: int
    held: Ranges = ()
    holds: Mapping[str, int] = {}
    why: str = ""

    @property
    def copies(self) -> int:
        return sum(end - first for first, end in self.held)


class Sparing:
    """Over one ledger and the copies beside it. Not safe for threads: `Housekeeping` has the lock."""

    def __init__(self, ledger: LedgerReader, holds: Path, *, volume_entries: int = VOLUME_ENTRIES) -> None:
        self.register = Register(ledger)
        self._ledger = ledger
        self._folder = holds
        self._entries = volume_entries
        self._known: dict[tuple[str, int], dict[str, list[int]]] = {}
        self._known_for: frozenset[str] = frozenset()
        self._matchers: dict[str, Callable[[Entry], bool]] = {}

    def in_force(self) -> frozenset[str]:
        """The addresses of the holds that are in force now. Raises LedgerError."""
        self.register.catch_up()
        return frozenset(hold.address for hold in self.register.open.values())

    def check(self, trail: str, first: int, end: int) -> Spared:
        """How far entries [first, end) of whole volumes may go. Raises LedgerError, QueryError."""
        in_force = self.in_force()
        if in_force != self._known_for:
            self._known.clear()
            self._matchers = {hold.name: hold.matcher() for hold in self.register.open.values()}
            self._known_for = in_force
        counts = dict.fromkeys(sorted(self.register.open), 0)
        held: list[int] = []
        why, at = "", first
        while counts and at < end:
            found = self._volume(trail, at)
            indexes = sorted({index for some in found.values() for index in some})
            if len(indexes) > MAX_COPIES:
                names = ", ".join(name for name in sorted(found) if found[name])
                why = f"a legal hold ({names}) is on {len(indexes):,} entries of the volume from {at:,} on"
                break
            if len(ranges_of([*held, *indexes])) > MAX_RANGES:
                break  # the rest has an event of its own at the next look
            held += indexes
            for name, some in found.items():
                counts[name] += len(some)
            at += self._entries
        return Spared(at if counts else end, ranges_of(held), counts, why)

    def _volume(self, trail: str, first: int) -> dict[str, list[int]]:
        """For each hold, the entries of a volume that it is on."""
        known = self._known.get((trail, first))
        if known is None:
            known = {name: [] for name in self._matchers}
            for start in range(first, first + self._entries, READ_ENTRIES):
                count = min(READ_ENTRIES, first + self._entries - start)
                for index, data in enumerate(self._ledger.read(trail, start, count), start):
                    entry = open_entry(trail, index, data)
                    for name, matches in self._matchers.items():
                        if matches(entry):
                            known[name].append(index)
            if len(self._known) >= MAX_KNOWN_VOLUMES:
                self._known.clear()
            self._known[trail, first] = known
        return known

    def copy(self, trail: str, held: Ranges) -> None:
        """Copy what is held, durably. Raises LedgerError."""
        copy_held(self._folder, self._ledger, trail, held, volume_entries=self._entries)

    def is_copied(self, trail: str, held: Ranges) -> bool:
        """Is all of it there, as the ledger still has it?"""
        return is_copied(self._folder, self._ledger, trail, held, volume_entries=self._entries)

    def again(self, trail: str, end: int) -> list[Fields]:
        """Events that say again what entries below `end` of an audit trail say, and must not go with them."""
        register = self.register
        found = [
            said_again(hold)
            for name, hold in register.open.items()
            if _below(register.stated[name], trail, end)
        ]
        for other, recorded in register.prunes.items():
            copies = ranges_of(register.copies.get(other, ()))
            # Copies may have been stated by earlier prunes than the furthest: all of them are said again.
            if copies or _below(recorded.address, trail, end):
                parts = [copies[at : at + MAX_RANGES] for at in range(0, len(copies), MAX_RANGES)] or [()]
                found += [_prune_again(recorded.fields, recorded.address, part) for part in parts]
        return found

    # --- copies that no hold is on any more

    def disposable(self) -> dict[str, Ranges]:
        """Copies that no hold in force is on, by trail. Raises LedgerError, QueryError."""
        self.in_force()
        matchers = [hold.matcher() for hold in self.register.open.values()]
        found: dict[str, Ranges] = {}
        for trail, indexes in self.register.copies.items():
            free = [index for index in sorted(indexes) if not self._is_held(trail, index, matchers)]
            if free:
                found[trail] = ranges_of(free)[:MAX_RANGES]
        return found

    def _is_held(self, trail: str, index: int, matchers: list[Callable[[Entry], bool]]) -> bool:
        if not matchers:
            return False
        try:
            data = copied_entry(self._folder, trail, index, volume_entries=self._entries)
        except (OSError, SealtrailError):
            return True  # nobody can tell whether a hold is on it, so it stays stated, and `verify` tells
        entry = open_entry(trail, index, data)
        return any(matches(entry) for matches in matchers)

    def remove(self, trail: str, held: Ranges) -> None:
        """Remove copies whose disposal is signed. Raises LedgerError."""
        remove_copies(self._folder, trail, held, volume_entries=self._entries)

    def finish(self) -> None:
        """After a start: remove what a disposal that a crash interrupted has left. Raises LedgerError."""
        self.register.catch_up()
        for trail, indexes in self.register.disposed.items():
            self.remove(trail, ranges_of(indexes))


def said_again(hold: Hold) -> Fields:
    """The event that says of a hold in force what its first one says."""
    return {
        **placing(hold),
        "sealtrail.details": {
            "address": hold.address,
            "placed": hold.placed,
            **({"ordered": hold.ordered} if hold.ordered else {}),
        },
    }


def placing(hold: Hold) -> Fields:
    """The event that places a hold."""
    fields: Fields = {
        "event.action": HOLD,
        "event.type": ["creation"],
        "event.reason": hold.reason,
        "user.id": hold.by,
        "sealtrail.hold.name": hold.name,
        "sealtrail.hold.query": hold.query,
    }
    for name, value in (
        ("sealtrail.hold.trail", hold.trail),
        ("sealtrail.hold.from", hold.since),
        ("sealtrail.hold.to", hold.until),
    ):
        if value:
            fields[name] = value
    if hold.ordered:
        fields["sealtrail.details"] = {"ordered": hold.ordered}
    return fields


def disposing(trail: str, held: Ranges, by: str) -> Fields:
    """The event that says that copies go."""
    fields: Fields = {
        "event.action": DISPOSAL,
        "event.type": ["deletion"],
        "event.reason": "the holds that they were copied for were released",
        "sealtrail.range.trail": trail,
        "sealtrail.range.first": held[0][0],
        "sealtrail.range.end": held[-1][1],
        "sealtrail.details": {"held": held},
    }
    if by:
        fields["user.id"] = by
    return fields


def _prune_again(said: Fields, address: str, held: Ranges) -> Fields:
    details: dict[str, Any] = {"address": address, "at": said.get("event.ingested", "")}
    if held:
        details["held"] = held
    kept = ("event.reason", "user.id", "sealtrail.range.first", "sealtrail.range.end", "sealtrail.range.root")
    return {
        "event.action": PRUNE,
        "event.type": ["info"],
        "sealtrail.range.trail": said["sealtrail.range.trail"],
        **{name: said[name] for name in kept if name in said},
        "sealtrail.details": details,
    }


def _below(address: str, trail: str, end: int) -> bool:
    """Is an address one of the entries below `end` of a trail?"""
    name, _, index = address.rpartition("/")
    return name == trail and int(index) < end
