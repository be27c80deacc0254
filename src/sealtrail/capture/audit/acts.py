"""What an application says of itself: logins and acts. Works inside of a request and outside of one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sealtrail.capture import context
from sealtrail.capture.audit.change import changes
from sealtrail.capture.audit.here import Here, act_of, put_target
from sealtrail.capture.audit.ticket import ordered_by
from sealtrail.capture.identity.signin import told
from sealtrail.errors import BusyError

_INTENDED: Final = ("start",)
_NOTHING: Final = ""


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
    here = Here()
    try:
        here.become(user_id, name, roles, tenant)
        event = here.authentication("authn_login_success", "success")
        event.auth_mfa = None if mfa is None else bool(mfa)
        event.auth_factors = here.marks.keywords("sealtrail.auth.factors", factors)
        if session:
            event.session_hash = here.session_hash(session)
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
    return told(
        "authn_login_fail",
        "failure",
        name=name,
        reason=reason,
        method=method,
        provider=provider,
        attempts=attempts,
        details=details,
    )


def logged_out(user_id: Any = None, *, name: Any = "", reason: Any = "", session: Any = "") -> bool:
    """Record that somebody signed out; without a `user_id` it is who acts now.

    `reason`: empty for the user's own wish, else such as timeout or revoked. Returns whether the event is in
    the spool; never raises.
    """
    here = Here()
    try:
        if user_id is not None:
            here.actor = context.described(here.marks, user_id, user_name=name, roles=(), tenant="")
        event = here.authentication("session_logout", "success", ("end",))
        if session:
            event.session_hash = here.session_hash(session)
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
) -> bool:
    """Record an act, such as `audit("user.role.update", target=("user", "42"))`.

    `action` is a name of the OWASP logging vocabulary or noun.verb. `target` is (type, id) or (type, id,
    name). `change` is a list of (path, old, new). `decision` and `rule` say what a policy allowed or denied.
    `details` is any value, scrubbed; `fields` are further fields under names of your own.

    Returns whether the event is in the spool (with `fsync`: on the disk). Raises BusyError when it is not
    and the caller said it is `required`; otherwise it never raises.
    """
    written = record(
        action,
        target,
        outcome,
        change,
        reason,
        ticket,
        decision,
        rule,
        details,
        error,
        fields,
        required,
        fsync,
    )
    if required and not written:
        raise unrecorded()
    return bool(written)


def record(
    action: Any,
    target: Any = None,
    outcome: Any = "success",
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
    *,
    intent: str | None = None,
    tenant: Any = "",
    effective_id: Any = "",
    category: tuple[str, ...] = (),
) -> str:
    """As `audit`, for those that enclose code: the id of the event, empty where it is not written.

    `intent` is empty for the record that is made before an act, and its id for the one of the end; `tenant`
    and `effective_id` win over those of the actor, `category` over the one of the action. Never raises.
    """
    here = Here()
    try:
        event = act_of(here, action, outcome, error)
        marks = here.marks
        # By identity: the comparison of a foreign value may do anything.
        if reason is not _NOTHING:
            event.reason = marks.text("event.reason", reason)
        order = ticket or ordered_by(here.call)
        if order is not _NOTHING:
            event.ticket = marks.keyword("sealtrail.ticket", order)
        if decision is not _NOTHING:
            event.policy_decision = marks.keyword("sealtrail.policy.decision", decision)
        if rule is not _NOTHING:
            event.policy_rule = marks.keyword("sealtrail.policy.rule", rule)
        if tenant:
            event.tenant = marks.keyword("organization.id", tenant)
        if effective_id:
            event.effective_id = marks.keyword("user.effective.id", effective_id)
        if category:
            event.category = category
        if intent is not None:
            event.intent = intent or event.id
            if not intent:
                # Nothing was changed yet: who counts deletions counts what was deleted.
                event.type = _INTENDED
        put_target(event, target, marks)
        if change is not None:
            event.change = changes(change, marks)
        if details is not None:
            event.details = marks.details("sealtrail.details", details)
        if marks.notes or marks.redacted or marks.truncated:
            marks.put(event)
        if here.recorder.record(event, audit=True, extra=fields, fsync=fsync, certain=required):
            return event.id
    except Exception:  # recording is never the application's problem
        here.failed()
    return ""


def intend(action: Any, **known: Any) -> str:
    """Record that an act is about to happen, and return the id that its end is to name.

    Raises BusyError where that cannot be written: then the act must not happen.
    """
    written = record(action, outcome="unknown", required=True, intent="", **known)
    if not written:
        raise unrecorded()
    return written


def unrecorded() -> BusyError:
    return BusyError(
        "busy.spool",
        "an act that must be recorded could not be",
        hint="Do not do what could not be recorded. The application's log says what the spool met.",
    )
