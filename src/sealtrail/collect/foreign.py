"""Foreign input to events: the one place where what others wrote is reshaped, scrubbed and encoded. Pure.

Foreign is every line that our own capture did not make: an access log, somebody's ECS objects, a POST
from another program. It is reshaped (nested to dotted names, texts to the types of the table, times to UTC),
scrubbed, and re-encoded once, here; from then on its bytes never change.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sealtrail import scrub
from sealtrail.errors import EventError
from sealtrail.event import FIELDS, Fields, check, decode, flatten, kind_of
from sealtrail.event.codec import encode, ordered
from sealtrail.event.entry import stamp
from sealtrail.event.limits import MAX_INTEGER, MAX_LINE_BYTES
from sealtrail.event.validate import refuse_collector_keys

# The action of a foreign event that names none: ECS does not ask for one.
REQUEST_ACTION: Final = "http.request"
OTHER_ACTION: Final = "log.record"

# Escaped, a hostile character takes six bytes: one text of the first length fits, ten of the second do.
TEXT_LIMITS: Final = (8192, 1024)

_MOMENT: Final = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:[Zz]|[+-]\d\d:?\d\d)", re.ASCII
)
_DIGITS: Final = re.compile(r"-?\d{1,16}", re.ASCII)


def read_object(line: bytes) -> Fields:
    """Fields of one JSON object with dotted or nested ECS names. Raises EventError with a `$.path`."""
    return adapt(flatten(decode(line)))


def adapt(fields: Fields) -> Fields:
    """Values in the types of the table, as Elasticsearch would take them; null counts as absent.

    Raises EventError for what cannot be meant, and for the keys that only the collector sets.
    """
    refuse_collector_keys(fields)
    adapted: Fields = {}
    for name, value in fields.items():
        if value is None:
            continue
        field = FIELDS.get(name)
        fit = None if field is None else _FITS.get(field.type)
        adapted[name] = value if fit is None else fit(name, value)
    return adapted


def _one(value: Any) -> Any:
    """ECS allows an array of one wherever it allows a value."""
    return value[0] if isinstance(value, list) and len(value) == 1 else value


def _as_text(_: str, value: Any) -> Any:
    value = _one(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int | float) else value


def _as_texts(name: str, value: Any) -> Any:
    if not isinstance(value, list):
        return [_as_text(name, value)]
    return [_as_text(name, item) for item in value]


def _as_long(_: str, value: Any) -> Any:
    value = _one(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _DIGITS.fullmatch(value) and abs(int(value)) <= MAX_INTEGER:
        return int(value)
    return value


def _as_bool(_: str, value: Any) -> Any:
    value = _one(value)
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _as_time(name: str, value: Any) -> Any:
    value = _one(value)
    if isinstance(value, str) and _MOMENT.fullmatch(value) is not None:
        try:
            return stamp(datetime.fromisoformat(value.upper().replace(",", ".")))
        except (ValueError, OverflowError):
            pass
    raise EventError(
        "event.type",
        "expected a time with its offset from UTC",
        path=f"$.{name}",
        hint="Such as 2026-11-24T08:00:00.000000Z or 2026-11-24T09:00:00+01:00.",
    )


_FITS: Final[dict[str, Callable[[str, Any], Any]]] = {
    "keyword": _as_text,
    "text": _as_text,
    "ip": _as_text,
    "keywords": _as_texts,
    "long": _as_long,
    "bool": _as_bool,
    "time": _as_time,
}


def event_id(timestamp: str, emitter: str, seq: int) -> str:
    """A UUID of version 7 in form, made of the time and the identity: the same line gets the same id."""
    moment = datetime.fromisoformat(timestamp).astimezone(UTC)
    milliseconds = max(0, int(moment.timestamp() * 1000)) & (2**48 - 1)
    rest = int.from_bytes(sha256(f"{emitter}/{seq}".encode()).digest()[:10])
    return str(
        UUID(int=milliseconds << 80 | 7 << 76 | (rest >> 62 & 0xFFF) << 64 | 2 << 62 | rest & (2**62 - 1))
    )


def completed(fields: Fields, emitter: str, seq: int) -> Fields:
    """The same event with missing identity, kind and action filled in; the time is never guessed."""
    whole = dict(fields)
    whole.setdefault("sealtrail.emitter", emitter)
    whole.setdefault("sealtrail.seq", seq)
    if "sealtrail.kind" not in whole:
        whole["sealtrail.kind"] = kind_of(whole)
    if "event.action" not in whole:
        whole["event.action"] = REQUEST_ACTION if whole["sealtrail.kind"] == "request" else OTHER_ACTION
        whole["sealtrail.notes"] = [*_texts(whole.get("sealtrail.notes")), "event.action:filled"]
    if "event.id" not in whole and "@timestamp" in whole:
        whole["event.id"] = event_id(
            whole["@timestamp"], str(whole["sealtrail.emitter"]), whole["sealtrail.seq"]
        )
    return whole


def sealed_form(fields: Fields, emitter: str, seq: int, *, reserved: bool = False) -> tuple[bytes, Fields]:
    """(canonical line, its fields) of adapted foreign fields: completed, scrubbed, fitted and checked."""
    event = completed(fields, emitter, seq)
    # Checked before scrubbing, which relies on the types, and after, because it changes values.
    check(event, reserved=reserved)
    event = scrubbed(event)
    line, event = fitted(event)
    check(event, reserved=reserved)
    return line, event


# How the texts of the table are looked at. Other keywords are ids, hashes and words of closed lists.
_URLS: Final = frozenset({"url.original", "http.request.referrer"})
# Many a user is named by an e-mail address, and crawlers publish theirs: there it is the name, not a leak.
_ADDRESSES: Final = ("email",)
_NAMED_BY_ADDRESS: Final = frozenset(
    {
        "user_agent.original",
        "user.id",
        "user.name",
        "user.effective.id",
        "http.request.method_original",
        "url.domain",
        "error.type",
        "sealtrail.object.id",
        "sealtrail.target.id",
        "sealtrail.target.name",
        "sealtrail.ticket",
    }
)
_MAX_NOTES: Final = 64


def scrubbed(fields: Fields) -> Fields:
    """The same event without secrets; what was removed is noted in sealtrail.redacted, what was cut in
    sealtrail.truncated. Scrubbing twice gives what scrubbing once gave.
    """
    clean: Fields = {}
    notes: list[str] = _texts(fields.get("sealtrail.redacted"))
    cut: list[str] = _texts(fields.get("sealtrail.truncated"))
    before = (len(notes), len(cut))
    for name, value in fields.items():
        field = FIELDS.get(name)
        found: tuple[str, ...] = ()
        if field is None:
            clean[name], found = scrub.value(name, value, name)
        elif field.type == "json":
            clean[name], found = scrub.details(value, name)
        elif name in _URLS:
            clean[name], found = scrub.url(value, name)
        elif name == "url.query":
            clean[name], found = scrub.query(value, name)
        elif name == "url.path":
            clean[name], found = scrub.path(value, name)
        elif name in _NAMED_BY_ADDRESS:
            clean[name], found = scrub.text(value, name, keep=_ADDRESSES)
        elif field.type == "text":
            clean[name], found = scrub.text(value, name)
        elif name == "tags":
            clean[name], found = scrub.details(value, name)
        else:
            clean[name] = value
            continue
        notes += found
        if _longest(value) > scrub.MAX_TEXT:
            cut.append(name)
    if len(notes) > before[0]:
        clean["sealtrail.redacted"] = [*dict.fromkeys(notes)][:_MAX_NOTES]
    if len(cut) > before[1]:
        clean["sealtrail.truncated"] = [*dict.fromkeys(cut)][:_MAX_NOTES]
    return clean


def _longest(value: Any) -> int:
    """Length of the longest text in a value: scrubbing cuts what is longer than scrub.MAX_TEXT."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, dict):
        return max((max(len(key), _longest(item)) for key, item in value.items()), default=0)
    if isinstance(value, list):
        return max(map(_longest, value), default=0)
    return 0


def fitted(fields: Fields) -> tuple[bytes, Fields]:
    """The canonical line, its longest texts cut, with a note, where it would not fit an entry."""
    line = encode(ordered(fields))
    if len(line) <= MAX_LINE_BYTES:
        return line, fields
    for limit in TEXT_LIMITS:
        cut = {name: v for name, v in fields.items() if isinstance(v, str) and len(v) > limit}
        if not cut:
            continue
        names = dict.fromkeys([*_texts(fields.get("sealtrail.truncated")), *cut])
        fields = {**fields, **{name: v[:limit] for name, v in cut.items()}, "sealtrail.truncated": [*names]}
        line = encode(ordered(fields))
        if len(line) <= MAX_LINE_BYTES:
            return line, fields
    raise EventError(
        "event.too-long",
        f"the event has {len(line):,} bytes, the limit is {MAX_LINE_BYTES:,}",
        hint="Cut long values where the event is made.",
    )


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
