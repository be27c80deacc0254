"""Entries of an application's log that become events: what the bridges for logging and structlog share."""

from __future__ import annotations

import logging
import re
import sys
import threading
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sealtrail import scrub
from sealtrail.capture.audit.change import changes
from sealtrail.capture.audit.here import Here, act_of, put_target
from sealtrail.capture.audit.ticket import ordered_by
from sealtrail.capture.context import ANONYMOUS
from sealtrail.capture.marks import Marks
from sealtrail.capture.traces import NO_IDS, Ids
from sealtrail.errors import UsageError
from sealtrail.event import hostile
from sealtrail.event.model import Audit

LEVELS: Final = ((50, "critical", 100), (40, "error", 75), (30, "warning", 50), (20, "info", 10))
"""From (level of the standard library), its name, and `event.severity`. What is lower is debug, 0."""

MARK: Final = "audit"
"""The key that marks an entry as an act: `audit=True`, or `audit="user.role.update"` to name it."""

# Keys of a marked entry that say what `sealtrail.audit` has arguments for.
_SAID: Final = ("target", "outcome", "change", "reason", "ticket", "decision", "rule")
_ACTION: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[._:-][A-Za-z0-9]+){0,15}", re.ASCII)
_MAX_ACTION: Final = 128
_MAX_MESSAGE: Final = 8192
_ERROR_LEVEL: Final = 40

_writing: Final = threading.local()


class Entry(NamedTuple):
    """One entry of a log. `level` counts as the standard library's; `mark` as the key `audit` says."""

    level: int
    message: str
    logger: str = ""
    mark: Any = None
    details: Mapping[str, Any] = {}
    error: BaseException | None = None
    error_type: str = ""
    error_message: str = ""
    timestamp: str = ""
    ids: Ids = NO_IDS
    redacted: scrub.Notes = ()


def named_level(level: int) -> tuple[str, int]:
    """The name of a level and its severity from 0 to 100."""
    for least, name, severity in LEVELS:
        if level >= least:
            return name, severity
    return "debug", 0


def level_of(level: int | str | None) -> int:
    """A level by its number or its name; None is higher than all. Raises UsageError for a name of none."""
    if level is None:
        return sys.maxsize
    if isinstance(level, str):
        known = logging.getLevelNamesMapping().get(level.upper())
        if known is None:
            raise UsageError("usage.argument", f"there is no log level {level!r}", hint="Say WARNING.")
        return known
    return level


def is_marked(mark: Any) -> bool:
    """True for the values of the key `audit` that ask for an event."""
    return mark is True or (isinstance(mark, str) and bool(mark))


def write(entry: Entry) -> bool:
    """Write an entry as an event; True once it is in the spool. Never raises.

    A marked entry is an act like those of `sealtrail.audit`. Others are called `log.LEVEL`, and cannot use
    the room that a full spool keeps for acts.
    """
    if getattr(_writing, "now", False):
        return False  # an entry that was made by writing one, such as by a value's own code
    _writing.now = True
    try:
        return _write(entry)
    finally:
        _writing.now = False


def _write(entry: Entry) -> bool:
    here = Here()
    try:
        marked = is_marked(entry.mark)
        name, severity = named_level(entry.level)
        details = dict(entry.details)
        said = {key: details.pop(key) for key in _SAID if key in details} if marked else {}
        failed = entry.level >= _ERROR_LEVEL or entry.error is not None or bool(entry.error_type)
        otherwise = "failure" if failed else "success" if marked else "unknown"
        event = act_of(here, _action(entry, name), said.get("outcome", otherwise), entry.error)
        if entry.timestamp:
            event.timestamp = entry.timestamp
        marks = here.marks
        marks.redacted += entry.redacted
        event.severity = severity
        event.message = _message(entry.message, marks)
        event.log_level = name
        event.log_logger = marks.keyword("log.logger", entry.logger)
        _put_ids(event, entry.ids, marks, marked=marked)
        event.error_type = event.error_type or marks.keyword("error.type", entry.error_type)
        told = entry.error_message or ("" if entry.error is None else hostile.text(entry.error, 4096, []))
        event.error_message = marks.text("error.message", told)
        event.reason = marks.text("event.reason", said.get("reason", ""))
        if marked:
            order = said.get("ticket") or ordered_by(here.call)
            event.ticket = marks.keyword("sealtrail.ticket", order)
        event.policy_decision = marks.keyword("sealtrail.policy.decision", said.get("decision", ""))
        event.policy_rule = marks.keyword("sealtrail.policy.rule", said.get("rule", ""))
        put_target(event, said.get("target"), marks)
        event.change = changes(said.get("change"), marks)
        event.details = marks.details("sealtrail.details", details or None)
        marks.put(event)
        return here.recorder.record(event, audit=marked)
    except Exception:  # recording is never the application's problem
        return here.failed()


def _action(entry: Entry, level: str) -> str:
    if isinstance(entry.mark, str) and entry.mark:
        return entry.mark
    if entry.mark is True and len(entry.message) <= _MAX_ACTION and _ACTION.fullmatch(entry.message):
        return entry.message
    return f"log.{level}"


def _put_ids(event: Audit, ids: Ids, marks: Marks, *, marked: bool) -> None:
    """Ids that came with the entry win: it may be written by another thread than it was made in."""
    if ids.request_id and ids.request_id != event.request_id:
        event.request_id = marks.keyword("http.request.id", ids.request_id)
    if ids.trace_id and ids.span_id != event.span_id:
        event.trace_id = marks.keyword("trace.id", ids.trace_id)
        event.span_id = marks.keyword("span.id", ids.span_id)
    if ids.user_id and event.user_id == ANONYMOUS:
        event.user_id = marks.keyword("user.id", ids.user_id)
    if not marked and event.user_id == ANONYMOUS and not event.request_id:
        event.user_id = ""  # nobody acts where a log entry is made outside of any request


def _message(message: str, marks: Marks) -> str:
    if len(message) > _MAX_MESSAGE:
        made, found = scrub.long_text(message)
        marks.redacted += found
        if len(message) > scrub.MAX_TEXT:
            marks.truncated += ("message",)
        message = made
    return marks.text("message", message, _MAX_MESSAGE)
