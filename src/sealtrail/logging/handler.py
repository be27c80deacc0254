"""Log records as events of the audit trail."""

from __future__ import annotations

import logging
from typing import Any

from sealtrail.capture import recorder
from sealtrail.capture.entry import MARK, Entry, is_marked, level_of, write
from sealtrail.capture.foreign import exception_of
from sealtrail.logging.records import ERROR_TYPE, extras, ids_of, is_own, merged, time_of


class Handler(logging.Handler):
    """Writes records into the spool as events: those from a level on, and those that are marked.

    `from_level` is a number or a name; None takes marked records alone. A record is marked by
    `extra={"audit": True}`, or `{"audit": "user.role.update"}` to name the act; then `target`, `outcome`,
    `change`, `reason`, `ticket`, `decision` and `rule` of `extra` are what they are for `sealtrail.audit`.
    Other extras become details, scrubbed. Raises UsageError for a level that is none; emitting never raises,
    holds no lock while it writes, and leaves the record as it is.
    """

    def __init__(
        self, level: int | str = logging.NOTSET, *, from_level: int | str | None = logging.WARNING
    ) -> None:
        super().__init__(level)
        self.from_level = level_of(from_level)

    def handle(self, record: logging.LogRecord) -> bool:
        """Emit what the filters let through. Without the handler's lock: the spool has its own, and warns

        through logging when the disk fails.
        """
        if is_own(record) or record.levelno < self.level:  # a queue's listener does not ask for the level
            return False
        passed: Any = self.filter(record)
        if isinstance(passed, logging.LogRecord):  # from Python 3.12 on a filter may give another one
            record = passed
        if passed:
            self.emit(record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            details = extras(record)
            mark = details.get(MARK)
            if is_marked(mark):
                del details[MARK]
            elif record.levelno < self.from_level:
                return
            error = exception_of(record.exc_info)
            message = merged(record)
            write(
                Entry(
                    record.levelno,
                    message.text,
                    record.name,
                    mark,
                    details,
                    None if error is None else error[1],
                    str(record.__dict__.get(ERROR_TYPE, "")),
                    _error_message(record),
                    time_of(record),
                    ids_of(record),
                    message.notes,
                )
            )
        except Exception:  # a record may hold anything; losing one is counted, and never the caller's problem
            recorder.default().failed()


def _error_message(record: logging.LogRecord) -> str:
    """What is left of an exception that the filter took from the record: the last line of its text."""
    if record.exc_info or not record.exc_text:
        return ""
    last = record.exc_text.rstrip().rpartition("\n")[2]
    return last.partition(": ")[2] or last
