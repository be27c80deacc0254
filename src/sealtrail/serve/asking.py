"""The running collector, as doors ask it: `web.protocols` over the index, the ledger and the desk."""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from sealtrail.errors import LedgerError, NotFoundError, TamperedError, UsageError
from sealtrail.event import Fields
from sealtrail.event.entry import ingested
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.consistency import prove_consistency_of
from sealtrail.ledger.layout import TILE_WIDTH, tile_of
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import verify_note
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.sign import read_vkey
from sealtrail.respond.alerts import Known
from sealtrail.respond.table import Active
from sealtrail.serve import selecting
from sealtrail.serve.alerting import Alerting, Why
from sealtrail.serve.alone import alone
from sealtrail.serve.anchoring import Anchors
from sealtrail.serve.cosigning import Cosigning
from sealtrail.serve.folder import Folder
from sealtrail.serve.guarding import Guard, shown
from sealtrail.serve.pruned import explained
from sealtrail.serve.reading import Reading
from sealtrail.store.query.times import SECOND, duration, stamp
from sealtrail.web.protocols import (
    Anchored,
    Asked,
    Block,
    Cosigned,
    Facet,
    Head,
    Listed,
    Sealed,
    Selected,
    Vouched,
)

FACET_SECONDS: Final = 2.0  # for all facets of one answer: what comes later is left out, and said to be


class Finding:
    """A `web.protocols.Finder`."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    def page(self, asked: Asked, limit: int, cursor: str = "") -> Listed:
        rows, after = self._reading.page(asked.query, asked.since, asked.until, limit, cursor)
        return Listed([row.fields for row in rows], [row.data for row in rows], after)

    def count(self, asked: Asked) -> int:
        return self._reading.count(asked.query, asked.since, asked.until)

    def count_by(self, asked: Asked, field: str, limit: int) -> list[tuple[Any, int]]:
        return self._reading.count_by(asked.query, field, asked.since, asked.until, limit)

    def periods(self, asked: Asked, every: str = "") -> tuple[str, list[tuple[str, int]]]:
        every = every or self._reading.step(asked.query, asked.since, asked.until)
        found = self._reading.histogram(asked.query, every, asked.since, asked.until)
        return every, [(stamp(start), events) for start, events in found]

    def facets(self, asked: Asked, fields: Sequence[str], limit: int) -> list[Facet]:
        end = time.monotonic() + FACET_SECONDS
        return [
            Facet(field, [], late=True)
            if time.monotonic() > end
            else Facet(field, self.count_by(asked, field, limit))
            for field in fields
        ]


class Vouching:
    """A `web.protocols.Evidence` and `Tiles`."""

    def __init__(
        self,
        folder: Folder,
        reading: Reading,
        anchors: Anchors | None = None,
        cosigning: Cosigning | None = None,
    ) -> None:
        self._anchors = anchors or Anchors(())
        self._cosigning = cosigning
        self._folder = folder
        self._reading = reading
        self._ledger = reading.ledger

    def entry(self, trail: str, index: int) -> Sealed:
        with explained(self._reading, trail, index):
            row = self._reading.entry(trail, index)
        return Sealed(row.fields, row.data, leaf_hash(row.data))

    def proof(self, trail: str, index: int) -> str:
        with explained(self._reading, trail, index):
            return self._ledger.prove(trail, index)

    def consistency(self, trail: str, old: int, new: int | None) -> bytes:
        return prove_consistency_of(self._ledger, trail, old, new)

    def vouch(self, trail: str, index: int) -> Vouched:
        try:
            proof = TlogProof.from_text(self._ledger.prove(trail, index))
        except NotFoundError as error:
            self._ledger.entry(trail, index)  # where it is not there at all, that is what is told
            return Vouched("unsigned", why=error.what)
        except TamperedError as error:
            return Vouched("contradicted", why=error.what)
        checkpoint, note = Checkpoint.from_note(proof.checkpoint)
        path = self._folder.keys / f"{trail}.vkey"
        if not path.exists():
            return Vouched("no-key", checkpoint.size)
        try:
            verify_note(note, [read_vkey(path)])
        except TamperedError as error:
            return Vouched("contradicted", checkpoint.size, error.what)
        return Vouched("verified", checkpoint.size)

    def heads(self) -> list[Head]:
        sizes, first = self._ledger.sizes(), self._ledger.first()
        return [self._head(trail, first.get(trail, 0), size) for trail, size in sizes.items()]

    def alone(self) -> tuple[str, str]:
        if self._cosigning is not None and self._cosigning.trust.keys:
            return "", ""
        return alone(self._reading, self._anchors)

    def rows(self, asked: Asked) -> Iterator[tuple[Fields, bytes]]:
        for row in self._reading.every(asked.query, asked.since, asked.until):
            yield row.fields, row.data

    def checkpoint(self, trail: str) -> bytes:
        return self._ledger.checkpoint(trail)

    def key(self, trail: str) -> str:
        self._ledger.checkpoint(trail)  # a name that is no trail's never becomes a path
        text = self._key(trail)
        if not text:
            raise NotFoundError("not-found.file", f"the public key of {trail} is not here")
        return text

    def handovers(self, trail: str) -> bytes:
        return b"".join(one.data for one in self._ledger.handovers(trail))

    def tile(self, trail: str, path: str) -> bytes:
        try:
            level, number, width = tile_of(path)
        except LedgerError as error:
            raise NotFoundError("not-found.entry", f"{path[:60]!r} is {error.what}") from None
        if level is not None:
            return self._ledger.tile(trail, level, number, width)  # whoever may see hashes sees no event
        with explained(self._reading, trail, number * TILE_WIDTH):
            return self._ledger.tile(trail, level, number, width)

    def _head(self, trail: str, first: int, size: int) -> Head:
        note = self._ledger.checkpoint(trail)
        checkpoint, _ = Checkpoint.from_note(note)
        return Head(
            trail,
            checkpoint.origin,
            first,
            size,
            checkpoint.size,
            self._sealed_at(trail, checkpoint.size - 1),
            b64encode(checkpoint.root).decode(),
            note.decode(),
            self._key(trail),
            [
                Anchored(one.where, one.kind, one.size, one.at, one.since, one.why, one.diverged)
                for one in self._anchors.standing(trail)
            ],
            *self._witnessed(trail),
        )

    def _witnessed(self, trail: str) -> tuple[int | None, list[Cosigned]]:
        """How far the quorum reaches, and each witness. A trail that was gone on from asks for nothing."""
        one = self._cosigning
        if one is None or not one.follows(trail):
            return None, []
        return one.witnessed(trail), [
            Cosigned(
                name,
                standing.cosigned.get(trail, 0),
                standing.failing_since,
                standing.why,
                trail in standing.diverged,
            )
            for name, standing in one.standings().items()
        ]

    def _key(self, trail: str) -> str:
        """The public key; empty for a trail of an earlier installation whose key is not here."""
        path = self._folder.keys / f"{trail}.vkey"
        return read_vkey(path).text if path.exists() else ""

    def _sealed_at(self, trail: str, index: int) -> str:
        """When an entry was sealed. A checkpoint holds no time: its last entry was written for it."""
        try:
            return ingested(self._ledger.entry(trail, index)) if index >= 0 else ""
        except NotFoundError:
            return ""


class Triaging:
    """A `web.protocols.Triage`."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard

    def newest(self, state: str = "", level: str = "", rule: str = "", limit: int = 100) -> list[Known]:
        return self._alerts().newest(state, level, rule, limit)

    def counts(self) -> dict[str, int]:
        return self._alerts().counts()

    def why(self, identity: str) -> Why:
        return self._alerts().why(identity)

    def act(self, verb: str, identities: Sequence[str], *, by: str, reason: str = "") -> dict[str, list[str]]:
        return self._alerts().act(verb, identities, by=by, reason=reason)

    def _alerts(self) -> Alerting:
        return _needed(self._guard).alerts


class Running:
    """A `web.protocols.Selector`. `stopping` ends what runs."""

    def __init__(self, reading: Reading, stopping: Callable[[], bool]) -> None:
        self._reading = reading
        self._stopping = stopping

    def select(
        self, statement: str, *, since: str = "", until: str = "", rows: int = 1000, seconds: float = 30.0
    ) -> Selected:
        return selecting.select(
            self._reading,
            statement,
            since=since,
            until=until,
            rows=rows,
            seconds=seconds,
            stopping=self._stopping,
        )


class Responding:
    """A `web.protocols.Blocker`."""

    def __init__(self, guard: Guard | None) -> None:
        self._guard = guard

    def blocks(self) -> list[Block]:
        return [_told(one) for one in self._guard.desk.blocks()] if self._guard is not None else []

    def block(self, address: str, duration: str, *, reason: str, by: str, alert: str = "") -> Block:
        guard = _needed(self._guard)
        made = guard.desk.block(address, _seconds(duration), reason=_why(reason), by=by, alert=alert)
        guard.alerts.settle()
        return _told(made)

    def unblock(self, address: str, *, reason: str, by: str) -> bool:
        guard = _needed(self._guard)
        ended = guard.desk.unblock(address, reason=_why(reason), by=by)
        guard.alerts.settle()
        return ended


def _needed(guard: Guard | None) -> Guard:
    if guard is None:
        raise UsageError("usage.argument", "this collector runs without response")
    return guard


def _told(block: Active) -> Block:
    return Block(**shown(block))


def _seconds(text: str) -> float:
    return duration(text) / SECOND


def _why(reason: str) -> str:
    if not reason.strip():
        raise UsageError("usage.argument", "an act needs a reason, which is recorded with it")
    return reason
