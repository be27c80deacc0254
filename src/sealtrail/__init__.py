"""The flight recorder for APIs: record every request, seal it, find the attack, prove it.

This is the public API of the application's side. It imports nothing but msgspec and one id library.
"""

from sealtrail.capture.audit.acts import audit, logged_out, login_failed, login_succeeded
from sealtrail.capture.audit.auditing import audited, auditing
from sealtrail.capture.audit.ticket import ticket
from sealtrail.capture.carry import carried
from sealtrail.capture.context import actor, request_id, touched
from sealtrail.capture.identity.sessions import (
    impersonation_started,
    impersonation_stopped,
    session_created,
    session_expired,
    session_renewed,
    session_reused,
)
from sealtrail.capture.identity.signin import (
    login_limit_reached,
    login_locked,
    mfa_failed,
    mfa_succeeded,
    oauth_failed,
    password_change_failed,
    password_changed,
    token_created,
    token_deleted,
    token_refused,
    token_reused,
    token_revoked,
)
from sealtrail.capture.watching.api import api_version, requires, responded
from sealtrail.capture.watching.contents import bodies

__all__ = [
    "actor",
    "api_version",
    "audit",
    "audited",
    "auditing",
    "bodies",
    "carried",
    "impersonation_started",
    "impersonation_stopped",
    "logged_out",
    "login_failed",
    "login_limit_reached",
    "login_locked",
    "login_succeeded",
    "mfa_failed",
    "mfa_succeeded",
    "oauth_failed",
    "password_change_failed",
    "password_changed",
    "request_id",
    "requires",
    "responded",
    "session_created",
    "session_expired",
    "session_renewed",
    "session_reused",
    "ticket",
    "token_created",
    "token_deleted",
    "token_refused",
    "token_reused",
    "token_revoked",
    "touched",
]
