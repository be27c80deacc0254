"""The quick way in for what nearly every line is: canonical, of known fields, each of its type.

It only ever says yes. Everything else is for `codec` and `validate`, which are exact, say what is wrong, and
define what is right: a line that is taken here is one that they would take, with the same fields.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, NotRequired, Required, TypedDict

import msgspec

from sealtrail.event.codec import Fields, encode, is_ordered, is_sound
from sealtrail.event.fields import COLLECTOR_KEYS, FIELDS
from sealtrail.event.limits import MAX_INTEGER, MAX_LINE_BYTES, MAX_SEQ
from sealtrail.event.validate import RESERVED_PREFIX, is_emitter, is_time

_TYPES: Final[dict[str, Any]] = {
    "keyword": str,
    "keywords": list[str],
    "text": str,
    "ip": str,
    "time": str,
    "long": Annotated[int, msgspec.Meta(ge=-MAX_INTEGER, le=MAX_INTEGER)],
    "bool": bool,
    "json": Any,
}
# What `check` demands of every event; the kind is demanded here alone, so that nothing has to infer it.
_DEMANDED: Final[dict[str, Any]] = {
    "@timestamp": str,
    "event.id": str,
    "event.action": str,
    "sealtrail.kind": Literal["request", "outbound", "authentication", "audit"],
    "sealtrail.emitter": str,
    "sealtrail.seq": Annotated[int, msgspec.Meta(ge=0, le=MAX_SEQ)],
}
_TIMES: Final = tuple(
    name for name, field in FIELDS.items() if field.type == "time" and name != COLLECTOR_KEYS[0]
)
_NESTED: Final = tuple(name for name, field in FIELDS.items() if field.type == "json")

_typed_dict: Any = TypedDict  # called with a table, which no type checker can read
_Known: Final = _typed_dict(
    "_Known",
    {
        name: Required[_DEMANDED[name]] if name in _DEMANDED else NotRequired[_TYPES[field.type]]
        for name, field in FIELDS.items()
        if name not in COLLECTOR_KEYS
    },
)
_decode: Final = msgspec.json.Decoder(_Known).decode


def known(line: bytes) -> Fields | None:
    """The fields of a canonical line that a producer may send; None where that needs a closer look.

    Types are checked while the line is parsed. What the parser passed over or made into something else (an
    unknown key, a key that came twice, white space, an escape) shows when the fields are encoded again.
    """
    if len(line) > MAX_LINE_BYTES:
        return None
    try:
        fields: Fields = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    for name in _NESTED:  # before the encoder, which would recurse as deep as the value is nested
        if name in fields and not is_sound(fields[name]):
            return None
    if encode(fields) != line or not is_ordered(fields):
        return None
    for name in _TIMES:
        if name in fields and not is_time(fields[name]):
            return None
    if (
        not is_emitter(fields["sealtrail.emitter"])
        or fields["event.action"].startswith(RESERVED_PREFIX)
        or fields.get("event.kind") == "alert"
    ):
        return None
    return fields
