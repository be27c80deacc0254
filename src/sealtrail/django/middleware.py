"""Records every request that reaches Django's middleware, whatever stack it stands in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.http import HttpResponse

from sealtrail.capture import context
from sealtrail.capture.asgi import SCOPE_KEY
from sealtrail.capture.choices import chosen
from sealtrail.capture.context import NOBODY, Actor, Call, described
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.head import as_octets, of_environ, of_scope
from sealtrail.capture.identity import denied
from sealtrail.capture.marks import Marks
from sealtrail.capture.mounted import below
from sealtrail.capture.opening import opens
from sealtrail.capture.recorder import Recorder, configured
from sealtrail.capture.watching import planned
from sealtrail.capture.wsgi import ENVIRON_KEY
from sealtrail.django import admin, rest
from sealtrail.django.signin import LISTENERS, lock_outs, looked_up, name_of, roles_of, session_of
from sealtrail.errors import UsageError

if TYPE_CHECKING:
    from sealtrail.capture.watching.plan import Plan

_AUDIT: Final = {f"audit_{name}": name for name in ("exclude", "required", "fsync", "old")}
_NAMES: Final = frozenset(
    {
        "api_fields",
        "audit_admin",
        "audit_models",
        *_AUDIT,
        "service",
        "version",
        "environment",
        "openapi",
        "scrub",
        "sign_ins",
        "spool",
        "trusted_proxies",
    }
)


class SealtrailMiddleware:
    """Records every request that reaches Django's middleware, to the last byte of its response.

    Raises UsageError for a setting that it does not know; once a request is served, nothing here raises.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.recorder, self._plan = _configured()
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)
        for signal, listener in (*LISTENERS, *lock_outs()):
            signal.connect(listener, dispatch_uid=f"sealtrail.{listener.__name__}")

    def __call__(self, request: Any) -> Any:
        if self._is_async:
            return self._call_async(request)
        exchange = self._begin(request)
        if not isinstance(exchange, DjangoExchange):
            return self._tell(request, self.get_response(request)) if exchange is None else exchange
        try:
            response = self.get_response(request)
        except BaseException as error:
            exchange.finish(error)
            raise
        return exchange.answered(response)

    async def _call_async(self, request: Any) -> Any:
        exchange = self._begin(request)
        if not isinstance(exchange, DjangoExchange):
            return self._tell(request, await self.get_response(request)) if exchange is None else exchange
        try:
            response = await self.get_response(request)
        except BaseException as error:
            exchange.finish(error)
            raise
        return exchange.answered(response)

    def _begin(self, request: Any) -> DjangoExchange | HttpResponse | None:
        """The exchange, entered; a refusal if the address is blocked; None for what is not recorded here."""
        scope = getattr(request, "scope", None)
        if ENVIRON_KEY in request.META or (scope is not None and SCOPE_KEY in scope):
            return None  # the whole application is wrapped already
        try:
            exchange = DjangoExchange(self.recorder, request)
            block = self.recorder.blocks.find(exchange.client_ip)
        except Exception:  # our own fault must not cost the application a request
            self.recorder.failed()
            return None
        if block is not None:
            body = exchange.refusal(block.id)
            return HttpResponse(body, status=exchange.status, headers=dict(exchange.refusal_headers()))
        exchange.enter()
        if self._plan is not None:
            from sealtrail.django.watching import watch_request

            watch_request(exchange, request, self._plan)
        return exchange

    def _tell(self, request: Any, response: Any) -> Any:
        """Tell a door further out, which records this request, what only Django knows."""
        call = context.current.get()
        if call is not None:
            try:
                call.route = call.route or _route(request)
                if "session" in self.recorder.sign_ins:
                    call.session_hash = _session_hash(call, request)
                if "user" in self.recorder.sign_ins and call.actor is NOBODY:
                    call.actor = _user(request, call.marks)
                if response.status_code in rest.REFUSING and isinstance(call, Exchange):
                    rest.tell(call, response)
            except Exception:  # a user object is the application's code
                self.recorder.failed()
        return response


def _route(request: Any) -> str:
    match = getattr(request, "resolver_match", None)
    if match is None:
        return ""
    # As the URL has it, and as other frameworks write it.
    route = match.route if match.route.startswith("^") else f"/{match.route}"
    mount = request.META.get("SCRIPT_NAME") or getattr(request, "scope", {}).get("root_path")
    return below(as_octets(mount), route) if mount else str(route)


def _session_hash(call: Call, request: Any) -> str:
    session = session_of(request)
    return call.recorder.pseudonyms.of_session(session) if session else ""


def _user(request: Any, marks: Marks) -> Actor:
    """Who is signed in, if the application has looked: asking may be a query that it did not make."""
    known = vars(request)
    users = (looked_up(known.get(name)) for name in ("user", "_cached_user", "_acached_user"))
    user = next((user for user in users if user is not None), None)
    if user is None or user.is_authenticated is not True:
        return NOBODY
    return described(marks, user.pk, user_name=name_of(user), roles=roles_of(user), tenant="")


class DjangoExchange(Exchange):
    """One request and its response."""

    asks = True

    def __init__(self, recorder: Recorder, request: Any) -> None:
        scope = getattr(request, "scope", None)
        if scope is None:
            head = of_environ(request.META)
            head.path = as_octets(head.path)  # Django has put decoded text into the environ
        else:
            head = of_scope(scope)
        super().__init__(recorder, head)
        self._request = request
        self._is_asgi = scope is not None

    def answered(self, response: Any) -> Any:
        """Take note of a response's head, and have its end recorded."""
        try:
            try:
                self._respond(response)
            finally:
                # What Django itself goes by to close what belongs to a request: the server calls it always.
                response._resource_closers.append(self.finish)  # noqa: SLF001 - an override would be a cycle
        except Exception:  # the application's response matters more than our record of it
            self.recorder.failed()
        return response

    def _respond(self, response: Any) -> None:
        self.status = response.status_code
        self.mime = response.headers.get("Content-Type", "")
        self.route = self.route or _route(self._request)
        sign_ins = self.recorder.sign_ins
        if "session" in sign_ins:
            self.session_hash = _session_hash(self, self._request)
        if self.status in rest.REFUSING and "refused" in sign_ins and not rest.tell(self, response):
            denied.tell(self, self.status, response.headers.get("WWW-Authenticate", ""))
        response.headers["X-Request-ID"] = self.request_id
        if self.watch is not None:
            from sealtrail.django.watching import watch_response

            watch_response(self.watch, response)
        if response.streaming:
            content = response.streaming_content
            response.streaming_content = (
                self._counted_async(content) if response.is_async else self._counted(content)
            )
        else:
            self.sent = self.length = len(response.content)
            if self._is_asgi:
                # The record first, as at the door for ASGI: no client holds an answer of which there is none.
                self.conclude()

    def _counted(self, content: Iterator[bytes]) -> Iterator[bytes]:
        is_open = False
        with self._drawn():
            for part in content:
                self.sent += len(part)
                if self.watch is not None:
                    self.watch.said(part)
                is_open = is_open or opens(self)
                yield part

    async def _counted_async(self, content: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        is_open = False
        with self._drawn():
            async for part in content:
                self.sent += len(part)
                if self.watch is not None:
                    self.watch.said(part)
                is_open = is_open or opens(self)
                yield part

    @contextmanager
    def _drawn(self) -> Iterator[None]:
        """Around the parts of a stream: it ends whole, breaks, or is closed by whoever draws it."""
        try:
            yield
        except GeneratorExit:
            raise
        except BaseException as error:
            self.conclude(error)
            raise
        # What tells the client that this was all is sent after this.
        self.ended = perf_counter_ns()
        self.conclude()

    def recognised(self) -> Actor:
        return _user(self._request, self.marks) if "user" in self.recorder.sign_ins else NOBODY


def _configured() -> tuple[Recorder, Plan | None]:
    """What records, and what of an API is looked at."""
    given = getattr(settings, "SEALTRAIL", {})
    unknown = set(given) - _NAMES
    if unknown:
        raise UsageError(
            "usage.setting",
            f"SEALTRAIL has no {', '.join(sorted(map(repr, unknown)))}",
            hint=f"It takes {', '.join(sorted(_NAMES))}.",
        )
    given = dict(given)
    sign_ins = chosen(given.pop("sign_ins", True))
    plan = planned(given.pop("api_fields", False), given.pop("openapi", None))
    if given.pop("audit_admin", True):
        admin.listen()
    models = given.pop("audit_models", None)
    chosen_for = {name: given.pop(key) for key, name in _AUDIT.items() if key in given}
    if models:
        from sealtrail.django.models import Models

        Models(models, **chosen_for).listen()
    recorder = configured(**given)
    recorder.sign_ins = sign_ins
    return recorder, plan
