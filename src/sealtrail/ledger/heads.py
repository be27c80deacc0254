"""The entries a verifier understands: heads, prunes, disposals, and what a trail goes on from. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from sealtrail.errors import SealtrailError
from sealtrail.event import Fields
from sealtrail.event.codec import decode
from sealtrail.event.entry import ingested, unseal
from sealtrail.ledger.merkle import HASH_BYTES
from sealtrail.ledger.note import base64_bytes

HEAD_ACTION: Final = "sealtrail.head"
PRUNE_ACTION: Final = "sealtrail.prune"
DISPOSAL_ACTION: Final = "sealtrail.disposal"
LINK_ACTION: Final = "sealtrail.successor"

# Few entries pass this look at their bytes; only those are parsed.
HEAD_BYTES: Final = b'"sealtrail.head"'
PRUNE_BYTES: Final = b'"sealtrail.prune"'
DISPOSAL_BYTES: Final = b'"sealtrail.disposal"'
LINK_BYTES: Final = b'"sealtrail.successor"'


class Head(msgspec.Struct, frozen=True, gc=False):
    """Entry `index` of a trail, committed at `moment`, says: `trail` had this size and root."""

    index: int
    moment: str
    trail: str
    size: int
    root: bytes


class Prune(msgspec.Struct, frozen=True, gc=False):
    """Entry `index` of the audit trail says: entries of `trail` below `end` were dropped.

    `root` is that of the first `end` entries, `rule` why they went, `by` who had them go (empty: retention by
    itself), `moment` when it was recorded first, `held` the ranges that were copied before because a hold is
    on them. Records of older versions say none of it.
    """

    index: int
    trail: str
    end: int
    first: int = 0
    root: bytes = b""
    moment: str = ""
    rule: str = ""
    by: str = ""
    held: tuple[tuple[int, int], ...] = ()


class Disposal(msgspec.Struct, frozen=True, gc=False):
    """Entry `index` of the audit trail says: no hold is on these copies any more, and they were removed."""

    index: int
    trail: str
    held: tuple[tuple[int, int], ...]


class Link(msgspec.Struct, frozen=True, gc=False):
    """Entry `index` of a successor says: it goes on where `trail` had this size and root.

    `note` is the last statement `trail` signed itself, as the successor found it.
    """

    index: int
    trail: str
    size: int
    root: bytes
    note: bytes


def head_in(index: int, entry: bytes) -> Head | None:
    """The head an entry records. None for all other entries."""
    fields = _system(entry, HEAD_BYTES, HEAD_ACTION)
    state = _state(fields) if fields is not None else None
    return Head(index, ingested(entry), *state) if state is not None else None


def link_in(index: int, entry: bytes) -> Link | None:
    """What a successor goes on from, if the entry says so. None for all other entries."""
    fields = _system(entry, LINK_BYTES, LINK_ACTION)
    state = _state(fields) if fields is not None else None
    if fields is None or state is None:
        return None
    note = fields.get("sealtrail.head.note")
    return Link(index, *state, note.encode()) if isinstance(note, str) else None


def _state(fields: Fields) -> tuple[str, int, bytes] | None:
    """Trail, size and root that an entry speaks of; None where it does not say them."""
    trail, size = fields.get("sealtrail.head.trail"), fields.get("sealtrail.head.size")
    try:
        root = base64_bytes(str(fields.get("sealtrail.head.root")))
    except SealtrailError:
        return None
    if not isinstance(trail, str) or type(size) is not int or size < 0 or len(root) != HASH_BYTES:
        return None
    return trail, size, root


def prune_in(index: int, entry: bytes) -> Prune | None:
    """The prune an entry records. None for all other entries."""
    fields = _system(entry, PRUNE_BYTES, PRUNE_ACTION)
    if fields is None:
        return None
    trail, end = fields.get("sealtrail.range.trail"), fields.get("sealtrail.range.end")
    if not isinstance(trail, str) or type(end) is not int:
        return None
    first = fields.get("sealtrail.range.first")
    try:
        root = base64_bytes(str(fields.get("sealtrail.range.root", "")))
    except SealtrailError:
        root = b"?"  # it says one, and none that could be right
    return Prune(
        index,
        trail,
        end,
        first=first if type(first) is int else 0,
        root=root,
        moment=_first_said(fields) or ingested(entry),
        rule=str(fields.get("event.reason", "")),
        by=str(fields.get("user.id", "")),
        held=_ranges(fields),
    )


def _first_said(fields: Fields) -> str:
    """When a prune was recorded first, where this entry says it again: {"at": moment} in its details."""
    details = fields.get("sealtrail.details")
    at = details.get("at") if isinstance(details, dict) else None
    return at if isinstance(at, str) else ""


def disposal_in(index: int, entry: bytes) -> Disposal | None:
    """The disposal an entry records. None for all other entries."""
    fields = _system(entry, DISPOSAL_BYTES, DISPOSAL_ACTION)
    trail = fields.get("sealtrail.range.trail") if fields is not None else None
    if fields is None or not isinstance(trail, str):
        return None
    return Disposal(index, trail, _ranges(fields))


def _ranges(fields: Fields) -> tuple[tuple[int, int], ...]:
    """What `sealtrail.details` says of copies: {"held": [[first, end], ...]}."""
    details = fields.get("sealtrail.details")
    found = details.get("held") if isinstance(details, dict) else None
    try:
        return tuple(msgspec.convert(found or (), tuple[tuple[int, int], ...]))
    except msgspec.ValidationError:
        return ()


def _system(entry: bytes, needle: bytes, action: str) -> Fields | None:
    """Fields of a system event with this action: a kind that producers cannot write."""
    if needle not in entry:
        return None
    try:
        fields = decode(unseal(entry)[0])
    except SealtrailError:
        return None
    same = fields.get("event.action") == action and fields.get("sealtrail.kind") == "system"
    return fields if same else None
