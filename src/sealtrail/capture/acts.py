"""What an application says of itself: logins and acts. Works inside of a request and outside of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture import context, recorder
from sealtrail.capture.change import changes
from sealtrail.capture.context import ANONYMOUS, Actor
from sealtrail.capture.exchange import class_name
from sealtrail.capture.ids import moment, new_id
from sealtrail.capture.marks import Marks
from sealtrail.capture.recorder import Recorder
from sealtrail.errors import BusyError
from sealtrail.event import hostile
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.event.model import Audit, Authentication
from sealtrail.event.validate import RESERVED_PREFIX

OUTCOMES: Final = frozenset({"success", "failure", "unknown"})

_MAX_SECRET: Final = 4096

_AUTHENTICATION: Final = ("authentication",)
_START: Final = ("start",)
_END: Final = ("end",)

# ECS's words, by the noun and the verb of an action such as user.role.update.
_CATEGORIES: Final = {
    **dict.fromkeys(
        ("user", "role", "group", "account", "permission", "permissions", "member", "policy", "key"), ("iam",)
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


def login_succeeded(
    user_id: Any,
    *,
    name: Any = "",
    method: Any = "",
    mfa: bool | None = None,
    provider: Any = "",
    factors: Any = (),
    roles: Any = (),
    tenant: Any = "",
    session: Any = "",
    details: Any = None,
) -> bool:
    """Record that somebody signed in; from then on the current request is theirs.

    `method`: password, oidc, saml, api_key, jwt or passkey. `session` is stored as a keyed hash. Returns
    whether the event is in the spool; never raises.
    """
    here = _Here()
    try:
        here.become(user_id, name, roles, tenant)
        event = here.authentication("authn_login_success", "success")
        event.auth_mfa = None if mfa is None else bool(mfa)
        event.auth_factors = here.marks.keywords("sealtrail.auth.factors", factors)
        if session:
            event.session_hash = here.recorder.pseudonyms.of("session", _secret(session))
        return here.write_login(event, method, provider, details)
    except Exception:  # recording is never the application's problem
        return here.failed()


def login_failed(
    name: Any = "",
    *,
    reason: Any = "",
    method: Any = "",
    provider: Any = "",
    attempts: int | None = None,
    details: Any = None,
) -> bool:
    """Record that somebody could not sign in. The name is kept as a keyed hash: people type passwords there.

    `reason`: bad_password, unknown_user, locked, expired, bad_signature, mfa_failed. `attempts` counts those
    before this one. Returns whether the event is in the spool; never raises.
    """
    here = _Here()
    try:
        event = here.authentication("authn_login_fail", "failure")
        if name:
            event.user_hash = here.recorder.pseudonyms.of_name(_secret(name))
        event.reason = here.marks.text("event.reason", reason)
        if isinstance(attempts, int):
            event.auth_attempts = max(0, min(int(attempts), MAX_INTEGER))
        return here.write_login(event, method, provider, details)
    except Exception:  # recording is never the application's problem
        return here.failed()


def logged_out(user_id: Any = None, *, name: Any = "", reason: Any = "", session: Any = "") -> bool:
    """Record that somebody signed out; without a `user_id` it is who acts now.

    `reason`: empty for the user's own wish, else such as timeout or revoked. Returns whether the event is in
    the spool; never raises.
    """
    here = _Here()
    try:
        if user_id is not None:
            here.actor = context.described(here.marks, user_id, user_name=name, roles=(), tenant="")
        event = here.authentication("session_logout", "success", _END)
        if session:
            event.session_hash = here.recorder.pseudonyms.of("session", _secret(session))
        event.reason = here.marks.text("event.reason", reason)
        return here.write_login(event, "", "", None)
    except Exception:  # recording is never the application's problem
        return here.failed()


def audit(
    action: Any,
    *,
    target: Any = None,
    outcome: str = "success",
    change: Any = None,
    reason: Any = "",
    ticket: Any = "",
    decision: Any = "",
    rule: Any = "",
    details: Any = None,
    error: BaseException | None = None,
    fields: Mapping[str, Any] | None = None,
    required: bool = False,
    fsync: bool = False,
    _marks: Marks | None = None,
) -> bool:
    """Record an act, such as `audit("user.role.update", target=("user", "42"))`.

    `action` is a name of the OWASP logging vocabulary or noun.verb. `target` is (type, id) or (type, id,
    name). `change` is a list of (path, old, new). `decision` and `rule` say what a policy allowed or denied.
    `details` is any value, scrubbed; `fields` are further fields under names of your own.

    Returns whether the event is in the spool (with `fsync`: on the disk). Raises BusyError when it is not
    and the caller said it is `required`; otherwise it never raises.
    """
    here = _Here(_marks)
    try:
        event = _act(here, action, outcome, error)
        marks = here.marks
        event.reason = marks.text("event.reason", reason)
        event.ticket = marks.keyword("sealtrail.ticket", ticket)
        event.policy_decision = marks.keyword("sealtrail.policy.decision", decision)
        event.policy_rule = marks.keyword("sealtrail.policy.rule", rule)
        _put_target(event, target, marks)
        event.change = changes(change, marks)
        event.details = marks.details("sealtrail.details", details)
        marks.put(event)
        done = here.recorder.record(event, audit=True, extra=fields, fsync=fsync)
    except Exception:  # recording is never the application's problem
        done = here.failed()
    if required and not done:
        raise BusyError(
            "busy.spool",
            "an act that must be recorded could not be",
            hint="Do not do what could not be recorded. The application's log says what the spool met.",
        )
    return done


def _act(here: _Here, action: Any, outcome: Any, error: BaseException | None) -> Audit:
    marks = here.marks
    name = marks.keyword("event.action", action) or "audit"
    if name.startswith(RESERVED_PREFIX):
        # The collector would refuse it as one of its own.
        name = f"app.{name}"
        marks.note("event.action:reserved")
    if not isinstance(outcome, str) or outcome not in OUTCOMES:
        marks.note("event.outcome:unknown")
        outcome = "unknown"
    words = name.split(".")
    category = _CATEGORIES.get(words[0], _OTHER_CATEGORY)
    kind = _TYPES.get(words[-1], _OTHER_TYPE)
    event = Audit(moment(), new_id(), "audit", "event", category, kind, name, outcome)
    here.put(event)
    if error is not None:
        event.error_type = class_name(error)
    return event


def _put_target(event: Audit, target: Any, marks: Marks) -> None:
    if target is None:
        return
    parts = target if isinstance(target, tuple | list) else (target,)
    kind, identity, label = (*parts[:3], "", "", "")[:3]
    event.target_type = marks.keyword("sealtrail.target.type", kind)
    event.target_id = marks.keyword("sealtrail.target.id", identity)
    event.target_name = marks.keyword("sealtrail.target.name", label)


class _Here:
    """Where an act happens: the current request, or none."""

    __slots__ = ("_call", "actor", "marks", "recorder")

    def __init__(self, marks: Marks | None = None) -> None:
        self._call = context.current.get()
        self.recorder: Recorder = self._call.recorder if self._call is not None else recorder.default()
        self.actor: Actor = context.acting()
        self.marks = Marks() if marks is None else marks

    def authentication(self, action: str, outcome: str, kind: tuple[str, ...] = _START) -> Authentication:
        event = Authentication(
            moment(), new_id(), "authentication", "event", _AUTHENTICATION, kind, action, outcome
        )
        self.put(event)
        return event

    def put(self, event: Audit | Authentication) -> None:
        """Who, from where, in which request."""
        actor = self.actor
        if actor.user_id != ANONYMOUS or event.kind == "audit":
            event.user_id = actor.user_id
        event.user_name = actor.user_name
        event.user_roles = actor.roles
        event.tenant = actor.tenant
        event.effective_id = actor.effective_id
        call = self._call
        if call is not None:
            event.client_ip = call.client_ip
            event.source_ip = call.source_ip
            event.request_id = call.request_id
            event.trace_id = call.trace_id
            event.span_id = call.span_id
            agent = call.user_agent
            clean = len(agent) <= 512 and agent.isascii() and scrub.is_clean(agent)
            event.user_agent = agent if clean else self.marks.text("user_agent.original", agent)

    def become(self, user_id: Any, name: Any, roles: Any, tenant: Any) -> None:
        """Act as this user, and let the rest of the request be theirs."""
        self.actor = context.described(self.marks, user_id, user_name=name, roles=roles, tenant=tenant)
        if self._call is not None:
            self._call.actor = self.actor

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


def _secret(value: Any) -> str:
    """A value that is about to be hashed, as text."""
    return hostile.text(value, _MAX_SECRET, [])
