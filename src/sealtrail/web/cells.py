"""What events say, made safe for a terminal and a spreadsheet. It is never trusted with either."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

# Everything a terminal might obey or a person might misread: C0, DEL, C1, bidi controls, separators.
_CONTROL: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)

COLUMNS: Final = (
    "@timestamp",
    "sealtrail.trail",
    "sealtrail.index",
    "event.action",
    "event.outcome",
    "user.id",
    "client.ip",
    "http.request.method",
    "url.path",
    "http.response.status_code",
)
"""What somebody looks for first."""

_TARGET: Final = ("sealtrail.target.type", "sealtrail.target.id", "sealtrail.target.name")


def safe(value: Any, width: int = 0) -> str:
    """Text of a value with every control character shown as an escape; cut to `width` if given."""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = _CONTROL.sub(lambda m: f"\\u{ord(m[0]):04x}", text)
    return text if not width or len(text) <= width else text[: width - 1] + "…"


def act(fields: Mapping[str, Any]) -> str:
    """Upon what somebody acted, and what that changed: `user 42: role "customer" -> "support"`."""
    target = " ".join(str(fields[name]) for name in _TARGET if fields.get(name))
    changes = [
        f"{one.get('path', '')} {_json(one.get('old'))} -> {_json(one.get('new'))}"
        for one in fields.get("sealtrail.change") or ()
        if isinstance(one, dict)
    ]
    return safe(": ".join(part for part in (target, ", ".join(changes)) if part))


def csv_line(cells: Sequence[Any]) -> str:
    """One line of comma-separated values. A cell that a spreadsheet would run as a formula is made text."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\n").writerow([_cell(value) for value in cells])
    return line.getvalue()


def csv_row(names: Sequence[str], row: Mapping[str, Any]) -> str:
    """The line of a row, its cells in the order of `names`."""
    return csv_line([row.get(name) for name in names])


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    text = safe(value)
    return "'" + text if text.startswith(("=", "+", "-", "@")) else text
