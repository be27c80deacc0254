"""Names of fields in rules, and where their values stand in an event.

Our own rules name ECS fields. Public web rules use Sigma's taxonomy for proxies and web servers; it is
translated once, when a rule is compiled, so that a renamed field can never make a rule silently dead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final

from sealtrail.detect.decode import decoded
from sealtrail.event import FIELDS, Fields

DECODED: Final = "sealtrail.url.decoded"
"""The request target with everything unwrapped (`decode.decoded`): the twin of `url.original`."""

KEYWORDS: Final = "sealtrail.raw"
"""The field that a keyword without a name is looked for in: the request as one text."""

# Public rules put whole paths into `cs-uri-query`: all four names of the target mean the target as it came.
ALIASES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "c-uri": "url.original",
        "cs-uri": "url.original",
        "c-uri-query": "url.original",
        "cs-uri-query": "url.original",
        "c-uri-stem": "url.path",
        "cs-uri-stem": "url.path",
        "c-uri-extension": "url.extension",
        "cs-uri-extension": "url.extension",
        "c-useragent": "user_agent.original",
        "cs-user-agent": "user_agent.original",
        "cs-method": "http.request.method",
        "cs-host": "url.domain",
        "r-dns": "url.domain",
        "cs-referer": "http.request.referrer",
        "cs-referrer": "http.request.referrer",
        "cs-username": "user.name",
        "cs-version": "http.version",
        "cs-content-type": "http.request.mime_type",
        "cs-bytes": "http.request.body.bytes",
        "sc-bytes": "http.response.body.bytes",
        "sc-status": "http.response.status_code",
        "c-ip": "client.ip",
        "src_ip": "client.ip",
    }
)

RAW_FIELDS: Final = (
    "http.request.method",
    "url.original",
    "http.version",
    "url.domain",
    "http.request.referrer",
    "user_agent.original",
    "user.name",
    "http.response.status_code",
    "message",
    "error.message",
)


def _target(fields: Fields) -> Any:
    whole = fields.get("url.original")
    if whole is not None:
        return whole
    path, query = fields.get("url.path"), fields.get("url.query")
    return f"{path}?{query}" if isinstance(path, str) and query else path


def _decoded(fields: Fields) -> Any:
    whole = _target(fields)
    return decoded(whole) if isinstance(whole, str) else None


def _path(fields: Fields) -> Any:
    path = fields.get("url.path")
    if path is not None:
        return path
    whole = fields.get("url.original")
    return whole.partition("?")[0] if isinstance(whole, str) else None


def _extension(fields: Fields) -> Any:
    path = _path(fields)
    if not isinstance(path, str):
        return None
    _, dot, extension = path.rpartition("/")[2].rpartition(".")
    return extension if dot else None


def _method(fields: Fields) -> Any:
    return fields.get("http.request.method_original") or fields.get("http.request.method")


def _raw(fields: Fields) -> Any:
    parts = [str(value) for name in RAW_FIELDS if (value := fields.get(name)) is not None]
    return "\n".join(parts) if parts else None


# What is not simply a key of the event: how it is made, and the keys it is made of.
DERIVED: Final[Mapping[str, tuple[Callable[[Fields], Any], tuple[str, ...]]]] = MappingProxyType(
    {
        "url.original": (_target, ("url.original", "url.path")),
        "url.path": (_path, ("url.path", "url.original")),
        "url.extension": (_extension, ("url.path", "url.original")),
        "http.request.method": (_method, ("http.request.method", "http.request.method_original")),
        DECODED: (_decoded, ("url.original", "url.path")),
        KEYWORDS: (_raw, RAW_FIELDS),
    }
)


def translate(name: str) -> str:
    """The name in an event of a field a rule names."""
    return ALIASES.get(name, name)


def lookup(fields: Fields, name: str) -> Any:
    """The value of a translated field in an event; None where it is missing."""
    derived = DERIVED.get(name)
    return fields.get(name) if derived is None else derived[0](fields)


def sources(name: str) -> tuple[str, ...]:
    """Keys of an event, any of which gives the translated field a value."""
    derived = DERIVED.get(name)
    return (name,) if derived is None else derived[1]


def is_known(name: str) -> bool:
    """True for a translated field that Sealtrail itself writes or derives."""
    return name in FIELDS or name in DERIVED


def unknown_fields(names: Iterable[str]) -> list[str]:
    """Those of some translated fields that no event of ours has: a rule that needs one may never match."""
    return sorted(name for name in names if not is_known(name))
