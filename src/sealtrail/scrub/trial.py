"""What would be kept of something: what recording calls, called on it by itself. Pure."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from sealtrail.errors import UsageError
from sealtrail.event import hostile
from sealtrail.scrub.free import MAX_TEXT, Notes
from sealtrail.scrub.long import long_text
from sealtrail.scrub.tree import details
from sealtrail.scrub.web import headers, query, url

# What notes speak of where nothing else is said: the field that holds such things in an event.
FIELDS: Final = {
    "text": "message",
    "json": "sealtrail.details",
    "query": "url.query",
    "url": "url.original",
    "headers": "headers",
}
FORMS: Final = ("auto", *FIELDS)


class Trial(NamedTuple):
    """`kept` is a text, or the value where `form` is json. `cut`: it is too long to be kept whole."""

    form: str
    kept: Any
    notes: Notes
    cut: bool


def tried(given: str, form: str = "auto", field: str = "") -> Trial:
    """Scrub a text as one of FORMS; auto takes a JSON object or array for JSON, and all else for text.

    `field` is what notes speak of. Raises UsageError for what is said to be JSON and is not.
    """
    if form == "auto":
        form = "json" if given.lstrip()[:1] in {"{", "["} and _value(given) is not msgspec.UNSET else "text"
    field = field or FIELDS[form]
    if form == "json":
        return _json(given, field)
    if form == "headers":
        return _headers(given, field)
    if form == "text":
        kept, notes = long_text(given, field)
        return Trial(form, kept, notes, len(given) > MAX_TEXT)
    cut = len(given) > MAX_TEXT
    kept, notes = (query if form == "query" else url)(given[:MAX_TEXT], field)
    return Trial(form, kept, notes, cut)


def _value(given: str) -> Any:
    try:
        return msgspec.json.decode(given)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return msgspec.UNSET


def _json(given: str, field: str) -> Trial:
    value = _value(given)
    if value is msgspec.UNSET:
        raise UsageError("usage.argument", "the input is no JSON", hint="Use --as text, or leave --as out.")
    odd: list[str] = []
    kept, notes = details(hostile.plain(value, odd), field)
    return Trial("json", kept, notes, hostile.CUT in odd or "value.deep" in odd)


def _headers(given: str, field: str) -> Trial:
    """One header a line, `Name: value`; a line without a colon is a value without a name."""
    lines = given[:MAX_TEXT].splitlines()
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    pairs = [(name, value) if value else ("", name) for name, value in pairs]
    kept, notes = headers(pairs, field)
    text = "\n".join(f"{name}: {value}" if name else value for name, value in kept)
    return Trial("headers", text, notes, len(given) > MAX_TEXT)
