"""A WSGI environ and a response as a request event."""

from __future__ import annotations

import re
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from sealtrail import scrub
from sealtrail.capture.ids import moment
from sealtrail.capture.marks import Marks
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.event.model import Request

if TYPE_CHECKING:
    from sealtrail.capture.wsgi import Exchange

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_CATEGORY: Final = ("web", "api")
_ALLOWED: Final = ("access", "allowed")
_DENIED: Final = ("access", "denied")

# Characters. Escaped, each may take six bytes; the recorder shrinks an event whose sum is too much.
_MAX_URL: Final = 4096
_MAX_HEADER: Final = 1024
_MAX_SHORT: Final = 256
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}", re.ASCII)


def record(call: Exchange, error: BaseException | None, block: str | None = None) -> None:
    """Write the event of an exchange that ended, or was refused by a block."""
    get = call.environ.get
    marks = call.marks
    status = call.status
    if error is not None:
        if 0 < status < 500:
            # The client saw another status before it broke.
            marks.note(f"response.broken:{status}")
        status = 500
        call.error_type = class_name(error)
    outcome = "success" if 0 < status < 400 else "failure"
    if not call.ended and error is None and not call.is_whole:
        # The client went away, or the server stopped drawing.
        marks.note("response.unfinished")
        if outcome == "success":
            outcome = "unknown"
    method = get("REQUEST_METHOD") or ""
    user_id, user_name, roles, tenant, effective_id = call.actor
    object_type, object_id, object_owner = call.object
    raw = get("RAW_URI") or get("REQUEST_URI") or ""
    path = (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or "")
    query = get("QUERY_STRING") or ""
    length = get("CONTENT_LENGTH")
    event = Request(
        moment(),
        call.id,
        "request",
        "event",
        _CATEGORY,
        _DENIED if status in {401, 403} else _ALLOWED,
        "http.request",
        outcome,
        "",
        call.start_time,
        (call.ended or perf_counter_ns()) - call.began,
        user_id,
        user_name,
        roles,
        effective_id,
        tenant,
        client_ip=call.client_ip,
        source_ip=call.source_ip,
        user_agent=call.user_agent,
        request_id=call.request_id,
        trace_id=call.trace_id,
        span_id=call.span_id,
        parent_id=call.parent_id,
        method=method,
        scheme=_scheme(call),
        domain=get("HTTP_HOST") or "",
        original=raw,
        path=path,
        query=query,
        route=call.route[:_MAX_HEADER],
        version=(get("SERVER_PROTOCOL") or "")[5:13],
        request_bytes=min(int(length[:17]), MAX_INTEGER) if length and length.isdecimal() else None,
        referrer=get("HTTP_REFERER") or "",
        status=status or None,
        response_bytes=0 if method == "HEAD" else call.sent,
        error_type=call.error_type,
        object_type=object_type,
        object_id=object_id,
        object_owner=object_owner,
    )
    if method not in METHODS:
        event.method = "_OTHER"
        event.method_original = marks.keyword("http.request.method_original", method)
    if not raw:
        # WSGI itself hands on only the decoded path.
        marks.note("url.undecoded")
    plain = raw == (f"{path}?{query}" if query else path) and scrub.is_clean_target(path, query)
    if not (plain and _has_clean_headers(event)):
        _clean(event, marks)
    if ":" in event.domain:
        event.domain = _without_port(event.domain)
    _put_headers(event, call)
    if block is not None:
        event.own = True
        event.reason = "blocked"
        event.policy_decision = "deny"
        event.policy_rule = marks.keyword("sealtrail.policy.rule", f"block:{block}")
    if marks.any:
        marks.put(event)
    call.recorder.record(event, audit=False)


def _scheme(call: Exchange) -> str:
    get = call.environ.get
    told = get("HTTP_X_FORWARDED_PROTO")
    if told in {"http", "https"} and call.recorder.addresses.trusts(get("REMOTE_ADDR") or ""):
        return str(told)
    return str(get("wsgi.url_scheme") or "")[:16]


# Browsers and programs send the same headers over and over. Only clean ones are remembered, and a bounded
# number of them, because clients choose them.
_MAX_KNOWN: Final = 2048
_known: set[tuple[str, str, str]] = set()


def _has_clean_headers(event: Request) -> bool:
    key = (event.user_agent, event.referrer, event.domain)
    if key in _known:
        return True
    text = "\n".join(key)
    if len(text) > _MAX_HEADER or not text.isascii() or not scrub.is_clean(text):
        return False
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known.add(key)
    return True


def _clean(event: Request, marks: Marks) -> None:
    """Scrub and bound what clients fill with anything."""
    event.original = marks.url("url.original", _decoded(event.original, marks), _MAX_URL)
    event.path = marks.text("url.path", _decoded(event.path, marks), _MAX_URL)
    event.query = marks.query("url.query", _decoded(event.query, marks), _MAX_URL)
    event.user_agent = marks.text("user_agent.original", _decoded(event.user_agent, marks))
    event.referrer = marks.url("http.request.referrer", _decoded(event.referrer, marks), _MAX_HEADER)
    event.domain = marks.text("url.domain", event.domain, _MAX_SHORT)


def _put_headers(event: Request, call: Exchange) -> None:
    get = call.environ.get
    marks = call.marks
    if call.mime:
        event.response_mime = _mime(marks, "http.response.mime_type", call.mime)
    mime = get("CONTENT_TYPE")
    if mime:
        event.request_mime = _mime(marks, "http.request.mime_type", mime)
    authorization = get("HTTP_AUTHORIZATION")
    if authorization:
        scheme, _, credential = authorization.partition(" ")
        known = credential and _SCHEME.fullmatch(scheme) is not None
        event.auth_scheme = scheme.lower() if known else "other"
        event.token_hash = call.recorder.pseudonyms.of_token(credential or authorization)
    elif key := get("HTTP_X_API_KEY"):
        event.auth_scheme = "api-key"
        event.token_hash = call.recorder.pseudonyms.of_token(key)


def class_name(error: BaseException) -> str:
    """Name of an exception's class, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _decoded(text: Any, marks: Marks) -> str:
    """WSGI hands on bytes as Latin-1; clients mean UTF-8."""
    if text.isascii():
        return str(text)
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return str(text)
    try:
        return str(raw.decode())
    except UnicodeDecodeError:
        marks.note("value.not-utf8")
        return str(raw.decode("utf-8", "backslashreplace"))


def _without_port(host: str) -> str:
    name, _, port = host.rpartition(":")
    return name if port.isdigit() and name else host


def _mime(marks: Marks, field: str, value: str) -> str:
    plain = _PLAIN_MIMES.get(value)
    if plain is not None:
        return plain
    return marks.text(field, value.partition(";")[0].strip().lower(), _MAX_SHORT)


_PLAIN_MIMES: Final = {
    value: value.partition(";")[0]
    for kind in ("application/json", "text/html", "text/plain", "application/x-www-form-urlencoded")
    for value in (kind, f"{kind}; charset=utf-8")
}
