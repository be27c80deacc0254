"""The noun everybody speaks. Pure: no clock, no disk, no network."""

from sealtrail.event.codec import Fields, canonical, decode, flatten, is_canonical, read
from sealtrail.event.entry import Batch, Entry, Position, Range, Receipt, Rejection
from sealtrail.event.fields import FIELDS, KINDS, TRAIL_OF, TRAILS, Field
from sealtrail.event.validate import check, is_reserved, kind_of

__all__ = [
    "FIELDS",
    "KINDS",
    "TRAILS",
    "TRAIL_OF",
    "Batch",
    "Entry",
    "Field",
    "Fields",
    "Position",
    "Range",
    "Receipt",
    "Rejection",
    "canonical",
    "check",
    "decode",
    "flatten",
    "is_canonical",
    "is_reserved",
    "kind_of",
    "read",
]
