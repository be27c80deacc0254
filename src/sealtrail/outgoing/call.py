"""One HTTP request that the application makes, whichever library sends it, and the event made of it."""

from __future__ import annotations

from collections.abc import Mapping
from time import perf_counter_ns, time
from typing import Final

from sealtrail.capture import context, recorder, traces
from sealtrail.capture.exchange import class_name
from sealtrail.capture.ids import moment, new_id, new_ids, parse_traceparent, written
from sealtrail.capture.marks import Marks
from sealtrail.capture.ordinary import METHODS
from sealtrail.event.model import Outbound
from sealtrail.outgoing.hosts import Hosts
from sealtrail.outgoing.peer import NOBODY
from sealtrail.outgoing.redirect import STATUSES, led_here, sent_on

ACTION: Final = "http.client"

_CATEGORY: Final = ("network",)
_ANSWERED: Final = ("connection",)
_BROKEN: Final = ("connection", "error")
_MAX_URL: Final = 4096
_MAX_MIME: Final = 256
_MAX_LENGTH: Final = 15  # digits
_PORTS: Final = {"http": 80, "https": 443}


class Outgoing:
    """A request on its way out. `finish` writes its record, once; so does whoever forgets it."""

    status = 0
    version = ""
    mime = ""
    received: int | None = None
    peer = NOBODY
    proxied = False
    whole = True
    _sent_on = ""
    _changes_host = False
    _error: BaseException | None = None
    _done = True  # until all of it is made

    def __init__(self, method: str, scheme: str, host: str, port: int | None, target: str) -> None:
        """`target`: path and query as they go out; `port` None for the scheme's own."""
        self.began = perf_counter_ns()
        now = time()
        self.start_time = written(now)
        self.method = method
        self.scheme = scheme
        self.host = host.strip("[]")
        self.port = port or _PORTS.get(scheme)
        self.target = target.partition("#")[0] or "/"
        self.call = context.current.get()
        self.actor = context.acting(self.call)
        self.recorder = self.call.recorder if self.call is not None else recorder.default()
        made, self.span_id = new_ids(now)
        current = traces.current()
        self.trace_id = current.trace_id or made.replace("-", "")
        self.parent_id = current.span_id
        self.mime_sent = ""
        self.length: int | None = None
        self.redirects = led_here(self._url())
        self._done = False

    def __del__(self) -> None:
        if not self._done:
            self.whole = False
            self.finish()

    def headers(self, sent: Mapping[str, str], hosts: Hosts) -> dict[str, str]:
        """What to add to the headers that go out; `sent` has lower-case names. Nothing stands there twice."""
        length = sent.get("content-length", "")
        if length.isdecimal():
            self.length = int(length[:_MAX_LENGTH])
        self.mime_sent = sent.get("content-type", "")
        given = sent.get("traceparent")
        told = parse_traceparent(given) if given else None
        if told is not None:
            # Somebody else traces this call: then its span is theirs.
            self.trace_id, self.span_id = told
        added: dict[str, str] = {}
        if self.host not in hosts:
            return added
        if given is None:
            flags, state = traces.onward(self.call, self.trace_id)
            added["traceparent"] = f"00-{self.trace_id}-{self.span_id}-{flags}"
            if state and "tracestate" not in sent:
                added["tracestate"] = state
        if self.call is not None and "x-request-id" not in sent:
            added["X-Request-ID"] = self.call.request_id
        return added

    def answered(self, status: int, headers: Mapping[str, str], version: str) -> None:
        """The head of the response has come. `headers` may be asked in any case."""
        self.status = status
        self.version = version
        self.mime = headers.get("content-type") or ""
        location = headers.get("location") if status in STATUSES else None
        if location:
            # Now, because the call that follows may begin before the last byte of this one.
            self._sent_on, self._changes_host = sent_on(self._url(), location, self.redirects)

    def failed(self, error: BaseException) -> None:
        """It broke; the record is written by `finish`."""
        self._error = error

    @property
    def is_broken(self) -> bool:
        return self._error is not None

    def finish(self, received: int | None = None) -> None:
        """The last byte has come, or never will: write the record, unless that is done. Never raises."""
        if self._done:
            return
        self._done = True
        try:
            self.received = received if received is not None else self.received
            self._record()
        except Exception:  # our record is never the application's problem
            self.recorder.failed()
        self._error = None  # its traceback holds the frames that hold us

    def _url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port in {None, _PORTS.get(self.scheme)} else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.target}"

    def _record(self) -> None:
        marks = Marks()
        status, error, peer, actor = self.status, self._error, self.peer, self.actor
        if error is not None:
            outcome = "failure"
        elif status:
            outcome = "success" if status < 400 else "failure"
        else:
            outcome = "unknown"
        if status and not self.whole:
            marks.note("response.unfinished")
        if self.proxied:
            marks.note("destination.proxied")
        path, _, query = self.target.partition("?")
        event = Outbound(
            moment(),
            new_id(),
            "outbound",
            "event",
            _CATEGORY,
            _ANSWERED if error is None else _BROKEN,
            ACTION,
            outcome,
            start=self.start_time,
            duration=perf_counter_ns() - self.began,
            user_id=actor.user_id,
            user_name=actor.user_name,
            user_roles=actor.roles,
            effective_id=actor.effective_id,
            tenant=actor.tenant,
            request_id=self.call.request_id if self.call is not None else "",
            trace_id=self.trace_id,
            span_id=self.span_id,
            parent_id=self.parent_id,
            method=self.method if self.method in METHODS else "_OTHER",
            scheme=marks.keyword("url.scheme", self.scheme),
            domain=marks.keyword("url.domain", self.host),
            original=marks.url("url.original", self.target, _MAX_URL),
            path=marks.text("url.path", path, _MAX_URL),
            query=marks.query("url.query", query, _MAX_URL),
            version=self.version,
            request_mime=_mime(marks, "http.request.mime_type", self.mime_sent),
            request_bytes=self.length,
            status=status or None,
            response_mime=_mime(marks, "http.response.mime_type", self.mime),
            response_bytes=self.received,
            direction="egress",
            destination_ip=peer.ip,
            destination_port=self.port,
            tls_version=peer.version,
            tls_cipher=peer.cipher,
            tls_subject=marks.keyword("tls.server.subject", peer.subject),
            tls_issuer=marks.keyword("tls.server.issuer", peer.issuer),
            tls_not_after=peer.not_after,
            tls_hash=peer.sha256,
            tls_verified=peer.verified,
            redirects=self.redirects or None,
        )
        event.destination = event.domain
        if event.method == "_OTHER":
            event.method_original = marks.keyword("http.request.method_original", self.method)
        if error is not None:
            event.error_type = class_name(error)
            event.error_message = marks.text("error.message", error)
        if self._sent_on:
            event.redirect_to = marks.url("sealtrail.redirect.to", _without_user(self._sent_on), _MAX_URL)
            event.redirect_changes_host = self._changes_host
        if marks.notes or marks.redacted or marks.truncated:
            marks.put(event)
        self.recorder.record(event, audit=False)


def _without_user(url: str) -> str:
    """A URL without the name and password that may stand before its host."""
    scheme, mark, rest = url.partition("://")
    authority, slash, path = rest.partition("/")
    return f"{scheme}{mark}{authority.rpartition('@')[2]}{slash}{path}"


def _mime(marks: Marks, field: str, value: str) -> str:
    return marks.text(field, value.partition(";")[0].strip(), _MAX_MIME).lower() if value else ""
