"""What is known of the request that is being served: who, from where, on what. One per request."""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from sealtrail.capture.marks import Marks
from sealtrail.event.model import Api

if TYPE_CHECKING:
    from sealtrail.capture.recorder import Recorder

ANONYMOUS: Final = "anonymous"


class Actor(NamedTuple):
    """Who acts. `effective_id` is who is being impersonated."""

    user_id: str = ANONYMOUS
    user_name: str = ""
    roles: tuple[str, ...] = ()
    tenant: str = ""
    effective_id: str = ""


NOBODY: Final = Actor()
NO_OBJECT: Final = ("", "", "")


class Call(Marks):
    """One request, from its first byte to its last, and the marks of its event.

    Whoever makes one gives it a recorder and its ids; all else is as here until something is known.
    `told_of_failure`: an event says already that its caller could not sign in. `good_token` is the hash of
    one that the application has verified.
    """

    recorder: Recorder
    request_id: str
    trace_id: str
    span_id: str
    parent_id = ""
    joined = False  # whether the ids are those of a span of OpenTelemetry
    client_ip = ""
    source_ip = ""
    user_agent = ""
    actor = NOBODY
    asks = False  # whether `recognised` has an answer
    session_hash = ""
    object: tuple[str, str, str] = NO_OBJECT
    api: Api | None = None
    error_type = ""
    route = ""
    ticket: Any = ""
    told_of_failure = False
    factor = ""  # a second one that was right, before the sign-in itself is told
    good_token = ""

    @property
    def marks(self) -> Marks:
        return self

    def acting(self) -> Actor:
        """Who acts: as the application said, else whom its framework has recognised."""
        if self.actor is NOBODY and self.asks:
            try:
                self.actor = self.recognised()
            except Exception:  # a user object is the application's code
                self.recorder.failed()
        return self.actor

    def recognised(self) -> Actor:
        return NOBODY


current: Final[ContextVar[Call | None]] = ContextVar("sealtrail_call", default=None)
acting_outside: Final[ContextVar[Actor | None]] = ContextVar("sealtrail_actor", default=None)


def acting(call: Call | None) -> Actor:
    """Who acts now: by the current request, else by an `actor` outside of one, else nobody."""
    if call is not None:
        return call.acting()
    return acting_outside.get() or NOBODY


class Acting:
    """What `actor` returns: the actor is set already; as a context manager it is unset at the end."""

    __slots__ = ("_before", "_call")

    def __init__(self, actor: Actor) -> None:
        self._call = current.get()
        self._before = acting(self._call)
        self._set(actor)

    def _set(self, actor: Actor) -> None:
        if self._call is not None:
            self._call.actor = actor
        else:
            acting_outside.set(actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._set(self._before)


def actor(
    user_id: Any, *, user_name: Any = "", roles: Any = (), tenant: Any = "", effective_id: Any = ""
) -> Acting:
    """Say who acts, for the rest of the current request or for the length of a `with` block.

    Outside of a request it holds for the current thread or task. `effective_id` is who is impersonated.
    """
    call = current.get()
    marks = call.marks if call is not None else Marks()
    return Acting(
        described(marks, user_id, user_name=user_name, roles=roles, tenant=tenant, effective_id=effective_id)
    )


# Who acts is the same few, request after request. Applications have many more at times: then it begins anew.
_MAX_KNOWN: Final = 1024
_known: dict[tuple[Any, ...], Actor] = {}
_TEXT: Final = frozenset({str})


def forget() -> None:
    """Describe everybody anew: what is clean has changed."""
    _known.clear()


def described(
    marks: Marks, user_id: Any, *, user_name: Any, roles: Any, tenant: Any, effective_id: Any = ""
) -> Actor:
    """An actor of any values."""
    key = None
    if (
        (user_id.__class__ is str or user_id.__class__ is int)
        and user_name.__class__ is tenant.__class__ is effective_id.__class__ is str
        and (roles.__class__ is tuple or roles.__class__ is list)
        and _TEXT.issuperset(map(type, roles))  # others have the application's code for a hash
    ):
        key = (user_id, user_name, tenant, effective_id, *roles)
        found = _known.get(key)
        if found is not None:
            return found
    before = marks.notes, marks.redacted, marks.truncated
    actor = Actor(
        marks.keyword("user.id", user_id) or ANONYMOUS,
        marks.keyword("user.name", user_name),
        marks.keywords("user.roles", roles),
        marks.keyword("organization.id", tenant),
        marks.keyword("user.effective.id", effective_id),
    )
    # What has left a mark on its event has to leave it on the next as well.
    is_the_same = before == (marks.notes, marks.redacted, marks.truncated)
    if key is not None and is_the_same:
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[key] = actor
    return actor


def touched(kind: Any, identity: Any, *, owner: Any = "") -> None:
    """Name the object that this request acts on, and its owner's user id. The last one counts.

    Outside of a request it does nothing.
    """
    call = current.get()
    if call is None:
        return
    marks = call.marks
    found = (
        marks.keyword("sealtrail.object.type", kind),
        marks.keyword("sealtrail.object.id", identity),
        marks.keyword("sealtrail.object.owner", owner),
    )
    if call.object[1] and call.object != found:
        marks.note("object.several")
    call.object = found


def request_id() -> str:
    """Correlation id of the current request; empty outside of one."""
    call = current.get()
    return call.request_id if call is not None else ""
