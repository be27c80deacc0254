"""Where an act happens: the current request or none, and who acts. Makes the events of sign-ins and acts."""

from __future__ import annotations

from time import time
from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture import context, otel, recorder
from sealtrail.capture.context import ANONYMOUS, Actor
from sealtrail.capture.exchange import class_name
from sealtrail.capture.ids import moment, new_id, written
from sealtrail.capture.marks import Marks
from sealtrail.capture.recorder import Recorder
from sealtrail.event import hostile
from sealtrail.event.model import Audit, Authentication
from sealtrail.event.validate import RESERVED_PREFIX

OUTCOMES: Final = frozenset({"success", "failure", "unknown"})

_MAX_SECRET: Final = 4096

_AUTHENTICATION: Final = ("authentication",)
_START: Final = ("start",)

# ECS's words, by the noun and the verb of an action such as user.role.update.
_CATEGORIES: Final = {
    **dict.fromkeys(
        (
            *("user", "role", "group", "account", "permission", "permissions", "privilege"),
            *("member", "policy", "key"),
        ),
        ("iam",),
    ),
    **dict.fromkeys(
        ("config", "configuration", "setting", "settings", "feature", "flag"), ("configuration",)
    ),
}
_TYPES: Final = {
    **dict.fromkeys(("create", "created", "add", "added", "invite", "register", "import"), ("creation",)),
    **dict.fromkeys(
        (
            *("update", "updated", "change", "changed", "set", "grant", "revoke", "enable", "disable"),
            *("edit", "rename", "assign", "lock", "unlock", "reset", "approve", "move"),
        ),
        ("change",),
    ),
    **dict.fromkeys(("delete", "deleted", "remove", "removed", "purge", "erase"), ("deletion",)),
    **dict.fromkeys(("read", "view", "list", "export", "download", "search", "sensitive_read"), ("access",)),
}
_OTHER_CATEGORY: Final = ("api",)
_OTHER_TYPE: Final = ("info",)


class Here:
    """Where an act happens: the current request, or none."""

    __slots__ = ("actor", "call", "marks", "recorder")

    def __init__(self, marks: Marks | None = None) -> None:
        call = self.call = context.current.get()
        self.recorder: Recorder = call.recorder if call is not None else recorder.default()
        self.actor: Actor = context.acting(call)
        self.marks = Marks() if marks is None else marks

    def authentication(self, action: str, outcome: str, kind: tuple[str, ...] = _START) -> Authentication:
        event = Authentication(
            moment(), new_id(), "authentication", "event", _AUTHENTICATION, kind, action, outcome
        )
        who = self.actor
        if who.user_id != ANONYMOUS:
            event.user_id = who.user_id
        event.user_name = who.user_name
        event.user_roles = who.roles
        event.tenant = who.tenant
        event.effective_id = who.effective_id
        self.place(event)
        if outcome == "failure" and self.call is not None:
            self.call.told_of_failure = True
        return event

    def place(self, event: Audit | Authentication) -> None:
        """From where, and in which request."""
        call = self.call
        if call is not None:
            event.client_ip = call.client_ip
            event.source_ip = call.source_ip
            event.request_id = call.request_id
            event.trace_id = call.trace_id
            event.span_id = call.span_id
            agent = call.user_agent
            clean = len(agent) <= 512 and agent.isascii() and scrub.is_clean(agent)
            event.user_agent = agent if clean else self.marks.text("user_agent.original", agent)
        if otel.API in otel.modules:
            self.join(event)

    def join(self, event: Audit | Authentication) -> None:
        """The span of OpenTelemetry that this happens in, within a request and outside of one."""
        found = otel.span_ids()
        if found is not None:
            event.trace_id, event.span_id = found

    def become(self, user_id: Any, name: Any, roles: Any, tenant: Any) -> None:
        """Act as this user, and let the rest of the request be theirs."""
        self.actor = context.described(self.marks, user_id, user_name=name, roles=roles, tenant=tenant)
        if self.call is not None:
            self.call.actor = self.actor

    def session_hash(self, session: Any) -> str:
        """The hash of a session that the application names, as on the requests that are made within it."""
        return self.recorder.pseudonyms.of_session(secret_text(session))

    def write_login(self, event: Authentication, method: Any, provider: Any, details: Any) -> bool:
        marks = self.marks
        event.auth_method = marks.keyword("sealtrail.auth.method", method)
        event.auth_provider = marks.keyword("sealtrail.auth.provider", provider)
        event.details = marks.details("sealtrail.details", details)
        marks.put(event)
        return self.recorder.record(event, audit=True)

    def failed(self) -> bool:
        self.recorder.failed()
        return False


def act_of(here: Here, action: Any, outcome: Any, error: BaseException | None) -> Audit:
    """The event of an act that happens here."""
    marks = here.marks
    name = marks.keyword("event.action", action) or "audit"
    if name.startswith(RESERVED_PREFIX):
        # The collector would refuse it as one of its own.
        name = f"app.{name}"
        marks.note("event.action:reserved")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        marks.note("event.outcome:unknown")
        outcome = "unknown"
    category, kind = _sorts.get(name) or _sort(name)
    now = time()
    who = here.actor
    # In the order of the table, and by position: setting one by one costs as much as all else here.
    event = Audit(
        written(now),
        new_id(now),
        "audit",
        "event",
        category,
        kind,
        name,
        outcome,
        "",  # reason
        None,  # severity
        "",  # message, level and name of a log entry
        "",
        "",
        who.user_id,
        who.user_name,
        "",  # hash of a name
        who.roles,
        who.effective_id,
        who.tenant,
    )
    here.place(event)
    if error is not None:
        event.error_type = class_name(error)
    return event


# Applications have a handful of actions, unless they put an id into their names.
_MAX_SORTS: Final = 1024
_sorts: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}


def _sort(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ECS's category and type of an action."""
    # noun.verb, or the OWASP vocabulary's noun_verb
    words = name.split("." if "." in name else "_")
    sort = _CATEGORIES.get(words[0], _OTHER_CATEGORY), _TYPES.get(words[-1], _OTHER_TYPE)
    if len(_sorts) >= _MAX_SORTS:
        _sorts.clear()
    _sorts[name] = sort
    return sort


def put_target(event: Audit, target: Any, marks: Marks) -> None:
    """`target` is (type, id) or (type, id, name)."""
    if target is None:
        return
    if type(target) is tuple and len(target) == 2:
        kind, identity = target
    else:
        parts = target if isinstance(target, tuple | list) else (target,)
        kind, identity, label = (*parts[:3], "", "", "")[:3]
        event.target_name = marks.keyword("sealtrail.target.name", label)
    event.target_type = marks.keyword("sealtrail.target.type", kind)
    event.target_id = marks.keyword("sealtrail.target.id", identity)


def secret_text(value: Any) -> str:
    """A value that is about to be hashed, as text."""
    return hostile.text(value, _MAX_SECRET, [])
