"""Inclusion and consistency proofs (RFC 6962, RFC 9162), and the `.tlog-proof` an auditor is handed. Pure.

Proofs are made from a callable that gives the hash of a complete subtree by (level, index): subtree i of
level l covers leaves [i * 2^l, (i + 1) * 2^l). They are checked with nothing but hashes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sealtrail.errors import TamperedError
from sealtrail.ledger.merkle import EMPTY_ROOT, HASH_BYTES, node_hash
from sealtrail.ledger.note import base64_bytes, base64_text, malformed

NodeHash = Callable[[int, int], bytes]

_MAGIC: Final = "c2sp.org/tlog-proof@v1"

# A tree of 2^63 leaves is 63 high.
MAX_HASHES: Final = 63


def range_hash(start: int, end: int, node: NodeHash) -> bytes:
    """The RFC 6962 hash of leaves [start, end); `start` is a multiple of a power of two >= end - start."""
    if start == end:
        return EMPTY_ROOT
    pieces = []
    while start < end:
        level = (end - start).bit_length() - 1
        pieces.append(node(level, start >> level))
        start += 1 << level
    root = pieces.pop()
    while pieces:
        root = node_hash(pieces.pop(), root)
    return root


def _split(start: int, end: int) -> int:
    """Where RFC 6962 divides [start, end): the largest power of two below its length."""
    return start + (1 << ((end - start - 1).bit_length() - 1))


def prove_inclusion(index: int, size: int, node: NodeHash) -> list[bytes]:
    """Hashes from leaf to root that show entry `index` in the tree of `size` entries."""
    if not 0 <= index < size:
        raise ValueError(f"entry {index} is not in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = _split(start, end)
        if index < middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start = middle
    return path[::-1]


def prove_consistency(old: int, new: int, node: NodeHash) -> list[bytes]:
    """Hashes that show the tree of `new` entries to begin with the tree of `old` entries."""
    if not 0 < old <= new:
        raise ValueError(f"no tree of {old} entries is a beginning of one of {new}")
    start, end, path, known = 0, new, [], True
    while old != end:
        middle = _split(start, end)
        if old <= middle:
            path.append(range_hash(middle, end, node))
            end = middle
        else:
            path.append(range_hash(start, middle, node))
            start, known = middle, False
    if not known:
        path.append(range_hash(start, end, node))
    return path[::-1]


def _check_widths(hashes: Sequence[bytes]) -> None:
    """Hashes of other widths could be cut and joined anew to the same bytes."""
    if any(len(h) != HASH_BYTES for h in hashes):
        raise TamperedError("a hash does not have 32 bytes")


def check_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Raise TamperedError unless `proof` leads from `leaf` at `index` to `root` at `size`."""
    if not 0 <= index < size:
        raise TamperedError(f"entry {index} is not in a tree of {size}", index=max(index, 0))
    _check_widths([leaf, root, *proof])
    place, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise TamperedError("the proof is longer than the tree is high", index=index)
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            found = node_hash(found, sibling)
        place >>= 1
        last >>= 1
    if last != 0 or found != root:
        raise TamperedError("the proof does not lead to the root", index=index)


def check_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Raise TamperedError unless `proof` shows that the tree (new, new_root) begins with (old, old_root)."""
    if not 0 < old <= new:
        raise TamperedError(f"no tree of {old} entries is a beginning of one of {new}")
    if old == new:
        if proof or old_root != new_root:
            raise TamperedError("two trees of one size have different roots", index=old)
        return
    _check_widths([old_root, new_root, *proof])
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        raise TamperedError("the proof is empty", index=old)
    place, last = old - 1, new - 1
    while place & 1:
        place >>= 1
        last >>= 1
    first = second = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise TamperedError("the proof is longer than the tree is high", index=old)
        if place & 1 or place == last:
            first = node_hash(sibling, first)
            second = node_hash(sibling, second)
            while not place & 1 and place:
                place >>= 1
                last >>= 1
        else:
            second = node_hash(second, sibling)
        place >>= 1
        last >>= 1
    if last != 0 or first != old_root or second != new_root:
        raise TamperedError("the later tree does not begin with the earlier one", index=old)


class TlogProof(msgspec.Struct, frozen=True):
    """The receipt for one entry: where it stands, the path to the root, and the checkpoint that signs it."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes
    extra: bytes | None = None

    @property
    def text(self) -> str:
        """The `.tlog-proof` file."""
        rows = [_MAGIC]
        if self.extra is not None:
            rows.append(f"extra {base64_text(self.extra)}")
        rows.append(f"index {self.index}")
        rows.extend(base64_text(h) for h in self.hashes)
        return "\n".join(rows) + "\n\n" + self.checkpoint.decode()

    @classmethod
    def from_text(cls, text: str) -> TlogProof:
        """Parse a `.tlog-proof`. Raises LedgerError (ledger.format)."""
        head, blank, checkpoint = text.partition("\n\n")
        rows = head.split("\n")
        if not blank or rows.pop(0) != _MAGIC or not rows:
            raise malformed(f"not a proof: expected {_MAGIC!r} first")
        extra = base64_bytes(rows.pop(0)[6:]) if rows[0].startswith("extra ") else None
        digits = rows.pop(0).removeprefix("index ") if rows else ""
        if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
            raise malformed("the proof does not say its index")
        if len(rows) > MAX_HASHES:
            raise malformed("the proof is longer than any tree is high")
        hashes = tuple(base64_bytes(row) for row in rows)
        proof = cls(int(digits), hashes, checkpoint.encode(), extra)
        if any(len(h) != HASH_BYTES for h in hashes) or proof.text != text:
            raise malformed("the proof has more than one way to be written")
        return proof
