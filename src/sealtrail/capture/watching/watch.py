"""What goes by of one request and its answer is looked at, for the names of fields that its record tells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sealtrail.capture.choices import BODIES
from sealtrail.capture.watching.api import api_of
from sealtrail.capture.watching.bodies import Body, Form, Json, Lines, body_of, is_encoded
from sealtrail.capture.watching.claims import NOTHING
from sealtrail.capture.watching.contents import Side, keep, too_long
from sealtrail.capture.watching.field_names import Names
from sealtrail.capture.watching.parameters import undescribed
from sealtrail.capture.watching.plan import Plan
from sealtrail.capture.watching.secret_names import present_key

if TYPE_CHECKING:
    from sealtrail.capture.exchange import Exchange
    from sealtrail.capture.recorder import Recorder

_REQUEST: Final = "sealtrail.request.fields"
_RESPONSE: Final = "sealtrail.response.fields"
_OF_REQUEST: Final = frozenset({"request", "request_body"})
_OF_RESPONSE: Final = frozenset({"response", "response_body"})
_COUNT: Final = "sealtrail.response.count"


class Watch:
    """One request and its answer. It knows no exchange: one that nobody closes must not be held by it.

    `request` and `response` are the bodies, None where nothing looks at them; `scope` is that of ASGI, and
    `root` what the server took off the path.
    """

    scope: Mapping[str, Any] | None = None
    root = ""

    def __init__(self, recorder: Recorder, plan: Plan, mime: str, encoding: str = "") -> None:
        self.recorder = recorder
        self.plan = plan
        wanted = self.wanted = plan.wanted
        self.request: Body | None = None
        self.response: Json | Lines | None = None
        self._notes: tuple[str, ...] = ()
        body = body_of(mime) if mime and not wanted.isdisjoint(_OF_REQUEST) else None
        if body is not None and is_encoded(encoding):
            self._notes = ("request.encoded",)
        else:
            self.request = body

    def answers(self, headers: Iterable[tuple[Any, Any]]) -> None:
        """The head of the answer, as texts or as bytes."""
        if self.wanted.isdisjoint(_OF_RESPONSE):
            return
        mime = encoding = ""
        for name, value in headers:
            if len(name) not in {12, 16}:
                continue
            lower = name.lower()
            if lower in {"content-type", b"content-type"}:
                mime = value if isinstance(value, str) else value.decode("latin-1")
            elif lower in {"content-encoding", b"content-encoding"}:
                encoding = value if isinstance(value, str) else value.decode("latin-1")
        self.response = None
        body = body_of(mime) if mime else None
        if not isinstance(body, Json | Lines):
            return
        if is_encoded(encoding):
            self._notes += ("response.encoded",)
        else:
            self.response = body

    def heard(self, data: bytes) -> None:
        """The next part of the request's body, as the application has it. Never raises."""
        try:
            if self.request is not None:
                self.request.feed(data)
        except Exception:  # the application's data matters more than our look at it
            self.recorder.failed()

    def said(self, data: bytes) -> None:
        """The next part of the answer's body. Never raises."""
        try:
            if self.response is not None:
                self.response.feed(data)
        except Exception:  # as above
            self.recorder.failed()

    def settle(self, call: Exchange) -> None:
        """The request is over: its record is about to be made. Never raises."""
        try:
            if self._notes:
                call.note(*self._notes)
            if "request" in self.wanted:
                self._settle_request(call)
            if self.response is not None and "response" in self.wanted:
                self._settle_response(call, self.response)
            if not self.wanted.isdisjoint(BODIES):
                self._settle_bodies(call)
            if "token" in self.wanted:
                if call.head.authorization:
                    self._settle_token(call)
                elif self.scope is not None and "route" in self.scope:
                    present_key(call, self.scope)
            if self.plan.tells_routes:
                self._settle_route(call)
        except Exception:  # the record matters more than what it would say of fields
            self.recorder.failed()

    def _settle_request(self, call: Exchange) -> None:
        body, query, length = self.request, call.head.query, call.head.length
        if body is None and not query:
            return
        names = Names()
        if query:
            names.form(query.encode("latin-1", "replace"))
        if body is not None and body.size:
            if length.isdecimal() and int(length[:15]) == body.size:
                body.is_over = True
            if not body.name(names):
                call.note("request.unreadable")
        if names.found:
            api_of(call).request_fields = names.told()
        if names.is_cut:
            call.truncated += (_REQUEST,)

    def _settle_response(self, call: Exchange, body: Json | Lines) -> None:
        if not body.size:
            return
        names = Names()
        body.name(names)
        api = api_of(call)
        # What the application itself has said counts.
        if not api.response_fields and names.found:
            api.response_fields = names.told()
            if names.is_cut:
                call.truncated += (_RESPONSE,)
        if api.response_count is None:
            api.response_count = body.count()
            if body.is_uncounted:
                call.truncated += (_COUNT,)

    def _settle_bodies(self, call: Exchange) -> None:
        sides: tuple[tuple[Side, Body | None], ...] = (
            ("request", self.request),
            ("response", self.response),
        )
        for side, body in sides:
            if f"{side}_body" not in self.wanted or body is None or not body.size:
                continue
            content = body.content()
            if content is None:
                too_long(call, side)
            else:
                keep(call, side, content, is_form=isinstance(body, Form))

    def _settle_route(self, call: Exchange) -> None:
        said = self.plan.said_of(call, self.scope, self.root)
        if said is None:
            return
        query = call.head.query
        if query and said.parameters is not None and undescribed(query, said.parameters):
            call.note("query.undescribed")
        api = api_of(call)
        api.in_spec = said.in_spec
        api.deprecated = True if said.is_deprecated else None
        # What the application itself has said counts.
        api.api_version = api.api_version or said.version
        api.required_roles = api.required_roles or said.roles
        api.required_scopes = api.required_scopes or said.scopes

    def _settle_token(self, call: Exchange) -> None:
        scheme, digest = call.credential()
        if scheme != "bearer":
            return
        said = self.plan.claims(call, digest)
        if said is NOTHING:
            return
        api = api_of(call)
        api.token_issuer, api.token_audience = said.issuer, said.audience
        api.token_subject_hash, api.token_id_hash = said.subject_hash, said.id_hash
        api.token_client_hash, api.token_scopes = said.client_hash, said.scopes
        api.token_algorithm, api.token_key_id = said.algorithm, said.key_id
        api.token_expires = said.expires
        api.token_verified = call.good_token == digest


def watched(call: Exchange, plan: Plan, encoding: str = "") -> Watch:
    """Look at what goes by of a request from here on."""
    watch = Watch(call.recorder, plan, call.head.mime, encoding)
    call.watch = watch
    if plan.tells_routes and call.head.query:
        plan.note_keys(call)
    return watch
