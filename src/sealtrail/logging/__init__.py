"""The door for the standard library's logging: a handler, a filter and a formatter.

`Handler` makes events of log records, `Filter` adds ids to records and takes secrets out of them, and
`JSONFormatter` writes one ECS line a record. All three may be named in `logging.config.dictConfig`.
"""

from sealtrail.logging.filter import Filter
from sealtrail.logging.formatter import JSONFormatter
from sealtrail.logging.handler import Handler

__all__ = ["Filter", "Handler", "JSONFormatter"]
