"""The noun everybody speaks. Pure: no clock, no disk, no network."""

from sealtrail.event.codec import Fields, canonical, decode, flatten, is_canonical, read
from sealtrail.event.entry import Batch, Entry, Position, Range, Receipt, Rejection
from sealtrail.event.fields import FIELDS, KINDS, TRAIL_OF, TRAILS, Field
from sealtrail.event.trails import base_of, generation_of, predecessor, trail_name, trail_order
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
    "base_of",
    "canonical",
    "check",
    "decode",
    "flatten",
    "generation_of",
    "is_canonical",
    "is_reserved",
    "kind_of",
    "predecessor",
    "read",
    "trail_name",
    "trail_order",
]
