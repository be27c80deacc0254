"""Claims about events, with messages that say what was there instead."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote

from sealtrail.event import Fields
from sealtrail.event.fields import FIELDS
from sealtrail.event.model import Audit, Authentication, Request

_NAMES: Final = {
    plain: dotted
    for kind in (Request, Authentication, Audit)
    for plain, dotted in zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True)
} | {name.replace(".", "_"): name for name in FIELDS}
_SHOWN: Final = 10
_SHORTEST: Final = 4


def assert_event(
    events: Iterable[Fields],
    action: str | None = None,
    outcome: str | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    count: int | None = None,
    **named: Any,
) -> Fields:
    """The first event that has all of these values; AssertionError, with the nearest ones, where none has.

    `named` are fields by their names with `_` for each dot (`http_route`), or by those of the Python API
    (`user_id`, `target_id`, `status`); `fields` are further ones by their dotted names. A value may be a
    compiled pattern that is searched for, or `...` for any. `count` is how many events there must be, one or
    more. A name of no field is a TypeError.
    """
    wanted = _wanted(action, outcome, fields, named)
    there = list(events)
    found = [event for event in there if not _differences(event, wanted)]
    if count is not None and count < 1:
        raise ValueError("for no event at all there is assert_no_event")
    if found and count in {None, len(found)}:
        return found[0]
    expected = "an event" if count is None else f"{count} events"
    raise AssertionError(
        f"expected {expected} with {_told(wanted)}, found {len(found)}{_nearest(there, wanted)}"
    )


def assert_no_event(
    events: Iterable[Fields],
    action: str | None = None,
    outcome: str | None = None,
    *,
    fields: Mapping[str, Any] | None = None,
    **named: Any,
) -> None:
    """AssertionError where an event has all of these values, which are as for `assert_event`."""
    wanted = _wanted(action, outcome, fields, named)
    found = [event for event in events if not _differences(event, wanted)]
    if found:
        raise AssertionError(f"expected no event with {_told(wanted)}, found {len(found)}: {_line(found[0])}")


def assert_no_secret(events: Iterable[Fields], *secrets: str) -> None:
    """AssertionError where a secret stands in an event.

    As it is, escaped as JSON, percent-encoded (also twice), as hexadecimal digits or in base64. The message
    names event, field and form, never the secret. ValueError for one of fewer than 4 characters, which would
    be found anywhere.
    """
    for secret in secrets:
        if len(secret) < _SHORTEST:
            raise ValueError(
                f"a secret to look for has at least {_SHORTEST} characters, this one {len(secret)}"
            )
    if not secrets:
        raise ValueError("there is no secret to look for")
    forms = [(number, form, text) for number, secret in enumerate(secrets) for form, text in _forms(secret)]
    for place, event in enumerate(events):
        for path, text in _texts("", event):
            variants = {text, unquote(text), unquote(unquote(text))}
            for number, form, wanted in forms:
                if any(wanted in one for one in variants):
                    raise AssertionError(
                        f"secret {number + 1} of {len(secrets)} stands in event {place} "
                        f"({event.get('event.action')}), in {path or 'a name'}, {form}"
                    )


def _wanted(
    action: str | None, outcome: str | None, fields: Mapping[str, Any] | None, named: Mapping[str, Any]
) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    if action is not None:
        wanted["event.action"] = action
    if outcome is not None:
        wanted["event.outcome"] = outcome
    for name, value in named.items():
        dotted = _NAMES.get(name)
        if dotted is None:
            near = get_close_matches(name, _NAMES, 1)
            hint = f"; did you mean {near[0]}?" if near else "; say fields={...} for names of your own"
            raise TypeError(f"there is no field {name!r}{hint}")
        wanted[dotted] = value
    wanted.update(fields or {})
    if not wanted:
        raise TypeError("say what the event should be: an action, an outcome or a field")
    return wanted


def _differences(event: Fields, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Wanted fields whose values differ, with what they are."""
    return {name: event.get(name) for name, value in wanted.items() if not _fits(event, name, value)}


def _fits(event: Fields, name: str, value: Any) -> bool:
    if name not in event:
        return False
    found = event[name]
    if value is ...:
        return True
    if isinstance(value, re.Pattern):
        return isinstance(found, str) and value.search(found) is not None
    if isinstance(value, tuple):
        value = list(value)
    return bool(found == value) and isinstance(found, bool) == isinstance(value, bool)


def _told(wanted: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_shown(value)}" for name, value in wanted.items())


def _shown(value: Any) -> str:
    if value is ...:
        return "(anything)"
    return f"/{value.pattern}/" if isinstance(value, re.Pattern) else repr(value)


def _nearest(events: list[Fields], wanted: Mapping[str, Any]) -> str:
    if not events:
        return ": no event was written"
    ranked = sorted(events, key=lambda event: len(_differences(event, wanted)))[:_SHOWN]
    lines = []
    for event in ranked:
        other = ", ".join(
            f"{name}={value!r}" if name in event else f"no {name}"
            for name, value in _differences(event, wanted).items()
        )
        lines.append(f"  {_line(event)}: {other or 'fits'}")
    more = f"\n  and {len(events) - _SHOWN} more" if len(events) > _SHOWN else ""
    return "; the nearest first:\n" + "\n".join(lines) + more


def _line(event: Fields) -> str:
    return f"{event.get('event.action')} ({event.get('event.outcome')})"


def _forms(secret: str) -> Iterator[tuple[str, str]]:
    raw = secret.encode("utf-8", "surrogatepass")
    yield "as it is", secret
    for form, text in (
        ("escaped as JSON", json.dumps(secret)[1:-1]),
        ("percent-encoded", quote(secret, safe="", errors="replace")),
        ("percent-encoded", quote_plus(secret, errors="replace")),
        ("as hexadecimal digits", raw.hex()),
    ):
        if text != secret:
            yield form, text
    for shift in range(3):
        # Whole groups of three bytes look the same wherever the secret stands in what was encoded.
        inner = raw[shift : shift + (len(raw) - shift) // 3 * 3]
        if len(inner) >= _SHORTEST:
            yield "in base64", base64.b64encode(inner).decode()
            yield "in base64", base64.urlsafe_b64encode(inner).decode()


def _texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Every text in a value, names included, with where it stands."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield path, name
            yield from _texts(f"{path}.{name}" if path else name, inner)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _texts(f"{path}[{number}]", inner)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, str(value)
