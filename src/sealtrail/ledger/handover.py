"""How a trail goes on under a new key, and how whoever knows one key of it learns the others. Pure.

A hand-over is the `.tlog-proof` of an entry of the trail, the statement, which names the old key and the
new one, against a checkpoint that both keys signed. The bytes of the entry are the proof's `extra` line. Each
part says what the others cannot:

 - the old key's signature covers the root, and so the statement: the old key's holder named the new key. Two
   signatures under a checkpoint alone would not say it, for anybody can add a signature of their own.
 - the new key's signature covers it as well: its holder took over this log, at this size, with these entries.

A checkpoint smaller than the hand-over is signed by the old key, a larger one by the new key, and the
hand-over's by both. So an old key that is stolen later cannot go on with the trail for anybody who knows of
the hand-over. A file of hand-overs is `.tlog-proof` after `.tlog-proof`, each with a blank line behind it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sealtrail.errors import SealtrailError, TamperedError
from sealtrail.event import Fields
from sealtrail.event.codec import decode
from sealtrail.event.entry import unseal
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import ED25519, Note, VerifyKey, malformed, verify_note
from sealtrail.ledger.proof import TlogProof, check_inclusion

ROTATE_ACTION: Final = "sealtrail.key.rotate"

# A key a day for three years: far above use, and a hostile file of hand-overs stays cheap.
MAX_HANDOVERS: Final = 1_000
MAX_HANDOVER_BYTES: Final = 16 * 1024 * 1024


class Handover(msgspec.Struct, frozen=True):
    """`old` gave the log to `new` when it had `size` entries and this root; `proof` shows it."""

    old: VerifyKey
    new: VerifyKey
    size: int
    root: bytes
    proof: TlogProof

    @property
    def note(self) -> bytes:
        """The checkpoint that both keys signed."""
        return self.proof.checkpoint

    @property
    def data(self) -> bytes:
        """As it stands in a file of hand-overs."""
        return self.proof.text.encode() + b"\n"

    @classmethod
    def of(cls, proof: TlogProof) -> Handover:
        """Check all that a hand-over says of itself.

        Raises LedgerError (ledger.format) where it is none, TamperedError where a signature or the path to
        the root is not good.
        """
        checkpoint, note = Checkpoint.from_note(proof.checkpoint)
        if proof.extra is None:
            raise malformed("a hand-over carries the entry that states it, and this proof carries none")
        old, new = _stated(proof.extra)
        if old.name != checkpoint.origin:
            raise TamperedError(f"the hand-over is one of {old.name}, its checkpoint of {checkpoint.origin}")
        if set(verify_note(note, [old, new])) != {old, new}:
            raise TamperedError("only one of the two keys signed the hand-over")
        check_inclusion(proof.index, checkpoint.size, leaf_hash(proof.extra), proof.hashes, checkpoint.root)
        return cls(old, new, checkpoint.size, checkpoint.root, proof)


def _stated(entry: bytes) -> tuple[VerifyKey, VerifyKey]:
    """The old key and the new one that an entry names."""
    try:
        fields = decode(unseal(entry)[0])
    except (SealtrailError, ValueError, KeyError):
        raise malformed("the entry of the hand-over cannot be read") from None
    # A kind that producers cannot write: the collector said so itself.
    if fields.get("event.action") != ROTATE_ACTION or fields.get("sealtrail.kind") != "system":
        raise malformed("the entry of the hand-over states none")
    old, new = _key(fields, "sealtrail.key.old"), _key(fields, "sealtrail.key.new")
    if old.name != new.name or old.id == new.id:
        raise malformed("a hand-over goes from one key to another key of the same name")
    return old, new


def _key(fields: Fields, field: str) -> VerifyKey:
    key = VerifyKey.from_text(str(fields.get(field)))
    if key.type != ED25519:
        raise malformed(f"{field} is not an Ed25519 key")
    return key


def handovers_in(data: bytes) -> list[Handover]:
    """Every hand-over of a file, oldest first. Raises as `Handover.of` does, and where they form no line."""
    if len(data) > MAX_HANDOVER_BYTES:
        raise malformed(f"more than {MAX_HANDOVER_BYTES:,} bytes of hand-overs")
    try:
        blocks = data.decode().split("\n\n")
    except UnicodeDecodeError:
        raise malformed("the hand-overs are not UTF-8") from None
    # A proof, the text of its checkpoint, the signatures: none of them holds a blank line.
    if blocks.pop() or len(blocks) % 3 or len(blocks) > 3 * MAX_HANDOVERS:
        raise malformed("the hand-overs are cut short, or too many")
    found: list[Handover] = []
    for at in range(0, len(blocks), 3):
        head, text, signatures = blocks[at : at + 3]
        one = Handover.of(TlogProof.from_text(f"{head}\n\n{text}\n\n{signatures}\n"))
        if found and (found[-1].new != one.old or found[-1].size >= one.size):
            raise TamperedError(f"hand-over {len(found)} does not go on from the one before it")
        found.append(one)
    return found


class Span(msgspec.Struct, frozen=True):
    """`key` may sign checkpoints of `first` to `last` entries; `last` None is without end."""

    key: VerifyKey
    first: int = 0
    last: int | None = None

    def holds(self, size: int) -> bool:
        return self.first <= size and (self.last is None or size <= self.last)


class Keychain(msgspec.Struct, frozen=True):
    """Who may sign a log, and between which sizes. No spans: nobody is known, and nothing can be checked."""

    spans: tuple[Span, ...] = ()
    handovers: tuple[Handover, ...] = ()

    @classmethod
    def of(
        cls,
        trusted: Iterable[VerifyKey],
        handovers: Sequence[Handover] = (),
        revoked: Mapping[VerifyKey, int] | None = None,
    ) -> Keychain:
        """What follows from the trusted keys.

        Forwards, an old key vouches for the key it gave the log to; backwards, the new key signed the
        checkpoint of the hand-over, and with it all that the old key had signed up to there. A revoked key
        vouches for nothing above its size, so a hand-over behind it is followed backwards only.
        """
        limits = dict(revoked or {})
        start = tuple(dict.fromkeys(trusted))
        linked = set[int]()
        ahead = set(start)
        for at, one in enumerate(handovers):
            if one.old in ahead and one.size <= limits.get(one.old, one.size):
                ahead.add(one.new)
                linked.add(at)
        known, sure = set(ahead), set(ahead)
        for at in range(len(handovers) - 1, -1, -1):
            one = handovers[at]
            if one.new in sure:
                known.add(one.old)
                sure.add(one.old)
                linked.add(at)
        used = tuple(one for at, one in enumerate(handovers) if at in linked)
        first = {one.new: one.size for one in used}
        last = {one.old: one.size for one in used}
        spans = tuple(
            Span(key, first.get(key, 0), last.get(key, limits.get(key)))
            for key in dict.fromkeys((*start, *(k for one in used for k in (one.old, one.new))))
            if key in known
        )
        return cls(spans, used)

    @property
    def keys(self) -> tuple[VerifyKey, ...]:
        """Every key of the chain."""
        return tuple(span.key for span in self.spans)

    @property
    def name(self) -> str:
        """The origin these keys sign for; empty where none is known."""
        return self.spans[0].key.name if self.spans else ""

    def check(self, note: Note, size: int) -> None:
        """Raise TamperedError unless the keys that have to sign a checkpoint of `size` entries did."""
        good = set(verify_note(note, self.keys))
        if not any(span.key in good and span.holds(size) for span in self.spans):
            span = next(span for span in self.spans if span.key in good)
            if size < span.first:
                raise TamperedError(f"a key signed this that was handed the log at {span.first:,} entries")
            raise TamperedError(f"a key signed this that may sign nothing above {span.last:,} entries")
        if any(one.size == size and not {one.old, one.new} <= good for one in self.handovers):
            raise TamperedError("the checkpoint of a hand-over bears the signature of one of the keys only")
