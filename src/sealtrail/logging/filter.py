"""Ids of the request onto log records, and secrets out of them."""

from __future__ import annotations

import logging
from collections.abc import Collection

from sealtrail.capture import traces
from sealtrail.capture.exchange import class_name
from sealtrail.capture.foreign import LOST, ExceptionInfo, clean_text, clean_value, exception_of, printed
from sealtrail.capture.policies import follow_environment
from sealtrail.logging.records import ERROR_TYPE, IDS, extras, merged


class Filter(logging.Filter):
    """Puts `request_id`, `trace_id`, `span_id` and `user_id` on each record, and takes the secrets out of it.

    `default` stands where there is no id, so that a format may always name them. What the caller put on the
    record under these names stays. `scrub=False` leaves secrets, `ids=False` adds nothing; `keep` names rules
    whose findings stay, such as email. `name` as for every filter: other loggers' records are dropped.

    Scrubbing changes the record, for all handlers that come later, and nothing of the caller's: the arguments
    stay what they were. Where something had to go, the message is merged and the exception becomes text.
    On a logger a filter sees that logger's records alone; on a handler all that reach it, and it has to stand
    on the handler that is called in the request's own thread, which is the QueueHandler. Never raises.
    """

    def __init__(
        self,
        name: str = "",
        *,
        ids: bool = True,
        scrub: bool = True,
        keep: Collection[str] = (),
        default: str = "",
    ) -> None:
        super().__init__(name)
        self._ids = ids
        self._scrub = scrub
        self._keep = frozenset(keep)
        self._default = default
        if scrub:
            follow_environment()

    def filter(self, record: logging.LogRecord) -> bool:
        if not super().filter(record):
            return False
        try:
            if self._ids:
                self._bind(record)
            if self._scrub:
                self._clean(record)
        except Exception:  # what could not be looked at is not let through
            record.msg, record.args, record.exc_info, record.exc_text = LOST, (), None, None
        return True

    def _bind(self, record: logging.LogRecord) -> None:
        there = record.__dict__
        for name, value in zip(IDS, traces.current(), strict=True):
            there.setdefault(name, value or self._default)

    def _clean(self, record: logging.LogRecord) -> None:
        for name, value in extras(record).items():
            made, _ = clean_value(name, value, self._keep)
            if made is not value:
                setattr(record, name, made)
        error = exception_of(record.exc_info)
        if error is not None:
            record.__dict__.setdefault(ERROR_TYPE, class_name(error[1]))
        message = merged(record, self._keep)
        if message.changed:
            record.msg, record.args = message.text, ()
        if record.exc_text or error is not None:
            self._clean_exception(record, error)
        if record.stack_info:
            record.stack_info = clean_text(record.stack_info, self._keep)[0]

    def _clean_exception(self, record: logging.LogRecord, error: ExceptionInfo | None) -> None:
        text = record.exc_text or ("" if error is None else printed(error))
        made, _ = clean_text(text, self._keep)
        if made != text:
            # A formatter that prints exceptions itself would print the secret again.
            record.exc_text, record.exc_info = made, None
