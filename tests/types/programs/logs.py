"""structlog's processors, and the standard library's handler, filter and formatter."""

from __future__ import annotations

import logging

import structlog
from structlog.typing import Processor

from sealtrail.logging import Filter, Handler, JSONFormatter
from sealtrail.structlog import BindIds, Record, Scrub, bind_ids, record, scrub

processors: list[Processor] = [
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    bind_ids,
    BindIds(ecs=True),
    record,
    Record(level="error", events=["invoice.paid"], drop=True),
    Record(level=None),
    scrub,
    Scrub(keep=["email"]),
    structlog.processors.JSONRenderer(),
]
structlog.configure(processors=processors)

handler: logging.Handler = Handler(from_level="ERROR")
handler.addFilter(Filter(default="-", keep={"email"}))
handler.setFormatter(JSONFormatter(service="shop", defaults={"region": "eu"}))
Handler(logging.INFO, from_level=None)

Record(level=1.5)  # E
Record("error")  # E
Scrub(keep=3)  # E
Handler(from_level=[])  # E
JSONFormatter(service=3)  # E
Filter(scrub="yes")  # E
