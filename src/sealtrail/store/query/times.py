"""Times as people write them, to microseconds since 1970 in UTC. Pure: `now` is an argument.

Understood: `now`, `now-2h`, `2h` (two hours ago), `today`, `yesterday`, `2026-11-24`, `2026-11-24T08:00`,
RFC 3339 with `Z` or an offset. A time without an offset is UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from sealtrail.errors import QueryError

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_TICK: Final = timedelta(microseconds=1)
_FIRST: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // _TICK
_LAST: Final = (datetime(9999, 12, 31, tzinfo=UTC) - _EPOCH) // _TICK
_UNITS: Final = {"ms": 1000, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": 7 * DAY}
_STEP: Final = re.compile(r"(\d{1,9})(ms|[smhdw])", re.ASCII)
_DURATION: Final = re.compile(r"(?:\d{1,9}(?:ms|[smhdw]))+", re.ASCII)
_RELATIVE: Final = re.compile(r"(?:now(?:(-|\+)(\S+))?|(\d\S*))", re.ASCII)
_WRITTEN: Final = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d)(:\d\d)?(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII
)
_HINT: Final = "Write 2h, today, yesterday, 2026-11-24 or 2026-11-24T08:00:00Z."


class Span(NamedTuple):
    """[start, end) in microseconds: a day for a date, one microsecond for an instant."""

    start: int
    end: int


def micros(moment: datetime) -> int:
    """Microseconds since 1970 of an aware datetime."""
    return (moment - _EPOCH) // _TICK


def stamp(time: int) -> str:
    """RFC 3339 text with six digits, years 1 to 9999. The inverse of `from_stamp`."""
    moment = _EPOCH + timedelta(microseconds=time)
    # strftime leaves years before 1000 unpadded on some systems; isoformat does not.
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def from_stamp(text: str) -> int | None:
    """Microseconds of an event's time field (RFC 3339, `Z`); None where it is not one."""
    if not text.endswith("Z"):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    past = moment - _EPOCH
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds


def duration(text: str) -> int:
    """`90s`, `5m`, `1h30m`, `2d`, `1w`, `500ms` as microseconds. Raises QueryError."""
    if _DURATION.fullmatch(text) is None:
        raise QueryError(
            "query.time",
            f"`{text}` is not a length of time",
            query=text,
            hint="Write a number and a unit, such as 90s, 5m, 1h30m, 2d or 1w.",
        )
    total = sum(int(number) * _UNITS[unit] for number, unit in _STEP.findall(text))
    if not 0 < total <= 10_000 * 365 * DAY:
        raise QueryError("query.time", f"`{text}` is out of range", query=text)
    return total


def span(text: str, now: int | None = None) -> Span:
    """What a time covers. Without `now` a relative time is refused, as is what is not a time: QueryError."""
    written = _WRITTEN.fullmatch(text)
    if written is not None:
        return _written(text, written)
    relative = _relative(text)
    if relative is None:
        raise QueryError("query.time", f"`{text}` is not a time", query=text, hint=_HINT)
    if now is None:
        raise QueryError("query.time", f"`{text}` is relative, and no present is given", query=text)
    whole_day, offset = relative
    start = now + offset
    if not _FIRST <= start < _LAST:
        raise QueryError("query.time", f"`{text}` is before year 1 or after year 9999", query=text)
    if whole_day:
        midnight = now - now % DAY + offset
        return Span(midnight, midnight + DAY)
    return Span(start, start + 1)


def instant(text: str, now: int) -> int:
    """Where a time begins, for `--since` and `--until`. Raises QueryError."""
    return span(text, now).start


def is_relative(text: str) -> bool:
    """True for a time that means something else tomorrow."""
    return _relative(text) is not None


def absolute(text: str, now: int) -> str:
    """The same time without reference to the present; a day stays a day."""
    start, end = span(text, now)
    return stamp(start)[:10] if end - start == DAY else stamp(start)


def _relative(text: str) -> tuple[bool, int] | None:
    """(whole day?, microseconds from now)."""
    word = text.lower()
    if word in ("today", "yesterday"):
        return True, -DAY if word == "yesterday" else 0
    match = _RELATIVE.fullmatch(word)
    if match is None:
        return None
    sign, length, ago = match.groups()
    length = length or ago
    if length is None:
        return False, 0
    if _DURATION.fullmatch(length) is None:
        return None
    ticks = sum(int(number) * _UNITS[unit] for number, unit in _STEP.findall(length))
    return False, ticks if sign == "+" else -ticks


def _written(text: str, match: re.Match[str]) -> Span:
    date, clock, seconds, fraction, zone = match.groups()
    # What is finer than a microsecond is cut, not rounded.
    told = f"{date}T{clock or '00:00'}{seconds or ':00'}{fraction or ''}"
    offset = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        start = micros(datetime.fromisoformat(told + offset))
    except (ValueError, OverflowError) as error:
        raise QueryError("query.time", f"`{text}` is not a time: {error}", query=text, hint=_HINT) from None
    if clock is None:
        return Span(start, start + DAY)
    if seconds is None:
        return Span(start, start + MINUTE)
    return Span(start, start + (1 if fraction else SECOND))
