"""What an act changed, in one form: a list of {path, old, new}, scrubbed by the names in the path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture.marks import Marks

_FIELD: Final = "sealtrail.change"
_MAX_CHANGES: Final = 100
_MAX_DEPTH: Final = 4

Change = dict[str, Any]


def changes(given: Any, marks: Marks) -> list[Change] | None:
    """From what callers hand over: (path, old, new) or mappings with these keys, or {path: (old, new)}."""
    if given is None:
        return None
    plain = marks.plain(_FIELD, given)
    if isinstance(plain, dict):
        plain = (
            [plain]
            if "path" in plain
            else [
                [path, *pair] if isinstance(pair, list) else [path, None, pair]
                for path, pair in plain.items()
            ]
        )
    if not isinstance(plain, list):
        plain = [plain]
    return _scrubbed([_one(item) for item in plain], marks)


def difference(before: Any, after: Any, marks: Marks) -> list[Change]:
    """What differs between two states, not scrubbed: `changes` does that. Mappings are compared by key."""
    found: list[Change] = []
    _compare("", marks.plain(_FIELD, before), marks.plain(_FIELD, after), found, 0)
    return found


def _one(item: Any) -> Change:
    if isinstance(item, dict):
        return {"path": str(item.get("path", "")), "old": item.get("old"), "new": item.get("new")}
    if isinstance(item, list):
        path, old, new = (*item, None, None, None)[:3]
        return {"path": str(path), "old": old, "new": new}
    return {"path": str(item), "old": None, "new": None}


def _compare(path: str, before: Any, after: Any, found: list[Change], depth: int) -> None:
    if depth < _MAX_DEPTH and isinstance(before or {}, Mapping) and isinstance(after or {}, Mapping):
        before, after = before or {}, after or {}
        for key in dict.fromkeys((*before, *after)):
            name = f"{path}.{key}" if path else str(key)
            _compare(name, before.get(key), after.get(key), found, depth + 1)
        return
    if before != after or type(before) is not type(after):
        found.append({"path": path, "old": before, "new": after})


def _scrubbed(found: list[Change], marks: Marks) -> list[Change]:
    if len(found) > _MAX_CHANGES:
        marks.truncated += (_FIELD,)
    made: list[Change] = []
    for change in found[:_MAX_CHANGES]:
        path, removed = scrub.text(change["path"][:256], f"{_FIELD}.path")
        marks.redacted += removed
        field = f"{_FIELD}.{path[:64]}"
        result: Change = {"path": path}
        for side in ("old", "new"):
            # Any part of the path may be the secret's name: credentials.value is no less secret.
            secret = next((part for part in change["path"].split(".") if scrub.secret_name(part)), "")
            result[side], removed = scrub.value(secret, change[side], field)
            marks.redacted += removed
        made.append(result)
    return made
