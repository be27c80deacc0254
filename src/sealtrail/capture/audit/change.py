"""What an act changed, in one form: a list of {path, old, new}, scrubbed by the names in the path.

A path is `name.name[0]["a name with.dots"]`, empty for the whole. What was added has no `old`, what was
removed has no `new`: null is a value. Applied in order, removals from the last to the first, the changes of a
difference make the state after out of the state before.
"""

from __future__ import annotations

import re
from itertools import islice
from typing import Any, Final

import msgspec

from sealtrail import scrub
from sealtrail.capture.audit.state import CUT, snapshot
from sealtrail.capture.marks import Marks
from sealtrail.capture.plain import plain_changes

_FIELD: Final = "sealtrail.change"
_MAX_CHANGES: Final = 100
_MAX_PATH: Final = 256
_MAX_BYTES: Final = 24 * 1024  # of all changes of an event, which has room for this whatever else it says
# A list of which more than this has changed is given as a whole.
_MAX_IN_LIST: Final = 20

_SMALL: Final = frozenset({type(None), bool})
_PARTS: Final = re.compile(r'[.\[\]"]+')

Change = dict[str, Any]


class Difference(list[Change]):
    """What `difference` returns. `cut` says that not all of the two states was compared."""

    cut = False


def changes(given: Any, marks: Marks) -> list[Change] | None:
    """From what callers hand over: (path, old, new) or mappings with these keys, or {path: (old, new)}."""
    if given is None:
        return None
    quick = plain_changes(given)
    if quick is not None:
        return quick
    if isinstance(given, Difference):
        if given.cut:
            marks.truncated += (_FIELD,)
        return _scrubbed(given, marks)
    if type(given) is not list and type(given) is not tuple:
        given = snapshot(given)
    if isinstance(given, dict):
        given = (
            [given]
            if "path" in given
            else [
                [path, *pair] if isinstance(pair, list) else [path, None, pair]
                for path, pair in given.items()
            ]
        )
    elif not isinstance(given, list | tuple):
        given = [given]
    return _scrubbed([_one(item) for item in islice(given, _MAX_CHANGES + 1)], marks)


def difference(before: Any, after: Any) -> Difference:
    """What differs between two things, neither scrubbed nor cut: `changes` does that."""
    return between(snapshot(before), snapshot(after))


def between(before: Any, after: Any) -> Difference:
    """What differs between two states, as `snapshot` takes them."""
    found = Difference()
    # A state that was not given is that of what is not there.
    if before is None and isinstance(after, dict):
        before = {}
    elif after is None and isinstance(before, dict):
        after = {}
    _compare("", before, after, found)
    return found


def _one(item: Any) -> Change:
    if type(item) is not tuple and type(item) is not list:
        item = snapshot(item)
    if isinstance(item, dict):
        return {"path": item.get("path", ""), **{side: item[side] for side in ("old", "new") if side in item}}
    if isinstance(item, list | tuple):
        path, old, new = (*item, None, None, None)[:3]
        return {"path": path, "old": old, "new": new}
    return {"path": item, "old": None, "new": None}


def _compare(path: str, before: Any, after: Any, found: Difference) -> None:
    if before is CUT or after is CUT:
        found.cut = True
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            where = _within(path, key)
            if key not in after:
                found.append({"path": where, "old": before[key]})
            elif key not in before:
                found.append({"path": where, "new": after[key]})
            else:
                _compare(where, before[key], after[key], found)
    elif isinstance(before, list) and isinstance(after, list):
        _compare_lists(path, before, after, found)
    elif type(before) is not type(after) or (before != after and repr(before) != repr(after)):
        # By repr as well: what is not a number is not equal to itself.
        found.append({"path": path, "old": before, "new": after})


def _compare_lists(path: str, before: list[Any], after: list[Any], found: Difference) -> None:
    inner = Difference()
    for index, (old, new) in enumerate(zip(before, after, strict=False)):
        _compare(f"{path}[{index}]", old, new, inner)
    cut = inner.cut
    common = min(len(before), len(after))
    moved = bool(inner) and len(before) != len(after)
    inner += [{"path": f"{path}[{n}]", "old": before[n]} for n in range(common, len(before))]
    inner += [{"path": f"{path}[{n}]", "new": after[n]} for n in range(common, len(after))]
    if moved or len(inner) > _MAX_IN_LIST:
        # Something was put in or taken out in the middle: place by place all of it would have changed.
        inner = Difference([{"path": path, "old": before, "new": after}])
    found += inner
    found.cut = found.cut or cut


def _within(path: str, key: str) -> str:
    if not key.replace("-", "_").isidentifier():
        return f"{path}[{msgspec.json.encode(key.encode(errors='backslashreplace').decode()).decode()}]"
    return f"{path}.{key}" if path else key


def _scrubbed(found: list[Change], marks: Marks) -> list[Change]:
    made: list[Change] = []
    left = _MAX_BYTES
    for change in found[:_MAX_CHANGES]:
        name = marks.plain(_FIELD, change["path"])
        name = name if type(name) is str else str(name)
        path, removed = scrub.text(name[:_MAX_PATH], f"{_FIELD}.path")
        marks.redacted += removed
        field = f"{_FIELD}.{path[:64]}"
        # Any part of the path may be the secret's name: credentials.value is no less secret.
        secret = next((part for part in _PARTS.split(name) if scrub.secret_name(part)), "")
        result: Change = {"path": path}
        for side in ("old", "new"):
            if side in change:
                result[side], removed = scrub.value(secret, _value(change[side], marks), field)
                marks.redacted += removed
        left -= len(msgspec.json.encode(result))
        if left < 0:
            break
        made.append(result)
    if len(made) < len(found):
        marks.truncated += (_FIELD,)
    return made


def _value(value: Any, marks: Marks) -> Any:
    return value if type(value) in _SMALL else marks.plain(_FIELD, snapshot(value))
