"""A WSGI environ and a response as a request event."""

from __future__ import annotations

import re
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from sealtrail import scrub
from sealtrail.capture.ids import moment
from sealtrail.capture.marks import Marks
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
    environ = call.environ
    get = environ.get
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
    original = get("RAW_URI") or get("REQUEST_URI") or ""
    path = (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or "")
    query = get("QUERY_STRING") or ""
    agent = call.user_agent
    referrer = get("HTTP_REFERER") or ""
    host = get("HTTP_HOST") or ""
    length = get("CONTENT_LENGTH")
    authorization = get("HTTP_AUTHORIZATION")
    # In the order of the table, and by position: by name it takes eight times as long.
    event = Request(
        moment(),
        call.id,
        "request",
        "event",
        _CATEGORY,
        _DENIED if status in {401, 403} else _ALLOWED,
        "http.request",
        outcome,
        "",  # reason
        call.start_time,
        (call.ended or perf_counter_ns()) - call.began,
        call.actor.user_id,
        call.actor.user_name,
        call.actor.roles,
        call.actor.effective_id,
        call.actor.tenant,
        "",  # session
        _scheme_of(authorization) if authorization else "",
        call.recorder.pseudonyms.of_token(authorization) if authorization else "",
        call.client_ip,
        call.source_ip,
        agent,
        call.request_id,
        call.trace_id,
        call.span_id,
        call.parent_id,
        method,
        "",  # method as it came
        environ.get("wsgi.url_scheme", "") if "HTTP_X_FORWARDED_PROTO" not in environ else _scheme(call),
        _known.get((agent, referrer, host)) or "",
        original,
        path,
        query,
        call.route[:_MAX_HEADER],
        (get("SERVER_PROTOCOL") or "")[5:13],
        _PLAIN_MIMES.get(get("CONTENT_TYPE", ""))
        or _mime(marks, "http.request.mime_type", get("CONTENT_TYPE")),
        int(length[:15]) if length and length.isdecimal() else None,
        referrer,
        status or None,
        _PLAIN_MIMES.get(call.mime) or _mime(marks, "http.response.mime_type", call.mime),
        0 if method == "HEAD" else call.sent,
        call.error_type,
        "",  # message of the error
        *call.object,
    )
    if method not in METHODS:
        event.method = "_OTHER"
        event.method_original = marks.keyword("http.request.method_original", method)
    if not original:
        # WSGI itself hands on only the decoded path.
        marks.note("url.undecoded")
    # Most requests hold nothing to remove, and their target is encoded nowhere: then a look is enough.
    as_decoded = original == (f"{path}?{query}" if query else path)
    if not (
        as_decoded and scrub.is_clean_target(path, query) and (event.domain or _put_if_clean(event, host))
    ):
        _clean(event, host, marks)
    if not authorization and (key := get("HTTP_X_API_KEY")):
        event.auth_scheme = "api-key"
        event.token_hash = call.recorder.pseudonyms.of_token(key)
    if block is not None:
        event.own = True
        event.reason = "blocked"
        event.policy_decision = "deny"
        event.policy_rule = marks.keyword("sealtrail.policy.rule", f"block:{block}")
    if marks.notes or marks.redacted or marks.truncated:
        marks.put(event)
    call.recorder.record(event, audit=False)


def _scheme(call: Exchange) -> str:
    """The client's scheme, where a trusted proxy tells it."""
    get = call.environ.get
    told = get("HTTP_X_FORWARDED_PROTO")
    if told in {"http", "https"} and call.recorder.addresses.trusts(get("REMOTE_ADDR") or ""):
        return str(told)
    return str(get("wsgi.url_scheme") or "")[:16]


def _scheme_of(authorization: str) -> str:
    """The scheme of an Authorization header; `other` where it holds nothing but a credential."""
    scheme, _, credential = authorization.partition(" ")
    if scheme == "Bearer" and credential:
        return "bearer"
    return scheme.lower() if credential and _SCHEME.fullmatch(scheme) is not None else "other"


# Browsers and programs send the same headers over and over. Only clean ones are remembered, with the host's
# name, and a bounded number of them, because clients choose them.
_MAX_KNOWN: Final = 2048
_known: dict[tuple[str, str, str], str] = {}


def _put_if_clean(event: Request, host: str) -> bool:
    """True, and the host's name set, if there is nothing to remove from the headers."""
    text = f"{event.user_agent}\n{event.referrer}\n{host}"
    if len(text) > _MAX_HEADER or not text.isascii() or not scrub.is_clean(text):
        return False
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    event.domain = _known[event.user_agent, event.referrer, host] = _without_port(host)
    return True


def _clean(event: Request, host: str, marks: Marks) -> None:
    """Scrub and bound what clients fill with anything."""
    event.original = marks.url("url.original", _decoded(event.original, marks), _MAX_URL)
    event.path = marks.text("url.path", _decoded(event.path, marks), _MAX_URL)
    event.query = marks.query("url.query", _decoded(event.query, marks), _MAX_URL)
    event.user_agent = marks.text("user_agent.original", _decoded(event.user_agent, marks))
    event.referrer = marks.url("http.request.referrer", _decoded(event.referrer, marks), _MAX_HEADER)
    event.domain = marks.text("url.domain", _without_port(host), _MAX_SHORT)


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


def _mime(marks: Marks, field: str, value: str | None) -> str:
    return marks.text(field, value.partition(";")[0].strip(), _MAX_SHORT).lower() if value else ""


_JSON_AND_PAGES: Final = (
    "application/json",
    "text/html",
    "text/plain",
    "application/x-www-form-urlencoded",
    "",
)
_PLAIN_MIMES: Final = {value: kind for kind in _JSON_AND_PAGES for value in (kind, f"{kind}; charset=utf-8")}
