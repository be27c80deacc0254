"""One ECS line of JSON a record."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, Final

from sealtrail.capture.entry import named_level
from sealtrail.capture.exchange import class_name
from sealtrail.capture.foreign import clean_label, clean_text, clean_value, exception_of, printed
from sealtrail.capture.policies import follow_environment
from sealtrail.event import hostile
from sealtrail.event.codec import encode
from sealtrail.event.fields import ECS_VERSION
from sealtrail.logging.records import ERROR_TYPE, extras, ids_of, merged, time_of

_IDS: Final = ("http.request.id", "trace.id", "span.id", "user.id")
_LOST: Final = b'{"log.level":"error","message":"[a log record could not be formatted]"}'


class JSONFormatter(logging.Formatter):
    """ECS names, flat and dotted, scrubbed; nothing in a line can break it or steer a terminal. Never raises.

    `service`, `version` and `environment` are the same on each line, as are `defaults`, under their own
    names. Extras of a record stand under their own names, unless one is taken by what is said of every
    record. `keep` names rules whose findings stay, such as email. What a dictConfig hands to every formatter
    by position (format, date format, style) has no use here.
    """

    def __init__(
        self,
        *_: object,
        defaults: Mapping[str, Any] | None = None,
        service: str = "",
        version: str = "",
        environment: str = "",
        keep: Collection[str] = (),
    ) -> None:
        super().__init__()
        said = {"service.name": service, "service.version": version, "service.environment": environment}
        self._constants = {name: text for name, text in said.items() if text}
        self._defaults = dict(defaults or {})
        self._keep = frozenset(keep)
        follow_environment()

    def format(self, record: logging.LogRecord) -> str:
        try:
            return encode(self._line(record)).decode()
        except Exception:  # a record may hold anything
            return _LOST.decode()

    def _line(self, record: logging.LogRecord) -> dict[str, Any]:
        line: dict[str, Any] = {
            "@timestamp": time_of(record),
            "log.level": named_level(record.levelno)[0],
            "message": _text(merged(record, self._keep).text),
            "ecs.version": ECS_VERSION,
            "log.logger": clean_label(record.name, self._keep),
            "log.origin.file.name": clean_label(record.filename, self._keep),
            "log.origin.file.line": record.lineno if type(record.lineno) is int else None,
            "log.origin.function": clean_label(record.funcName, self._keep),
            "process.pid": record.process,
            "process.thread.name": clean_label(record.threadName, self._keep),
            **self._constants,
            **dict(zip(_IDS, map(self._cleaned, ids_of(record)), strict=True)),
            **self._error(record),
        }
        if record.stack_info:
            line["log.origin.stack_trace"] = self._cleaned(record.stack_info)
        made = {name: value for name, value in line.items() if value not in ("", None)}
        for name, value in {**self._defaults, **extras(record)}.items():
            shown = clean_label(name)
            if shown not in made and shown not in line:
                made[shown] = _plain(clean_value(name, value, self._keep)[0])
        return made

    def _error(self, record: logging.LogRecord) -> dict[str, str]:
        error = exception_of(record.exc_info)
        if error is None:
            kind = record.__dict__.get(ERROR_TYPE)
            return {
                "error.type": self._cleaned(kind or ""),
                "error.stack_trace": self._cleaned(record.exc_text),
            }
        return {
            "error.type": self._cleaned(class_name(error[1])),
            "error.message": self._cleaned(hostile.text(error[1], 4096, [])),
            "error.stack_trace": self._cleaned(record.exc_text or printed(error)),
        }

    def _cleaned(self, value: Any) -> str:
        return _text(clean_text(value, self._keep)[0]) if value else ""


def _text(value: str) -> str:
    """Text that UTF-8 can hold."""
    return value if value.isascii() else hostile.text(value, len(value), [])


def _plain(value: Any) -> Any:
    if type(value) is str:
        return _text(value)
    return hostile.plain(value, [])
