"""One request and its response, whatever door it came through, and the event that is made of them."""

from __future__ import annotations

import os
import weakref
from time import perf_counter_ns, time
from typing import TYPE_CHECKING, Final

from sealtrail import scrub
from sealtrail.capture import closing, context, ordinary, otel
from sealtrail.capture.context import Call
from sealtrail.capture.head import Head
from sealtrail.capture.ids import is_plain_traceparent, new_ids, parse_traceparent, valid_request_id, written
from sealtrail.capture.marks import Marks
from sealtrail.capture.ordinary import (
    ALLOWED,
    CATEGORY,
    DENIED,
    MAX_HEADER,
    MAX_SHORT,
    METHODS,
    media_type,
    without_port,
)
from sealtrail.event.model import Api, Request

if TYPE_CHECKING:
    from sealtrail.capture.recorder import Recorder
    from sealtrail.capture.watching.watch import Watch

# Characters. Escaped, each may take six bytes; the recorder shrinks an event whose sum is too much.
_MAX_URL: Final = 4096

_API: Final = Api.__struct_fields__

# What an application raises. Anything else, such as a cancellation, came from its server.
FAULTS: Final = (Exception, SystemExit, KeyboardInterrupt)


class Exchange(Call):
    """One request and its response. Each door fills in what it sees of the response, then calls `finish`."""

    is_plain = True  # a request whose record may be an ordinary one
    action = "http.request"
    phase = ""
    reason = ""
    status = 0
    length = -1
    mime = ""
    sent = 0
    received: int | None = None
    ended = 0
    gone = False
    watch: Watch | None = None
    secret_names: frozenset[str] = frozenset()  # of the query, as the application declares them
    outer: weakref.ref[Call] | None = None
    _done = True  # until it is entered

    def __init__(self, recorder: Recorder, head: Head) -> None:
        self.began = perf_counter_ns()
        self.started = time()
        self.recorder = recorder
        self.head = head
        # The event's own id serves as the request's where the caller brings none: one id, not two.
        self.id, self.span_id = new_ids(self.started)
        self.request_id = self.id
        text = head.traceparent
        if text and is_plain_traceparent(text) is not None:
            self.trace_id, self.parent_id = text[3:35], text[36:52]
        else:
            self._continue(text)
        if otel.API in otel.modules:
            otel.join(self)
        given = head.request_id
        if given:
            if valid_request_id(given) and scrub.is_clean(given):
                self.request_id = given
            else:
                self.note("request-id.refused")
        self.client_ip, self.source_ip = recorder.addresses.resolve(
            head.peer, head.x_forwarded_for, head.forwarded
        )
        self.user_agent = head.user_agent

    def _continue(self, traceparent: str) -> None:
        """Go on with the caller's trace, or begin one."""
        parent = parse_traceparent(traceparent) if traceparent else None
        if parent is None:
            self.trace_id = self.id.replace("-", "")
        else:
            self.trace_id, self.parent_id = parent

    def enter(self) -> None:
        """Make this the current request, and have it recorded whatever comes."""
        before = context.current.get()
        if before is not None:
            # An outer request of this thread is held by its server. One that nobody closed must not be held
            # by the next, or they would form a chain.
            self.outer = weakref.ref(before)
        context.current.set(self)
        self._done = False

    def __del__(self) -> None:
        # Test clients and careless servers do not close; late is better than never.
        if not self._done:
            self.finish()

    def finish(self, error: BaseException | None = None) -> None:
        """The request is over: write the record, unless that is done, and be the current one no more."""
        if not self._done:
            self.conclude(error)
        # A body may be closed by another thread or task, or after the next request has begun here.
        if context.current.get() is self:
            context.current.set(None if self.outer is None else self.outer())

    def leave(self) -> None:
        """Be the current request no more, and write nothing."""
        self._done = True
        self.finish()

    def conclude(self, error: BaseException | None = None) -> None:
        """Write the record, once."""
        if self._done:
            return
        self._done = True
        recorder = self.recorder
        try:
            if not self.route:
                self.complete()
            if self.watch is not None:
                self.watch.settle(self)
            line = ordinary.line(self) if error is None and self.is_plain else None
            if line is None:
                record(self, error)
            else:
                recorder.spool.write(line + recorder.constants)
        except Exception:  # our record is never the application's problem
            recorder.failed()

    def complete(self) -> None:
        """Learn the route, where it is known only when the response is."""

    def refusal(self, block: str) -> bytes:
        """Record that a block refused the request; the body to answer in the application's place."""
        if block == closing.UNRECORDED:
            # Not an event: there is no room for one. The spool counts it.
            self.status, body = 503, closing.body(self.request_id)
        else:
            self.status = 403
            body = b'{"error":"blocked","request_id":"%b"}\n' % self.request_id.encode("ascii", "replace")
        self.mime, self.sent = "application/json", len(body)
        if self.status == 403:
            self.refused(block)
        return b"" if self.is_head else body

    def refused(self, block: str) -> None:
        try:
            self.ended = perf_counter_ns()
            record(self, None, block)
        except Exception:  # the refusal matters more than our record of it
            self.recorder.failed()

    def refusal_headers(self) -> list[tuple[str, str]]:
        return [
            ("Content-Type", "application/json"),
            ("Content-Length", str(self.sent)),
            ("Cache-Control", "no-store"),
            ("X-Request-ID", self.request_id),
            *((("Retry-After", str(closing.RETRY_SECONDS)),) if self.status == 503 else ()),
        ]

    @property
    def is_head(self) -> bool:
        return self.head.method == "HEAD"

    @property
    def is_whole(self) -> bool:
        """True once all of the body is handed on, as far as can be told."""
        if self.gone:
            return False
        return self.ended > 0 or self.sent >= self.length >= 0 or self.is_head or self.status in {204, 304}

    def scheme(self) -> str:
        """The client's scheme, where a trusted proxy tells it."""
        head = self.head
        told = head.forwarded_proto
        if told in {"http", "https"} and self.recorder.addresses.trusts(head.peer):
            return told
        return head.scheme[:16]

    def credential(self) -> tuple[str, str]:
        """Scheme and keyed hash of what the client presented; empty where it presented nothing."""
        head = self.head
        if head.authorization:
            return self.recorder.pseudonyms.of_authorization(head.authorization)
        if head.api_key:
            return "api-key", self.recorder.pseudonyms.of_token(head.api_key)
        return "", ""

    def settle(self, error: BaseException | None) -> str:
        """The outcome. Status, class of the error and notes become what they were in the end."""
        if self.phase == "start":
            return "unknown"
        status = self.status
        if error is not None:
            self.error_type = class_name(error)
            if not self.gone and isinstance(error, FAULTS):
                if 0 < status < 500:
                    # The client saw another status before it broke.
                    self.marks.note(f"response.broken:{status}")
                self.status = 500
                return "failure"
        elif self.ended or self.is_whole:
            return "success" if 0 < status < 400 else "failure"
        # The client went away, or the server stopped drawing, or gave the request up.
        self.marks.note("response.unfinished")
        return "unknown" if status < 400 and (status or error or self.gone) else "failure"


def _after_fork() -> None:
    """The request that forked is its parent's to record: a child that returns or exits would do so again."""
    call = context.current.get()
    while isinstance(call, Exchange):
        call._done = True  # noqa: SLF001 - the hook belongs to the class, and cannot be a method
        call = None if call.outer is None else call.outer()


os.register_at_fork(after_in_child=_after_fork)


def record(call: Exchange, error: BaseException | None, block: str | None = None) -> None:
    """Write the event of an exchange that ended, or was refused by a block, field by field."""
    head = call.head
    marks = call.marks
    outcome = call.settle(error)
    status = call.status
    actor = call.acting()
    kind = DENIED if status in {401, 403} else ALLOWED
    method, length = head.method, head.length
    took = (call.ended or perf_counter_ns()) - call.began
    scheme, digest = call.credential()
    # The end by the clock that nobody sets: the two never contradict the duration.
    start, end = written(call.started), written(call.started + took * 1e-9)
    # In the order of the table, and by position: by name it takes eight times as long.
    event = Request(
        end,
        call.id,
        "request",
        "event",
        CATEGORY,
        (*kind, call.phase) if call.phase else kind,
        call.action,
        outcome,
        call.reason,
        start,
        took,
        actor.user_id,
        actor.user_name,
        actor.roles,
        actor.effective_id,
        actor.tenant,
        call.session_hash,
        scheme,
        digest,
        call.client_ip,
        call.source_ip,
        head.user_agent,
        call.request_id,
        call.trace_id,
        call.span_id,
        call.parent_id,
        method,
        "",  # method as it came
        call.scheme(),
        head.host,
        head.target,
        head.path,
        head.query,
        call.route[:MAX_HEADER],
        head.version,
        _mime(marks, "http.request.mime_type", head.mime),
        int(length[:15]) if length and length.isdecimal() else call.received,
        head.referrer,
        status or None,
        _mime(marks, "http.response.mime_type", call.mime),
        0 if method == "HEAD" else call.sent,
        call.error_type,
        "",  # message of the error
        *call.object,
    )
    if call.api is not None:
        for name in _API:
            setattr(event, name, getattr(call.api, name))
    if method not in METHODS:
        event.method = "_OTHER"
        event.method_original = marks.keyword("http.request.method_original", method)
    if not head.target:
        # All that is left is the decoded path.
        marks.note("url.undecoded")
    # A block refuses before any route is known.
    names = call.secret_names if block is None else call.recorder.secret_names
    if names:
        _hide(event, names, marks)
    _clean(event, marks)
    if block is not None:
        event.own = True
        event.reason = "blocked"
        event.policy_decision = "deny"
        event.policy_rule = marks.keyword("sealtrail.policy.rule", f"block:{block}")
    if marks.notes or marks.redacted or marks.truncated:
        marks.put(event)
    call.recorder.record(event, audit=False)


def _hide(event: Request, names: frozenset[str], marks: Marks) -> None:
    """Take out what stands under names that the application alone knows for secret."""
    event.query, found = scrub.without(event.query, names, "url.query")
    marks.redacted += found
    for field, name in (("original", "url.original"), ("referrer", "http.request.referrer")):
        before, mark, after = getattr(event, field).partition("?")
        if mark:
            after, found = scrub.without(after, names, name)
            setattr(event, field, f"{before}?{after}")
            marks.redacted += found


def _clean(event: Request, marks: Marks) -> None:
    """Scrub and bound what clients fill with anything."""
    event.original = marks.url("url.original", _decoded(event.original, marks), _MAX_URL)
    event.path = marks.text("url.path", _decoded(event.path, marks), _MAX_URL)
    event.query = marks.query("url.query", _decoded(event.query, marks), _MAX_URL)
    event.user_agent = marks.text("user_agent.original", _decoded(event.user_agent, marks))
    event.referrer = marks.url("http.request.referrer", _decoded(event.referrer, marks), MAX_HEADER)
    event.domain = marks.text("url.domain", without_port(event.domain), MAX_SHORT)


def class_name(error: object) -> str:
    """Name of the class of an exception or any object, with its module unless it is built in."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def _decoded(text: str, marks: Marks) -> str:
    """A head holds bytes as Latin-1; clients mean UTF-8."""
    if text.isascii():
        return text
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    try:
        return raw.decode()
    except UnicodeDecodeError:
        marks.note("value.not-utf8")
        return raw.decode("utf-8", "backslashreplace")


def _mime(marks: Marks, field: str, value: str) -> str:
    return marks.text(field, media_type(value), MAX_SHORT).lower() if value else ""
