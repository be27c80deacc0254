"""A WSGI environ and a response as the fields of a request event."""

from __future__ import annotations

import re
from collections.abc import Callable
from time import perf_counter_ns
from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture.context import Call
from sealtrail.capture.ids import moment, new_id, new_span_id, parse_traceparent, valid_request_id
from sealtrail.capture.marks import Marks
from sealtrail.capture.recorder import Recorder
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.event.model import Request

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
_CATEGORY: Final = ("web", "api")
_ALLOWED: Final = ("access", "allowed")
_DENIED: Final = ("access", "denied")
_ACTION: Final = "http.request"

# Characters. Escaped, each may take six bytes; the recorder shrinks an event whose sum is too much.
_MAX_URL: Final = 4096
_MAX_HEADER: Final = 1024
_MAX_SHORT: Final = 256
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,31}", re.ASCII)


class Exchange:
    """One request and its response."""

    __slots__ = (
        "_began",
        "_environ",
        "_id",
        "_length",
        "_mime",
        "_route",
        "_start",
        "_status",
        "call",
        "recorder",
    )

    def __init__(
        self, recorder: Recorder, environ: dict[str, Any], route: Callable[[dict[str, Any]], str]
    ) -> None:
        self._began = perf_counter_ns()
        self._start = moment()
        self.recorder = recorder
        self._environ = environ
        self._route = route
        self._status = 0
        self._length = -1
        self._mime = ""
        get = environ.get
        given = get("HTTP_X_REQUEST_ID")
        odd = given is not None and (not valid_request_id(given) or bool(scrub.findings(given)))
        trace = get("HTTP_TRACEPARENT")
        parent = parse_traceparent(trace) if trace is not None else None
        # The event's own id serves as the request's where the caller brings none: one id, not two.
        self._id = made = new_id()
        self.call = call = Call(
            recorder,
            made if given is None or odd else given,
            made.replace("-", "") if parent is None else parent.trace_id,
            new_span_id(),
            "" if parent is None else parent.span_id,
        )
        if odd:
            call.marks.note("request-id.refused")
        call.client_ip, call.source_ip = recorder.addresses.resolve(
            get("REMOTE_ADDR") or "", get("HTTP_X_FORWARDED_FOR") or "", get("HTTP_FORWARDED") or ""
        )
        call.user_agent = get("HTTP_USER_AGENT") or ""

    @property
    def is_head(self) -> bool:
        return self._environ.get("REQUEST_METHOD") == "HEAD"

    def response(self, status: str, headers: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Take note of a response's head; the headers to send, which carry this request's id."""
        call = self.call
        if not call.route:
            # Now, because frameworks forget their request before the body is drawn.
            call.route = self._route(self._environ)
        self._status = int(status[:3])
        self._length = -1
        self._mime = ""
        kept: list[tuple[str, str]] = []
        for pair in headers:
            name = pair[0]
            size = len(name)
            if size == 12:
                if name.lower() == "content-type":
                    self._mime = pair[1]
                elif name.lower() == "x-request-id":
                    continue
            elif size == 14 and name.lower() == "content-length" and pair[1].isdigit():
                self._length = int(pair[1][:16])
            kept.append(pair)
        # A new list: the application may use its own again.
        kept.append(("X-Request-ID", call.request_id))
        return kept

    def finish(
        self,
        sent: int,
        last: int,
        *,
        error: BaseException | None = None,
        ended: bool = True,
        block: str | None = None,
    ) -> None:
        """Write the event. `last` is when the last byte was handed on, by the performance counter."""
        environ = self._environ
        get = environ.get
        call = self.call
        marks = call.marks
        status = self._status
        if error is not None:
            if isinstance(error, GeneratorExit):
                error, ended = None, False
            else:
                if status and status < 500:
                    # The client saw another status before it broke.
                    marks.note(f"response.broken:{status}")
                status = 500
                call.error_type = class_name(error)
        outcome = "success" if 0 < status < 400 else "failure"
        if error is None and not ended and block is None and not self._is_whole(sent):
            # The client went away, or the server stopped drawing.
            marks.note("response.unfinished")
            if outcome == "success":
                outcome = "unknown"
        method = get("REQUEST_METHOD") or ""
        actor = call.actor
        event = Request(
            moment(),
            self._id,
            "request",
            "event",
            _CATEGORY,
            _DENIED if block is not None or status in {401, 403} else _ALLOWED,
            _ACTION,
            outcome,
            start=self._start,
            duration=max(0, last - self._began),
            user_id=actor.user_id,
            user_name=actor.user_name,
            user_roles=actor.roles,
            effective_id=actor.effective_id,
            tenant=actor.tenant,
            client_ip=call.client_ip,
            source_ip=call.source_ip,
            request_id=call.request_id,
            trace_id=call.trace_id,
            span_id=call.span_id,
            parent_id=call.parent_id,
            method=method,
            scheme=self._scheme(),
            version=(get("SERVER_PROTOCOL") or "")[5:13],
            status=status or None,
            response_bytes=0 if method == "HEAD" else sent,
            error_type=call.error_type,
        )
        event.object_type, event.object_id, event.object_owner = call.object
        if method not in METHODS:
            event.method = "_OTHER"
            event.method_original = marks.keyword("http.request.method_original", method)
        self._put_target(event, marks)
        self._put_headers(event, marks)
        if block is not None:
            event.own = True
            event.reason = "blocked"
            event.policy_decision = "deny"
            event.policy_rule = marks.keyword("sealtrail.policy.rule", f"block:{block}")
        marks.put(event)
        self.recorder.record(event, audit=False)

    def _is_whole(self, sent: int) -> bool:
        return self.is_head or sent >= self._length >= 0 or self._status in {204, 304}

    def _scheme(self) -> str:
        environ = self._environ
        told = environ.get("HTTP_X_FORWARDED_PROTO")
        if told in {"http", "https"} and self.recorder.addresses.trusts(environ.get("REMOTE_ADDR") or ""):
            return str(told)
        return str(environ.get("wsgi.url_scheme") or "")[:16]

    def _put_target(self, event: Request, marks: Marks) -> None:
        """The request's target and the headers that clients fill with anything, scrubbed."""
        get = self._environ.get
        raw = get("RAW_URI") or get("REQUEST_URI") or ""
        path = (get("SCRIPT_NAME") or "") + (get("PATH_INFO") or "")
        query = get("QUERY_STRING") or ""
        agent = self.call.user_agent
        referrer = get("HTTP_REFERER") or ""
        host = get("HTTP_HOST") or ""
        if not raw:
            # WSGI itself hands on only the decoded path.
            marks.note("url.undecoded")
        event.route = self.call.route[:_MAX_HEADER]
        plain = raw == (f"{path}?{query}" if query else path)
        if plain and _is_clean(agent, referrer, host) and scrub.is_clean_target(path, query):
            event.original = raw
            event.path = path
            event.query = query
            event.user_agent = agent
            event.referrer = referrer
            event.domain = _without_port(host)
            return
        event.original = marks.url("url.original", _decoded(raw, marks), _MAX_URL)
        event.path = marks.text("url.path", _decoded(path, marks), _MAX_URL)
        event.query = marks.query("url.query", _decoded(query, marks), _MAX_URL)
        event.user_agent = marks.text("user_agent.original", _decoded(agent, marks))
        event.referrer = marks.url("http.request.referrer", _decoded(referrer, marks), _MAX_HEADER)
        event.domain = marks.text("url.domain", _without_port(host), _MAX_SHORT)

    def _put_headers(self, event: Request, marks: Marks) -> None:
        get = self._environ.get
        mime = get("CONTENT_TYPE")
        if mime:
            event.request_mime = _mime(marks, "http.request.mime_type", mime)
        if self._mime:
            event.response_mime = _mime(marks, "http.response.mime_type", self._mime)
        length = get("CONTENT_LENGTH")
        if length and length.isdecimal() and length.isascii():
            event.request_bytes = min(int(length[:17]), MAX_INTEGER)
        authorization = get("HTTP_AUTHORIZATION")
        if authorization:
            scheme, _, credential = authorization.partition(" ")
            known = credential and _SCHEME.fullmatch(scheme) is not None
            event.auth_scheme = scheme.lower() if known else "other"
            event.token_hash = self.recorder.pseudonyms.of("token", credential or authorization)
        elif key := get("HTTP_X_API_KEY"):
            event.auth_scheme = "api-key"
            event.token_hash = self.recorder.pseudonyms.of("token", key)


# Browsers and programs send the same headers over and over. Only clean ones are remembered, and a bounded
# number of them, because clients choose them.
_MAX_KNOWN: Final = 2048
_known: set[tuple[str, str, str]] = set()


def _is_clean(agent: str, referrer: str, host: str) -> bool:
    key = (agent, referrer, host)
    if key in _known:
        return True
    text = f"{agent}\n{referrer}\n{host}"
    if len(text) > _MAX_HEADER or not text.isascii() or not scrub.is_clean(text):
        return False
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known.add(key)
    return True


def class_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _decoded(text: str, marks: Marks) -> str:
    """WSGI hands on bytes as Latin-1; clients mean UTF-8."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeDecodeError:
        marks.note("value.not-utf8")
        return text.encode("latin-1").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:
        return text


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdigit() and name else host


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
