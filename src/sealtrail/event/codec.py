"""Bytes to fields and back. Canonical bytes: the form in which an event is hashed, and the only one.

Canonical is UTF-8 JSON without insignificant white space, keys in schema order then others sorted, integers
within 2^53, and every character escaped that could hide or break a line: C0, DEL, C1, U+2028, U+2029 and
the bidirectional controls.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from sealtrail.errors import EventError
from sealtrail.event.fields import COLLECTOR_KEYS, ORDER
from sealtrail.event.limits import MAX_DEPTH, MAX_INTEGER, MAX_LINE_BYTES

Fields = dict[str, Any]
"""One event as a flat mapping of dotted names to JSON values."""

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode

# Raw in the output of every JSON library we know: msgspec escapes C0 only.
_HIDDEN: Final = re.compile("[\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]")
_LAST: Final = len(ORDER)


def _escape(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def escape_hidden(data: bytes) -> bytes:
    """Escape what a JSON encoder leaves raw and a terminal or log reader would obey."""
    if data.isascii() and b"\x7f" not in data:
        return data
    return _HIDDEN.sub(_escape, data.decode()).encode()


def encode(value: object) -> bytes:
    """Encode a Struct or mapping, keys as they come. Raises what msgspec raises for foreign values."""
    return escape_hidden(_encode(value))


def ordered(fields: Mapping[str, Any]) -> Fields:
    """The same fields, keys in schema order, unknown keys sorted before the collector's two."""

    def place(key: str) -> tuple[int, str]:
        known = ORDER.get(key)
        if known is None:
            return (_LAST, key)
        return (_LAST + 1 + known, "") if key in COLLECTOR_KEYS else (known, "")

    return {key: fields[key] for key in sorted(fields, key=place)}


def canonical(fields: Mapping[str, Any]) -> bytes:
    """Canonical bytes of an event, without a line end. The same fields in any order give the same bytes.

    Inside nested values keys stay in the order they have. Raises EventError where the bytes are more than a
    line may hold: escaping can make a line six times as long as it came.
    """
    line = encode(ordered(fields))
    _check_length(line)
    return line


def decode(line: bytes) -> Fields:
    """One line as fields. Raises EventError for anything that two JSON readers could read differently."""
    return _decoded(line)[0]


def examine(line: bytes) -> tuple[Fields, bool]:
    """`decode`, and whether the line is already the canonical form of its fields: one encoding tells both."""
    fields, same = _decoded(line)
    return fields, same and is_ordered(fields)


def _decoded(line: bytes) -> tuple[Fields, bool]:
    """The fields, and whether encoding them again gives the same bytes."""
    _check_length(line)
    try:
        value = _decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(line, error) from None
    except RecursionError:
        raise EventError("event.too-deep", f"the event nests deeper than {MAX_DEPTH} levels") from None
    if not isinstance(value, dict):
        raise EventError(
            "event.not-json", f"expected an object, got {json_name(value)}", hint="One JSON object a line."
        )
    _check_values(value)  # before the encoder, which would recurse as deep as the value is nested
    # Encoding again gives the same bytes unless a key came twice, white space or needless escapes were
    # there: only then is the slow, exact reader worth its price.
    same = encode(value) == line
    if not same:
        _refuse_duplicates(line)
    return value, same


def is_canonical(line: bytes, fields: Fields) -> bool:
    """True where `line` is already the canonical form of `fields`, which `decode(line)` gave."""
    return is_ordered(fields) and encode(fields) == line


def is_ordered(fields: Fields) -> bool:
    """True where the keys stand in the order of canonical bytes."""
    keys = tuple(fields)
    if keys not in _seen_orders:
        if tuple(ordered(fields)) != keys:
            return False
        if len(_seen_orders) < _MAX_ORDERS and len(keys) <= len(ORDER) and sum(map(len, keys)) <= _MAX_NAMES:
            _seen_orders.add(keys)
    return True


# Producers send a handful of key sequences over and over. Producers are not trusted, so both the number of
# sequences and the length of each are bounded: 16 MB at worst.
_MAX_ORDERS: Final = 1024
_MAX_NAMES: Final = 4096
_seen_orders: set[tuple[str, ...]] = set()


def flatten(value: Mapping[str, Any]) -> Fields:
    """Nested ECS objects as dotted names. Fields of type json, and lists, are kept whole.

    Raises EventError where nesting and dots name the same field twice.
    """
    flat: Fields = {}
    _flatten("", value, flat, 0)
    return flat


_WHOLE: Final = frozenset({"sealtrail.details", "sealtrail.alert.key"})


def _flatten(prefix: str, value: Mapping[str, Any], into: Fields, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise EventError(
            "event.too-deep", f"the event nests deeper than {MAX_DEPTH} levels", path=f"$.{shown(prefix)}"
        )
    for key, item in value.items():
        name = f"{prefix}.{key}" if prefix else key
        if isinstance(item, dict) and item and name not in _WHOLE:
            _flatten(name, item, into, depth + 1)
        elif name in into:
            raise _twice(name)
        else:
            into[name] = item


def shown(key: str) -> str:
    """A key as it may stand in a message: a foreign key can be long, or hold what a terminal obeys."""
    short = key if len(key) <= _MAX_SHOWN else key[: _MAX_SHOWN - 3] + "..."
    return short if short.isprintable() else ascii(short)[1:-1]


_MAX_SHOWN: Final = 80


def _twice(key: str) -> EventError:
    return EventError("event.duplicate-key", f"`{shown(key)}` is given twice", path=f"$.{shown(key)}")


def _check_length(line: bytes) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise EventError(
            "event.too-long",
            f"the line has {len(line):,} bytes, the limit is {MAX_LINE_BYTES:,}",
            hint="Cut long values where the event is made; Sealtrail's own capture does.",
        )


def _unreadable(line: bytes, error: Exception) -> EventError:
    try:
        line.decode()
    except UnicodeDecodeError as bad:
        return EventError("event.not-utf8", f"byte {bad.start} is not UTF-8 ({bad.reason})")
    if "recursion" in str(error).lower():
        return EventError("event.too-deep", f"the event nests deeper than {MAX_DEPTH} levels")
    return EventError("event.not-json", f"the line is not JSON: {error}", hint="One JSON object a line.")


def _refuse_duplicates(line: bytes) -> None:
    import json

    def once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for key, value in pairs:
            if key in seen:
                raise _twice(key)
            seen[key] = value
        return seen

    try:
        json.loads(line, object_pairs_hook=once)
    except RecursionError:
        raise EventError("event.too-deep", f"the event nests deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise EventError("event.not-json", f"JSON readers disagree about the line: {error}") from None


def is_sound(value: Any) -> bool:
    """True for a nested value that may stand in an event: its depth and its numbers are within bounds."""
    return _fault(value, 1) is None


def _check_values(fields: Fields) -> None:
    for key, value in fields.items():
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        fault = _fault(value, 1)
        if fault is not None:
            code, what, path = fault
            hint = "Send it as text." if code == "event.number" else ""
            raise EventError(code, what, path=f"$.{shown(key)}{path}", hint=hint)


def _fault(value: Any, depth: int) -> tuple[str, str, str] | None:
    """(code, what, path) of the first value that may not be. The path is spelt out on the way back only:

    a long key above a long list would otherwise be copied once for each of its items.
    """
    if isinstance(value, (bool, str)) or value is None:
        return None
    if isinstance(value, int):
        if -MAX_INTEGER <= value <= MAX_INTEGER:
            return None
        return ("event.number", "the integer is beyond 2^53, which JSON readers round", "")
    if isinstance(value, float):
        return None if math.isfinite(value) else ("event.number", "the number is not finite", "")
    if depth >= MAX_DEPTH:
        return ("event.too-deep", f"the event nests deeper than {MAX_DEPTH} levels", "")
    if isinstance(value, dict):
        for key, item in value.items():
            fault = _fault(item, depth + 1)
            if fault is not None:
                return (fault[0], fault[1], f".{shown(key)}{fault[2]}")
    elif isinstance(value, list):
        for place, item in enumerate(value):
            fault = _fault(item, depth + 1)
            if fault is not None:
                return (fault[0], fault[1], f"[{place}]{fault[2]}")
    return None


def json_name(value: object) -> str:
    """What JSON calls the type of a value."""
    names = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
    return names.get(type(value), "null")


def read(entry: bytes) -> Fields:
    """Fields of an entry that was checked when it was sealed. Raises EventError where it is not JSON now."""
    try:
        value = _decode(entry)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError("event.not-json", f"the entry is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise EventError("event.not-json", f"expected an object, got {json_name(value)}")
    return value
