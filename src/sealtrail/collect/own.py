"""The collector's own voice: events that only it may write."""

from __future__ import annotations

import socket
import threading
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256
from typing import Any, Final

from uuid_utils import uuid4, uuid7

from sealtrail.event import Fields, canonical
from sealtrail.event.entry import stamp
from sealtrail.event.fields import ECS_VERSION, SCHEMA_VERSION

SOURCE: Final = "collector"

# Of what lies elsewhere, which is hostile: both fit an entry, with six bytes for each character of it.
MAX_WHAT: Final = 1_000  # characters of what is said of it, or given as a reason
MAX_SHOWN: Final = 8_000  # characters of a note: its log's signature comes before others'

HEAD: Final = "sealtrail.head"
SUCCESSOR: Final = "sealtrail.successor"
STARTED: Final = "sealtrail.started"
STOPPED: Final = "sealtrail.stopped"
GAP: Final = "sealtrail.gap"
CONFLICT: Final = "sealtrail.conflict"
PRUNE: Final = "sealtrail.prune"
HOLD: Final = "sealtrail.hold"
RELEASE: Final = "sealtrail.release"
DISPOSAL: Final = "sealtrail.disposal"
EXPORT: Final = "sealtrail.export"
CUT: Final = "sealtrail.cut"
SILENCE: Final = "sealtrail.silence"
SILENCE_END: Final = "sealtrail.silence.end"
READ: Final = "sealtrail.read"
BACKUP: Final = "sealtrail.backup"
RESTORE: Final = "sealtrail.restore"
VERIFY: Final = "sealtrail.verify"
REVIEW: Final = "sealtrail.review"
REPORT: Final = "sealtrail.report"
ROTATE: Final = "sealtrail.key.rotate"
REVOKE: Final = "sealtrail.key.revoke"
LINK: Final = "sealtrail.link"
SIGN_OUT: Final = "sealtrail.sign-out"
DIVERGED: Final = "sealtrail.diverged"
WITNESS_ADDED: Final = "sealtrail.witness.added"
WITNESS_REMOVED: Final = "sealtrail.witness.removed"
UNWITNESSED: Final = "sealtrail.unwitnessed"
WITNESSED: Final = "sealtrail.witnessed"


def head_event(trail: str, size: int, root: bytes) -> Fields:
    """What another trail's head was when this one was signed."""
    return {
        "event.action": HEAD,
        "sealtrail.head.trail": trail,
        "sealtrail.head.size": size,
        "sealtrail.head.root": b64encode(root).decode(),
    }


def successor_event(trail: str, size: int, root: bytes, note: bytes) -> Fields:
    """The first entry of a trail that goes on where `trail` ends: all of it, and what it signed last."""
    return {
        "event.action": SUCCESSOR,
        "event.type": ["start"],
        "sealtrail.head.trail": trail,
        "sealtrail.head.size": size,
        "sealtrail.head.root": b64encode(root).decode(),
        "sealtrail.head.note": note.decode(),
    }


def diverged_event(trail: str, size: int, root: str, where: str, what: str, *, shown: str = "") -> Fields:
    """Something outside the folder contradicts a trail: `where` it is, and the `shown` note if there is one.

    `size` and `root` (base64) are what is shown there. Named after what it says: an anchor that is looked at
    every minute, and after every start, is told of once.
    """
    what = what[:MAX_WHAT]
    told = "\n".join((trail, str(size), root, where, what)).encode()
    if len(shown) > MAX_SHOWN:  # whole lines, so that what is left is still a note
        shown = f"{shown[:MAX_SHOWN].rpartition(chr(10))[0]}\n"
    return {
        "event.action": DIVERGED,
        "event.type": ["error"],
        "event.outcome": "failure",
        "event.reason": what,
        "sealtrail.target.type": "trail",
        "sealtrail.target.id": trail,
        "sealtrail.details": {"where": where, "size": size, "root": root, "shown": shown},
        "sealtrail.emitter": f"diverged-{sha256(told).hexdigest()[:32]}",
        "sealtrail.seq": 0,
    }


def rotate_event(trail: str, old: str, new: str, by: str, reason: str, request: str = "") -> Fields:
    """`trail` goes on under the key `new`: in force with a checkpoint that both keys sign."""
    return {
        "event.action": ROTATE,
        "event.type": ["change"],
        "event.reason": reason[:MAX_WHAT] or "a new signing key, from the checkpoint on that both keys sign",
        "user.id": by,
        "sealtrail.range.trail": trail,
        "sealtrail.key.old": old,
        "sealtrail.key.new": new,
        **({"sealtrail.details": {"request": request}} if request else {}),
    }


def revoke_event(trail: str, old: str, new: str, size: int, by: str, reason: str) -> Fields:
    """What the key `old` signed of `trail` above `size` entries is not to be trusted; `new` says so."""
    return {
        "event.action": REVOKE,
        "event.type": ["change"],
        "event.reason": reason[:MAX_WHAT] or "not to be trusted above this size",
        "user.id": by,
        "sealtrail.range.trail": trail,
        "sealtrail.range.first": size,
        "sealtrail.key.old": old,
        "sealtrail.key.new": new,
    }


def unwitnessed_event(trail: str, witnessed: int, signed: int, why: str) -> Fields:
    """Entries [witnessed, signed) of a trail lack the cosignatures that the policy demands."""
    return {
        "event.action": UNWITNESSED,
        "event.type": ["error"],
        "event.outcome": "failure",
        "event.reason": f"unwitnessed since {witnessed}: {why}"[:2_000],
        "sealtrail.target.type": "trail",
        "sealtrail.target.id": trail,
        "sealtrail.range.trail": trail,
        "sealtrail.range.first": witnessed,
        "sealtrail.range.end": signed,
    }


def witnessed_event(trail: str, signed: int) -> Fields:
    """The cosignatures are there again, for all `signed` entries of a trail."""
    return {
        "event.action": WITNESSED,
        "event.type": ["info"],
        "sealtrail.target.type": "trail",
        "sealtrail.target.id": trail,
        "sealtrail.range.trail": trail,
        "sealtrail.range.end": signed,
    }


class Voice:
    """One run of the collector as an emitter. Used by the writer's thread and, for `say`, by any other."""

    source = SOURCE

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._emitter = f"collector-{uuid4().hex}"
        self._seq = 0
        self._host = socket.gethostname()
        self._lock = threading.Lock()

    def line(self, fields: Mapping[str, Any]) -> tuple[bytes, Fields]:
        """A canonical line of kind system. What the caller sets wins over the defaults."""
        seq = 0
        if "sealtrail.seq" not in fields:  # a number that nobody has would be a gap
            with self._lock:
                seq, self._seq = self._seq, self._seq + 1
        event: Fields = {
            "@timestamp": stamp(self._clock()),
            "event.id": str(uuid7()),
            "sealtrail.kind": "system",
            "event.kind": "event",
            "event.category": ["configuration"],
            "event.type": ["info"],
            "event.outcome": "success",
            "service.name": "sealtrail",
            "host.name": self._host,
            "ecs.version": ECS_VERSION,
            "sealtrail.schema": SCHEMA_VERSION,
            "sealtrail.emitter": self._emitter,
            "sealtrail.seq": seq,
            **fields,
        }
        line = canonical(event)
        return line, event
