"""What a LogRecord says, read without trusting any of it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sealtrail import scrub
from sealtrail.capture import traces
from sealtrail.capture.foreign import clean_text
from sealtrail.capture.traces import Ids
from sealtrail.event import hostile
from sealtrail.scrub import Notes
from sealtrail.scrub.policy import REPLACE

IDS: Final = ("request_id", "trace_id", "span_id", "user_id")
"""Attributes that the filter adds, in the order of an `Ids`."""

ERROR_TYPE: Final = "error_type"
"""Attribute for the class of an exception that a queue, or the filter, took from the record."""

_OWN: Final = "sealtrail"
_STANDARD: Final = frozenset(
    {*logging.makeLogRecord({}).__dict__, "message", "asctime", "taskName", *IDS, ERROR_TYPE}
)


def is_own(record: logging.LogRecord) -> bool:
    """True for what Sealtrail itself logs: its troubles with the spool do not go into the spool."""
    name = record.name
    return name == _OWN or str(name).startswith("sealtrail.")


class Merged(NamedTuple):
    """A message with its arguments in it, without secrets; `changed` where it is not what it would be."""

    text: str
    notes: Notes = ()
    changed: bool = False


def merged(record: logging.LogRecord, keep: Collection[str] = ()) -> Merged:
    """The message of a record. Secrets are known by their shape and by the names of arguments."""
    args = record.args
    text, fits = _merged(record.msg, args)
    notes: Notes = ()
    if isinstance(args, Mapping):
        hidden = _hidden(args)
        if hidden:
            text, fits = _merged(record.msg, {**args, **hidden})
            notes = tuple(f"message.{name[:64]}:{scrub.secret_name(name)}" for name in hidden)
    made, found = clean_text(text, keep)
    return Merged(made, (*notes, *found), not fits or bool(notes) or made != text)


def _hidden(args: Mapping[Any, Any]) -> dict[str, str]:
    """What stands in the place of arguments with secret names."""
    try:
        found = {
            name: REPLACE.replacement(rule, hostile.text(value, scrub.MAX_TEXT, []), "message", name)
            for name, value in args.items()
            if type(name) is str and value is not None and (rule := scrub.secret_name(name))
        }
        return {name: made for name, made in found.items() if made is not None}
    except Exception:  # a mapping of the application's own
        return {}


def _merged(message: Any, args: Any) -> tuple[str, bool]:
    """The text, and whether the arguments fit into it."""
    text = message if type(message) is str else hostile.text(message, scrub.MAX_TEXT, [])
    if not args:
        return text, True
    try:
        return str(text % args), True
    except Exception:  # too few arguments, the wrong kind, or one that cannot be printed
        return f"{text} [the arguments do not fit]", False


def extras(record: logging.LogRecord) -> dict[str, Any]:
    """What the caller added by `extra`, or a filter did."""
    return {name: value for name, value in record.__dict__.items() if name not in _STANDARD}


def ids_of(record: logging.LogRecord) -> Ids:
    """The ids that the filter or the caller put on the record, else those of now."""
    told = [_id(record.__dict__.get(name)) for name in IDS]
    if all(told):
        return Ids(*told)
    return Ids(*(one or other for one, other in zip(told, traces.current(), strict=True)))


def _id(value: Any) -> str:
    """An id as text; others use these names as well, and a filter may have put a placeholder there."""
    if type(value) is int:
        return str(value)
    return value if type(value) is str and value != "-" else ""


def time_of(record: logging.LogRecord) -> str:
    """When the record was made, as events say it; empty where it does not say."""
    try:
        return datetime.fromtimestamp(record.created, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    except (ValueError, OverflowError, OSError, TypeError):
        return ""
