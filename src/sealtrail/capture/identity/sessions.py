"""What an application says of sessions: made, renewed, over, used again; and of acting as somebody else.

Each function returns whether the event is in the spool, and never raises. A `session` is stored as a keyed
hash, the same that a request with this session carries.
"""

from __future__ import annotations

from typing import Any

from sealtrail.capture.audit.here import Here
from sealtrail.capture.context import Acting, described
from sealtrail.capture.identity.signin import told


def session_created(user_id: Any = None, *, session: Any = "", method: Any = "", details: Any = None) -> bool:
    """Record that a session began. `method`: what it was made for, such as remember_cookie."""
    return told(
        "session_created", "success", user_id=user_id, session=session, method=method, details=details
    )


def session_renewed(user_id: Any = None, *, session: Any = "", reason: Any = "", details: Any = None) -> bool:
    """Record that a session was made fresh again: its time, or its user's password asked for once more."""
    return told(
        "session_renewed",
        "success",
        ("info",),
        user_id=user_id,
        session=session,
        reason=reason,
        details=details,
    )


def session_expired(
    user_id: Any = None, *, session: Any = "", reason: Any = "timeout", details: Any = None
) -> bool:
    """Record that a session ended by itself. `reason`: timeout, idle, revoked, protected."""
    return told(
        "session_expired",
        "success",
        ("end",),
        user_id=user_id,
        session=session,
        reason=reason,
        details=details,
    )


def session_reused(user_id: Any = None, *, session: Any = "", reason: Any = "", details: Any = None) -> bool:
    """Record `session_use_after_expire`: a session that was over was presented."""
    return told(
        "session_use_after_expire",
        "failure",
        user_id=user_id,
        session=session,
        reason=reason or "expired",
        details=details,
    )


def impersonation_started(
    effective_id: Any,
    *,
    user_id: Any = None,
    reason: Any = "",
    ticket: Any = "",
    session: Any = "",
    details: Any = None,
) -> bool:
    """Record that somebody acts as `effective_id` from now on; so does the rest of the request."""
    return _impersonation(
        "impersonation.start", "start", effective_id, user_id, reason, ticket, session, details
    )


def impersonation_stopped(
    effective_id: Any = None,
    *,
    user_id: Any = None,
    reason: Any = "",
    ticket: Any = "",
    session: Any = "",
    details: Any = None,
) -> bool:
    """Record that somebody is themselves again. Without an `effective_id` it is whom the request says."""
    return _impersonation(
        "impersonation.stop", "end", effective_id, user_id, reason, ticket, session, details
    )


def _impersonation(
    action: str,
    kind: str,
    effective_id: Any,
    user_id: Any,
    reason: Any,
    ticket: Any,
    session: Any,
    details: Any,
) -> bool:
    here = Here()
    try:
        actor = here.actor
        if user_id is not None:
            actor = described(here.marks, user_id, user_name="", roles=(), tenant=actor.tenant)
        if effective_id is not None:
            actor = actor._replace(effective_id=here.marks.keyword("user.effective.id", effective_id))
        # The event says both, whichever way it goes; what follows in the request says who is there then.
        Acting(actor)
        done = told(
            action, "success", (kind,), reason=reason, session=session, ticket=ticket, details=details
        )
        if kind == "end":
            Acting(actor._replace(effective_id=""))
    except Exception:  # recording is never the application's problem
        return here.failed()
    return done
