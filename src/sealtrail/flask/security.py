"""What Flask-Security tells, by the names of its signals: versions differ in which they have."""

from __future__ import annotations

import sys
from typing import Any, Final

from flask import Flask

from sealtrail.capture import context
from sealtrail.capture.audit import acts
from sealtrail.capture.identity import signin
from sealtrail.flask.signin import asked_to_sign_in, note_user, quiet, session_id
from sealtrail.flask.user import id_of, itself, name_of, roles_of, signed_in

_PROVIDER: Final = "flask_security"
# What it calls the ways of signing in, as we call them.
_METHODS: Final = {
    "password": "password",
    "webauthn": "passkey",
    "passkey": "passkey",
    "token": "link",
    "email": "link",
    "confirm": "link",
    "reset": "password",
    "change": "password",
    "oauth": "oidc",
}
# What fails, as the reason of the failure.
_REASONS: Final = {
    "password": "bad_password",
    "passcode": "bad_code",
    "code": "bad_code",
    "passkey": "bad_signature",
}


def listen(app: Flask) -> None:
    """Connect to what Flask-Security tells, if the application has it."""
    module = sys.modules.get("flask_security.signals")
    if module is None:
        return
    for name, listener in _LISTENERS.items():
        signal = getattr(module, name, None)
        if signal is not None:
            signal.connect(listener, app)


def _who(user: Any) -> Any:
    """The id of whom a signal names; None where it names nobody."""
    user = itself(user)
    return None if user is None else id_of(user)


@quiet
def _authenticated(_: Flask, user: Any, authn_via: Any = None, **__: Any) -> None:
    user = signed_in(user)
    if user is None:
        return
    ways = [str(way) for way in authn_via or ()]
    if ways == ["change"]:
        return  # the password was changed, and the session made anew: nobody came in
    call = context.current.get()
    factor = "" if call is None else call.factor
    acts.login_succeeded(
        id_of(user),
        name=name_of(user),
        method=next((_METHODS[way] for way in ways if way in _METHODS), ""),
        mfa=True if factor else None,
        factors=[*ways, factor] if factor else ways,
        provider=_PROVIDER,
        roles=roles_of(user),
        session=session_id(),
    )


@quiet
def _failed(_: Flask, user: Any, auth_type: Any = "", tfa: Any = False, **__: Any) -> None:
    # The name was not typed but found, and still it is only an attempt.
    name = name_of(itself(user))
    reason = _REASONS.get(str(auth_type), str(auth_type or "refused"))
    if tfa:
        signin.mfa_failed(name=name, factor=auth_type, reason=reason, provider=_PROVIDER)
    else:
        acts.login_failed(name, reason=reason, method=_METHODS.get(str(auth_type), ""), provider=_PROVIDER)


@quiet
def _factor_confirmed(_: Flask, user: Any, method: Any = "", **__: Any) -> None:
    signin.mfa_succeeded(_who(user), factor=method, provider=_PROVIDER)
    call = context.current.get()
    if call is not None:
        call.factor = str(method)  # the sign-in that follows does not say so again


@quiet
def _password_changed(_: Flask, user: Any, **__: Any) -> None:
    signin.password_changed(_who(user))


@quiet
def _password_reset(_: Flask, user: Any, **__: Any) -> None:
    signin.password_changed(_who(user), reason="reset")


def _sent(purpose: str) -> Any:
    """Something was sent that lets its reader in."""

    @quiet
    def sent(_: Flask, user: Any = None, token: Any = "", login_token: Any = "", **__: Any) -> None:
        signin.token_created(
            _who(user), token=token or login_token, method="link", scopes=[purpose], provider=_PROVIDER
        )

    return sent


def _code_sent(purpose: str) -> Any:
    @quiet
    def sent(_: Flask, user: Any = None, method: Any = "", **__: Any) -> None:
        # A code of six digits is found by trying: not even its hash is kept.
        signin.token_created(
            _who(user), method="code", scopes=[purpose], provider=_PROVIDER, details={"by": method}
        )

    return sent


def _act(action: str, *attributes: str) -> Any:
    """Something of a user was changed, by themselves or by who acts."""

    @quiet
    def told(_: Flask, user: Any = None, method: Any = None, methods: Any = None, **__: Any) -> None:
        note_user()
        found = {"attributes": attributes, "methods": methods or method}
        details = {name: value for name, value in found.items() if value}
        acts.audit(action, target=("user", _who(user)), details=details or None)

    return told


@quiet
def _refresh_created(_: Flask, user: Any = None, **__: Any) -> None:
    signin.token_created(_who(user), method="refresh_token", provider=_PROVIDER)


@quiet
def _refresh_revoked(_: Flask, user: Any = None, **__: Any) -> None:
    signin.token_revoked(_who(user), method="refresh_token", provider=_PROVIDER)


@quiet
def _unauthenticated(_: Flask, **__: Any) -> None:
    asked_to_sign_in("no_session")


_LISTENERS: Final = {
    "user_authenticated": _authenticated,
    "user_unauthenticated": _unauthenticated,
    "user_failed_authn": _failed,
    "user_registered": _act("user_created"),
    "user_confirmed": _act("user_updated", "confirmed"),
    "change_email_confirmed": _act("user_updated", "email"),
    "username_changed": _act("user_updated", "username"),
    "password_changed": _password_changed,
    "password_reset": _password_reset,
    "reset_password_instructions_sent": _sent("password_reset"),
    "login_instructions_sent": _sent("login"),
    "confirm_instructions_sent": _sent("confirmation"),
    "change_email_instructions_sent": _sent("email_change"),
    "tf_code_confirmed": _factor_confirmed,
    "tf_profile_changed": _act("user.mfa.update"),
    "tf_disabled": _act("user.mfa.disable"),
    "us_profile_changed": _act("user.mfa.update"),
    "wan_registered": _act("user.passkey.add"),
    "wan_deleted": _act("user.passkey.remove"),
    "tf_security_token_sent": _code_sent("mfa"),
    "us_security_token_sent": _code_sent("login"),
    "refresh_tracker_created": _refresh_created,
    "refresh_tracker_revoked": _refresh_revoked,
}
