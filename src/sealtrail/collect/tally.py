"""What the numbers of an emitter say: what never arrived, what came late, what is there twice. Pure.

Every process that records numbers its events from 0. So from the ledger alone it can be told what is missing
between an emitter's first number and its last, and what is not where it should be. What was lost behind the
last number shows only in the emitter's own spool.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

import msgspec

from sealtrail.collect.own import GAP
from sealtrail.collect.seen import ONCE, Intervals
from sealtrail.spool.loss import LOSS

# Of one emitter, of each kind: they are written one by one. All of them are counted.
MAX_TOLD: Final = 100

# Of one emitter: places where its numbers do not follow one another, whose times are remembered.
MAX_JUMPS: Final = 10_000


class Said(msgspec.Struct, gc=False):
    """The fields of an entry that are looked at."""

    ingested: str = msgspec.field(name="event.ingested", default="")
    emitter: str = msgspec.field(name="sealtrail.emitter", default="")
    seq: int = msgspec.field(name="sealtrail.seq", default=-1)
    source: str = msgspec.field(name="sealtrail.source", default="")
    service: str = msgspec.field(name="service.name", default="")
    host: str = msgspec.field(name="host.name", default="")
    action: str = msgspec.field(name="event.action", default="")


class Odd(msgspec.Struct, frozen=True, gc=False):
    """A number that is there twice, or that came behind a higher one: at `address`, committed at `at`."""

    number: int
    address: str
    at: str


class Gap(msgspec.Struct, frozen=True, gc=False):
    """Numbers [first, end) that never arrived, between two commits. `recorded`: the event that says so."""

    first: int
    end: int
    after: str
    before: str
    recorded: str = ""


class Emitter(msgspec.Struct):
    """One run of one process. `lost` is what it said itself that it could not record."""

    source: str
    emitter: str
    service: str = ""
    host: str = ""
    events: int = 0
    first: str = ""
    last: str = ""
    lost: int = 0
    duplicates: list[Odd] = []
    late: list[Odd] = []
    duplicated: int = 0  # all of them
    belated: int = 0
    numbers: Intervals = msgspec.field(default_factory=Intervals)
    # (committed before, committed behind) of a number that did not follow the one before it.
    jumps: dict[int, tuple[str, str]] = {}
    recorded: dict[tuple[int, int], str] = {}
    settled: int = -1  # highest number of the commits before this one
    highest: int = -1
    before: str = ""  # when `highest` was committed

    @property
    def missing(self) -> int:
        """How many numbers never arrived."""
        return sum(end - first for first, end in self.numbers.gaps())

    @property
    def unexplained(self) -> int:
        """How many of these the emitter did not account for itself."""
        return max(0, self.missing - self.lost)

    def gaps(self) -> Iterator[Gap]:
        for first, end in self.numbers.gaps():
            after, before = self.jumps.get(end, ("", ""))
            yield Gap(first, end, after, before, self.recorded.get((first, end), ""))

    def take(self, said: Said, address: str) -> None:
        """Count in one entry; in the order of commits."""
        self.events += 1
        if said.ingested != self.last:
            self.settled, self.last = self.highest, said.ingested
        self.first = self.first or said.ingested
        self.service, self.host = said.service or self.service, said.host or self.host
        number = said.seq
        if number in self.numbers:
            self.duplicated += 1
            if len(self.duplicates) < MAX_TOLD:
                self.duplicates.append(Odd(number, address, said.ingested))
            return
        self.numbers.add(number)
        if number < self.settled:  # within a commit two trails have no order that could be broken
            self.belated += 1
            if len(self.late) < MAX_TOLD:
                self.late.append(Odd(number, address, said.ingested))
        if number != self.highest + 1 and len(self.jumps) < MAX_JUMPS:
            self.jumps[number] = (self.before, said.ingested)
        if number > self.highest:
            self.highest, self.before = number, said.ingested


class Source(msgspec.Struct):
    """A service on a host. `pause` is the longest in seconds between two of its commits."""

    service: str
    host: str
    events: int = 0
    first: str = ""
    last: str = ""
    pause: float = 0.0


class Told(msgspec.Struct, frozen=True):
    """What an event says of an emitter: that it lost something, or that something never arrived."""

    emitter: str
    lost: int = 0
    first: int = 0
    end: int = 0
    address: str = ""


class Tally:
    """All emitters and sources of a ledger. Entries are taken in the order of commits."""

    def __init__(self) -> None:
        self.emitters: dict[tuple[str, str], Emitter] = {}
        self.sources: dict[tuple[str, str], Source] = {}
        self.unnumbered = 0  # of emitters that are made up for one request, which cannot miss anything

    def take(self, said: Said, address: str) -> bool:
        """Count in an entry. True where its fields say more: they go to `tell`."""
        if ONCE.fullmatch(said.emitter) is not None:
            self.unnumbered += 1
        else:
            key = said.source, said.emitter
            one = self.emitters.get(key)
            if one is None:
                one = self.emitters[key] = Emitter(said.source, said.emitter)
            one.take(said, address)
        if said.service or said.host:
            self._heard(said)
        return said.action in {GAP, LOSS}

    def tell(self, source: str, told: Told) -> None:
        """What an event says of an emitter of a source."""
        one = self.emitters.get((source, told.emitter))
        if one is None:
            return
        one.lost += told.lost
        if told.address and len(one.recorded) < MAX_TOLD:
            one.recorded[told.first, told.end] = told.address

    def _heard(self, said: Said) -> None:
        key = said.service, said.host
        one = self.sources.get(key)
        if one is None:
            one = self.sources[key] = Source(said.service, said.host, first=said.ingested, last=said.ingested)
        elif said.ingested != one.last:
            one.pause = max(one.pause, seconds_between(one.last, said.ingested))
            one.last = said.ingested
        one.events += 1


def seconds_between(first: str, last: str) -> float:
    """Seconds from one stamp of the ledger to another."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)).total_seconds()
