"""A line of our own capture: what lies in a spool has to be one, byte for byte. Pure."""

from __future__ import annotations

from sealtrail.errors import EventError
from sealtrail.event.codec import Fields, examine
from sealtrail.event.known import known
from sealtrail.event.validate import check


def check_line(line: bytes, *, reserved: bool = False) -> Fields:
    """Fields of a line that must be canonical already, as our own capture writes it. Raises EventError."""
    quick = known(line)
    if quick is not None:
        return quick
    fields, canonical = examine(line)
    if not canonical:
        raise EventError(
            "event.not-canonical",
            "the line is not in canonical form",
            hint="Programs other than Sealtrail's capture send to POST /api/v1/events, which re-encodes.",
        )
    check(fields, reserved=reserved)
    return fields
