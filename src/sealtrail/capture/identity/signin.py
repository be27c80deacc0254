"""What an application says of sign-ins beyond success and failure: second factors, locks, passwords, tokens.

Each function returns whether the event is in the spool, and never raises. A `name` that somebody typed, a
`token` and a `session` are stored as keyed hashes. A `user_id` is whom it is about: the user of the event
where nobody acts or it is the same, else its target. Without one it is who acts now.
"""

from __future__ import annotations

from typing import Any

from sealtrail.capture.audit.here import Here, secret_text
from sealtrail.capture.context import ANONYMOUS
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.event.model import Authentication

_INFO = ("info",)
_CHANGE = ("change",)


def mfa_succeeded(
    user_id: Any = None, *, factor: Any = "", name: Any = "", provider: Any = "", details: Any = None
) -> bool:
    """Record that a second factor, such as totp, sms, passkey or recovery_code, was right."""
    return told(
        "authn_mfa_success",
        "success",
        user_id=user_id,
        name=name,
        factors=factor,
        mfa=True,
        provider=provider,
        details=details,
    )


def mfa_failed(
    user_id: Any = None,
    *,
    factor: Any = "",
    name: Any = "",
    reason: Any = "mfa_failed",
    attempts: int | None = None,
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record that a second factor was wrong. `attempts` counts those before this one."""
    return told(
        "authn_mfa_fail",
        "failure",
        user_id=user_id,
        name=name,
        factors=factor,
        reason=reason,
        attempts=attempts,
        provider=provider,
        details=details,
    )


def login_locked(
    name: Any = "",
    *,
    user_id: Any = None,
    reason: Any = "max_attempts",
    attempts: int | None = None,
    details: Any = None,
) -> bool:
    """Record `authn_login_lock`: from now on an account is refused, whatever is typed."""
    return told(
        "authn_login_lock",
        "success",
        _INFO,
        user_id=user_id,
        name=name,
        reason=reason,
        attempts=attempts,
        details=details,
    )


def login_limit_reached(
    name: Any = "", *, user_id: Any = None, limit: int | None = None, details: Any = None
) -> bool:
    """Record `authn_login_fail_max`: so many attempts failed that more are not heard for a while."""
    return told(
        "authn_login_fail_max",
        "failure",
        user_id=user_id,
        name=name,
        reason="max_attempts",
        attempts=limit,
        details=details,
    )


def password_changed(
    user_id: Any = None, *, reason: Any = "", method: Any = "password", details: Any = None
) -> bool:
    """Record `authn_password_change`. `reason`: empty for the user's own wish, else such as reset."""
    return told(
        "authn_password_change",
        "success",
        _CHANGE,
        user_id=user_id,
        reason=reason,
        method=method,
        details=details,
    )


def password_change_failed(
    user_id: Any = None, *, reason: Any = "", method: Any = "password", details: Any = None
) -> bool:
    """Record `authn_password_change_fail`. `reason`: bad_password, too_weak, reused, expired."""
    return told(
        "authn_password_change_fail",
        "failure",
        _CHANGE,
        user_id=user_id,
        reason=reason,
        method=method,
        details=details,
    )


def token_created(
    user_id: Any = None,
    *,
    token: Any = "",
    method: Any = "api_key",
    scopes: Any = (),
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record `authn_token_created`: an API key, a session's or an OAuth token with its `scopes`."""
    return _token("authn_token_created", user_id, token, method, provider, details, scopes=scopes)


def token_revoked(
    user_id: Any = None,
    *,
    token: Any = "",
    method: Any = "api_key",
    reason: Any = "",
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record `authn_token_revoked`: from now on a token is refused."""
    return _token("authn_token_revoked", user_id, token, method, provider, details, reason=reason)


def token_deleted(
    user_id: Any = None,
    *,
    token: Any = "",
    method: Any = "api_key",
    reason: Any = "",
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record `authn_token_delete`: a token is gone, and nothing will know it again."""
    return _token("authn_token_delete", user_id, token, method, provider, details, reason=reason)


def token_reused(
    user_id: Any = None,
    *,
    token: Any = "",
    method: Any = "jwt",
    reason: Any = "",
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record `authn_token_reuse`: what was revoked, or may be used once only, was presented again."""
    return told(
        "authn_token_reuse",
        "failure",
        user_id=user_id,
        token=token,
        method=method,
        reason=reason or "reused",
        provider=provider,
        details=details,
    )


def token_refused(
    token: Any = "",
    *,
    reason: Any = "refused",
    method: Any = "api_key",
    user_id: Any = None,
    provider: Any = "",
    details: Any = None,
) -> bool:
    """Record `authn_token_fail`: a token or an API key was presented and is not good.

    `reason`: unknown_token, expired, not_yet_valid, revoked, bad_signature, wrong_audience, wrong_issuer,
    malformed, missing_claim, wrong_algorithm.
    """
    return told(
        "authn_token_fail",
        "failure",
        user_id=user_id,
        token=token,
        method=method,
        reason=reason,
        provider=provider,
        details=details,
    )


def oauth_failed(
    error: Any = "",
    *,
    provider: Any = "",
    method: Any = "oidc",
    name: Any = "",
    details: Any = None,
) -> bool:
    """Record that a provider sent somebody back without success, as `authn_login_fail`.

    `error` is the callback's code (access_denied, login_required), a word of your own such as state_mismatch,
    or the exception that your OAuth library raised: then its `error`, or its class, is the reason.
    """
    if isinstance(error, BaseException):
        try:
            code = getattr(error, "error", None)
        except Exception:  # a property of a foreign class
            code = None
        error = code if isinstance(code, str) and code else type(error).__qualname__
    return told(
        "authn_login_fail",
        "failure",
        name=name,
        reason=error or "refused",
        method=method,
        provider=provider,
        details=details,
    )


def told(
    action: str,
    outcome: str,
    kind: tuple[str, ...] = ("start",),
    *,
    user_id: Any = None,
    name: Any = "",
    reason: Any = "",
    method: Any = "",
    provider: Any = "",
    scheme: str = "",
    token: Any = "",
    session: Any = "",
    factors: Any = (),
    mfa: bool | None = None,
    attempts: Any = None,
    ticket: Any = "",
    details: Any = None,
) -> bool:
    """Record an event of signing in of any values. Returns whether it is in the spool; never raises."""
    here = Here()
    try:
        event = here.authentication(action, outcome, kind)
        marks, pseudonyms = here.marks, here.recorder.pseudonyms
        about(here, event, user_id)
        if name:
            event.user_hash = pseudonyms.of_name(secret_text(name))
        event.reason = marks.text("event.reason", reason)
        event.auth_scheme = scheme
        event.ticket = marks.keyword("sealtrail.ticket", ticket)
        if token:
            event.token_hash = pseudonyms.of_token(secret_text(token))
        if session:
            event.session_hash = here.session_hash(session)
        event.auth_factors = marks.keywords("sealtrail.auth.factors", factors) if factors else ()
        event.auth_mfa = mfa
        if isinstance(attempts, int):
            event.auth_attempts = max(0, min(int(attempts), MAX_INTEGER))
        return here.write_login(event, method, provider, details)
    except Exception:  # recording is never the application's problem
        return here.failed()


def about(here: Here, event: Authentication, user_id: Any) -> None:
    """Put whom an event is about: its user, or its target where somebody else acts."""
    if user_id is None:
        return
    identity = here.marks.keyword("user.id", user_id)
    if here.actor.user_id in {ANONYMOUS, identity}:
        event.user_id = identity
    else:
        event.target_type, event.target_id = "user", identity


def _token(
    action: str,
    user_id: Any,
    token: Any,
    method: Any,
    provider: Any,
    details: Any,
    *,
    reason: Any = "",
    scopes: Any = (),
) -> bool:
    if scopes:
        details = {"scopes": scopes, "details": details} if details else {"scopes": scopes}
    return told(
        action,
        "success",
        _INFO,
        user_id=user_id,
        token=token,
        method=method,
        reason=reason,
        provider=provider,
        details=details,
    )
