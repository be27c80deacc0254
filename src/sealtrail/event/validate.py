"""Is this an event? Types by the table in `fields`, and what every event must carry."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from sealtrail.errors import EventError
from sealtrail.event.codec import Fields, json_name
from sealtrail.event.fields import COLLECTOR_KEYS, FIELDS, KINDS
from sealtrail.event.limits import MAX_EMITTER, MAX_SEQ

_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z", re.ASCII)
_EMITTER: Final = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._:-]{{0,{MAX_EMITTER - 1}}}", re.ASCII)

_REQUIRED: Final = ("@timestamp", "event.id", "event.action", "sealtrail.emitter", "sealtrail.seq")

# Acts of the operators and facts about the record itself: only the collector writes these.
RESERVED_KINDS: Final = frozenset({"alert", "system"})
RESERVED_PREFIX: Final = "sealtrail."


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def is_time(value: Any) -> bool:
    """True for RFC 3339 text in UTC that names a moment of the calendar."""
    if not isinstance(value, str) or _TIME.fullmatch(value) is None:
        return False
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


def is_emitter(text: str) -> bool:
    """True for what may stand in `sealtrail.emitter`."""
    return _EMITTER.fullmatch(text) is not None


def _is_long(value: Any) -> bool:
    return type(value) is int


_CHECKS: Final[Mapping[str, tuple[Callable[[Any], bool], str]]] = {
    "keyword": (lambda v: isinstance(v, str), "a string"),
    "text": (lambda v: isinstance(v, str), "a string"),
    "ip": (lambda v: isinstance(v, str), "a string"),
    "keywords": (_is_texts, "an array of strings"),
    "time": (is_time, "RFC 3339 in UTC, such as 2026-11-24T08:00:00.000000Z"),
    "long": (_is_long, "an integer"),
    "bool": (lambda v: isinstance(v, bool), "true or false"),
    "json": (lambda _: True, "anything"),
}
_CHECK_OF: Final = {name: _CHECKS[field.type] for name, field in FIELDS.items()}


def kind_of(fields: Fields) -> str:
    """The kind of an event: what it says of itself, else what its ECS fields imply."""
    kind = fields.get("sealtrail.kind")
    if kind in KINDS:
        return str(kind)
    if fields.get("event.kind") == "alert":
        return "alert"
    category = fields.get("event.category")
    if isinstance(category, list) and "authentication" in category:
        return "authentication"
    return "request" if "http.request.method" in fields else "audit"


def is_reserved(fields: Fields) -> bool:
    """True for what only the collector may write: alerts, system events, operators' acts."""
    return (
        kind_of(fields) in RESERVED_KINDS
        or fields.get("event.kind") == "alert"
        or str(fields.get("event.action", "")).startswith(RESERVED_PREFIX)
    )


def refuse_collector_keys(fields: Fields) -> None:
    """Raise EventError where a producer sets what only the collector sets."""
    for name in COLLECTOR_KEYS:
        if name in fields:
            raise EventError(
                "event.collector-key",
                f"`{name}` is set by the collector",
                path=f"$.{name}",
                hint="Leave it out.",
            )


def check(fields: Fields, *, reserved: bool = False) -> None:
    """Raise EventError unless a producer may send this. `reserved` allows the collector's own kinds."""
    refuse_collector_keys(fields)
    for name in _REQUIRED:
        if name not in fields:
            raise EventError("event.missing", f"`{name}` is required", path=f"$.{name}")
    for name, value in fields.items():
        known = _CHECK_OF.get(name)
        if known is not None and not known[0](value):
            raise EventError("event.type", f"expected {known[1]}, got {_shown(value)}", path=f"$.{name}")
    kind = fields.get("sealtrail.kind")
    if kind is not None and kind not in KINDS:
        raise EventError(
            "event.type", f"expected one of {', '.join(KINDS)}, got {_shown(kind)}", path="$.sealtrail.kind"
        )
    if not is_emitter(fields["sealtrail.emitter"]):
        raise EventError(
            "event.type",
            f"expected 1 to {MAX_EMITTER} letters, digits, dots, colons or dashes",
            path="$.sealtrail.emitter",
        )
    if not 0 <= fields["sealtrail.seq"] <= MAX_SEQ:
        raise EventError("event.type", "expected a number from 0 to 2^53", path="$.sealtrail.seq")
    if not reserved and is_reserved(fields):
        raise EventError(
            "event.reserved-kind",
            "alerts, system events and operators' acts are written by the collector alone",
            path="$.sealtrail.kind",
            hint="Use another kind, and an event.action that does not begin with `sealtrail.`.",
        )


def _shown(value: Any) -> str:
    """What was sent, by type: a value under the wrong name may be a secret, and messages are logged."""
    return "another string" if isinstance(value, str) else json_name(value)
