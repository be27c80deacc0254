"""Which names a query may have, as an API's description says, and whether one has others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final
from urllib.parse import unquote_plus

Resolve = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Through a reference within the document, if it is one."""

_MAX_PAIRS: Final = 256  # of a query that are looked up
_MAX_SCHEMAS: Final = 4  # within one another
_PLACES: Final = frozenset({"query", "path", "header", "cookie", "body", "formData"})
_OBJECTS: Final = frozenset({"properties", "additionalProperties", "patternProperties"})


def names_of(given: Iterable[Any], resolve: Resolve, keys: Iterable[str]) -> frozenset[str] | None:
    """The names of parameters in the query, `keys` among them; None where it may have any."""
    names = set(keys)
    for each in given:
        parameter = resolve(each) if isinstance(each, Mapping) else {}
        place = parameter.get("in")
        if not isinstance(place, str) or place not in _PLACES:
            return None  # described where we do not look, or the whole of the query
        if place != "query":
            continue
        is_spread = parameter.get("style", "form") == "form" and parameter.get("explode") is not False
        if is_spread and _holds_names(parameter.get("schema"), resolve, _MAX_SCHEMAS):
            return None
        names.add(str(parameter.get("name") or "").partition("[")[0])
    return frozenset(names)


def _holds_names(schema: Any, resolve: Resolve, deeper: int) -> bool:
    """Whether a value may be an object, whose fields then stand in the query themselves."""
    if not isinstance(schema, Mapping):
        return False
    found = resolve(schema)
    kind = found.get("type")
    if kind == "object" or "object" in items(found, "type") or not _OBJECTS.isdisjoint(found):
        return True
    parts = [part for name in ("allOf", "anyOf", "oneOf") for part in items(found, name)]
    if not deeper or ("$ref" in found and not kind and not parts):
        return True
    return any(_holds_names(part, resolve, deeper - 1) for part in parts)


def undescribed(query: str, names: frozenset[str]) -> bool:
    """Whether a query has a name that is none of these; `filter[a]` is `filter`."""
    given = (unquote_plus(pair.partition("=")[0]) for pair in query.split("&", _MAX_PAIRS))
    return any(name and name.partition("[")[0] not in names for name in given)


def items(value: Mapping[str, Any], name: str) -> list[Any]:
    """The list under a name; an empty one where there is none."""
    found = value.get(name)
    return list(found) if isinstance(found, list | tuple) else []
