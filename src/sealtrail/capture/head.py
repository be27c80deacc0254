"""The head of a request: what its client asked, whichever server hands it on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec


class Head(msgspec.Struct, gc=False):
    """A request line and the headers that are recorded or acted on.

    Each text holds bytes as Latin-1, and nothing is scrubbed. `target` is what stood in the request line,
    empty where the server does not tell; `path` is without percent-encoding.
    """

    method: str
    target: str
    path: str
    query: str
    scheme: str
    version: str
    peer: str
    host: str
    user_agent: str
    referrer: str
    mime: str
    length: str
    authorization: str
    api_key: str
    request_id: str
    traceparent: str
    x_forwarded_for: str
    forwarded: str
    forwarded_proto: str
    tracestate: str


def of_environ(environ: Mapping[str, Any]) -> Head:
    """The head of a WSGI request. The environ holds each header once: servers join what is repeated."""
    get = environ.get
    return Head(
        get("REQUEST_METHOD") or "",
        get("RAW_URI") or get("REQUEST_URI") or "",
        (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or ""),
        get("QUERY_STRING") or "",
        get("wsgi.url_scheme") or "",
        (get("SERVER_PROTOCOL") or "")[5:13],
        get("REMOTE_ADDR") or "",
        get("HTTP_HOST") or "",
        get("HTTP_USER_AGENT") or "",
        get("HTTP_REFERER") or "",
        get("CONTENT_TYPE") or "",
        get("CONTENT_LENGTH") or "",
        get("HTTP_AUTHORIZATION") or "",
        get("HTTP_X_API_KEY") or "",
        get("HTTP_X_REQUEST_ID") or "",
        get("HTTP_TRACEPARENT") or "",
        get("HTTP_X_FORWARDED_FOR") or "",
        get("HTTP_FORWARDED") or "",
        get("HTTP_X_FORWARDED_PROTO") or "",
        get("HTTP_TRACESTATE") or "",
    )


# In the order of a Head's last fields.
_HEADERS: Final = (
    b"host",
    b"user-agent",
    b"referer",
    b"content-type",
    b"content-length",
    b"authorization",
    b"x-api-key",
    b"x-request-id",
    b"traceparent",
    b"x-forwarded-for",
    b"forwarded",
    b"x-forwarded-proto",
    b"tracestate",
)
_place: Final = {name: place for place, name in enumerate(_HEADERS)}.get
_NONE: Final = ("",) * len(_HEADERS)


def of_scope(scope: Mapping[str, Any]) -> Head:
    """The head of an ASGI request or websocket, whose scope holds repeated headers one by one."""
    get = scope.get
    headers = [*_NONE]
    for name, value in scope["headers"]:
        place = _place(name)
        if place is not None:
            text = value.decode("latin-1")
            # Joined as WSGI servers do: one of several X-Forwarded-For alone would be the client's own.
            headers[place] = f"{headers[place]},{text}" if headers[place] else text
    query = get("query_string") or b""
    query = query.decode("latin-1") if query else ""
    raw = get("raw_path")
    target = raw.decode("latin-1") if raw else ""
    if query and target and "?" not in target:
        target = f"{target}?{query}"
    path = get("path") or ""
    if not path.isascii():
        # Servers put U+FFFD where the bytes were no UTF-8: then what came says more.
        if raw and "\ufffd" in path:
            path = unquote_to_bytes(raw.partition(b"?")[0]).decode("latin-1")
        else:
            path = as_octets(path)
    client = get("client")
    return Head(
        get("method") or "GET",  # a websocket's scope has none
        target,
        path,
        query,
        get("scheme") or "",
        get("http_version") or "",
        (client[0] or "") if client else "",
        *headers,
    )


def as_octets(text: str) -> str:
    """A text that is decoded already, as a Head holds it."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("latin-1")


def as_text(octets: str) -> str:
    """The reverse: a text of a Head as whoever wrote it reads it."""
    return octets if octets.isascii() else octets.encode("latin-1", "replace").decode("utf-8", "replace")
