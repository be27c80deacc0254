"""The door for structlog: processors that bind ids, take secrets out of events, and record them.

`bind_ids`, `scrub` and `record` are ready for a chain; `BindIds`, `Scrub` and `Record` make others.
They serve structlog alone and structlog around the standard library, `ProcessorFormatter` included.
"""

from __future__ import annotations

import sys
from collections.abc import Collection
from typing import Any, Final

from structlog import DropEvent
from structlog.typing import EventDict, WrappedLogger

from sealtrail.capture import entry, traces
from sealtrail.capture.entry import MARK, Entry, is_marked, level_of
from sealtrail.capture.foreign import (
    ExceptionInfo,
    clean_label,
    clean_text,
    clean_value,
    exception_of,
    printed,
)
from sealtrail.capture.policies import follow_environment
from sealtrail.event import hostile

_NAMES: Final = ("request_id", "trace_id", "span_id", "user_id")
_ECS: Final = ("http.request.id", "trace.id", "span.id", "user.id")
_LEVELS: Final = {"notset": 0, "debug": 10, "info": 20, "warning": 30, "warn": 30, "error": 40}
_MORE: Final = {"err": 40, "exception": 40, "critical": 50, "fatal": 50, "failure": 40}
_LEVEL_OF: Final = _LEVELS | _MORE
_INFO: Final = 20

_ERROR: Final = "exc_info"
# What renderers made of an exception, and what structlog keeps for itself: no details of an event.
_NOT_DETAILS: Final = frozenset({"event", "level", "logger", "timestamp", "exception", "stack", "stack_info"})


class BindIds:
    """Adds `request_id`, `trace_id`, `span_id` and `user_id` as far as there are any; `ecs` uses ECS names.

    What the caller bound under these names stays. Never raises.
    """

    def __init__(self, *, ecs: bool = False) -> None:
        self._names = _ECS if ecs else _NAMES

    def __call__(self, _: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
        for name, value in zip(self._names, traces.current(), strict=True):
            if value:
                event_dict.setdefault(name, value)
        return event_dict


class Scrub:
    """Replaces secrets in an event by copies without them, by name and by shape; bound objects never change.

    `keep` names rules whose findings stay, such as email. An exception whose text holds a secret becomes the
    text `exception`, as `format_exc_info` makes it, so this may stand before or after that. Raises UsageError
    where SEALTRAIL_SCRUB names no policy; a call never raises.
    """

    def __init__(self, *, keep: Collection[str] = ()) -> None:
        self._keep = frozenset(keep)
        follow_environment()

    def __call__(self, _: WrappedLogger, __: str, event_dict: EventDict) -> EventDict:
        error = _error(event_dict)
        if error is not None:
            text = printed(error)
            made, _found = clean_text(text, self._keep)
            if made != text:
                del event_dict[_ERROR]
                event_dict["exception"] = made
        for name, value in list(event_dict.items()):
            if _is_own(name) or name == _ERROR:
                continue
            made, _found = clean_value(name, value, self._keep)
            if made is not value:
                event_dict[name] = made
            shown = clean_label(name)
            if shown != name:
                event_dict[shown] = event_dict.pop(name)
        return event_dict


class Record:
    """Writes entries into the spool as events: those from a level on, those of a name, and marked ones.

    `level` is a name or a number of the standard library; None takes the others alone. `events` are texts of
    the key `event`. An entry is marked by `audit=True`, or `audit="user.role.update"` to name the act; then
    `target`, `outcome`, `change`, `reason`, `ticket`, `decision` and `rule` are what they are for
    `sealtrail.audit`. All else becomes details, scrubbed. With `drop` an entry that was recorded is not
    logged as well. Raises UsageError for a level that is none; as a processor only structlog's DropEvent.
    """

    def __init__(
        self, *, level: int | str | None = "warning", events: Collection[str] = (), drop: bool = False
    ) -> None:
        self._level = level_of(level)
        self._events = frozenset(events)
        self._drop = drop

    def __call__(self, logger: WrappedLogger, method_name: str, event_dict: EventDict) -> EventDict:
        mark = event_dict.get(MARK)
        if is_marked(mark):
            del event_dict[MARK]
        else:
            mark = None
        level = _LEVEL_OF.get(str(event_dict.get("level") or method_name).lower(), _INFO)
        event = event_dict.get("event")
        if mark is None and isinstance(event, str) and event in self._events:
            mark = True
        if mark is None and level < self._level:
            return event_dict
        details = {k: v for k, v in event_dict.items() if not _is_own(k) and k not in _NOT_DETAILS}
        details.pop(_ERROR, None)
        ids = _ids(details)
        error = _error(event_dict)
        name = event_dict.get("logger") or getattr(logger, "name", None) or ""
        written = entry.write(
            Entry(
                level,
                event if type(event) is str else hostile.text(event, 16_384, []),
                name if type(name) is str else "",
                mark,
                details,
                None if error is None else error[1],
                ids=ids,
            )
        )
        if written and self._drop:
            raise DropEvent
        return event_dict


def _ids(details: dict[str, Any]) -> traces.Ids:
    """The ids that `bind_ids` has put in, which are said elsewhere in an event, else those of now."""
    bound = [
        (details.pop(plain, None), details.pop(ecs, None)) for plain, ecs in zip(_NAMES, _ECS, strict=True)
    ]
    told = [next((str(v) for v in pair if type(v) in {str, int}), "") for pair in bound]
    return traces.Ids(*(one or other for one, other in zip(told, traces.current(), strict=True)))


def _is_own(name: object) -> bool:
    """True for what structlog hands on between its processors, such as `_record`."""
    return not isinstance(name, str) or name.startswith("_")


def _error(event_dict: EventDict) -> ExceptionInfo | None:
    info = event_dict.get(_ERROR)
    if info is True:
        info = sys.exc_info()
    return exception_of(info)


bind_ids: Final = BindIds()
"""Adds ids under the names that structlog's users use."""

scrub: Final = Scrub()
"""Takes secrets out. Put it before the renderer, and before what leaves the process."""

record: Final = Record()
"""Records marked entries, and all from `warning` on."""
