"""Sign-ins as Flask-Login tells of them, and who is signed in, without a query of our own.

Flask-Login has no signal for a login that failed: that is the application's to tell, by `login_failed`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from flask import Flask, g, session

from sealtrail.capture import context
from sealtrail.capture.audit import acts
from sealtrail.capture.context import NOBODY, described
from sealtrail.capture.identity import signin
from sealtrail.capture.identity.sessions import session_created, session_renewed
from sealtrail.capture.identity.sparing import told_by
from sealtrail.capture.recorder import default
from sealtrail.flask.user import id_of, name_of, roles_of, signed_in

_FLASK_SECURITY: Final = "flask_security.utils"
_MAX_FRAMES: Final = 16


def quiet(listener: Callable[..., None]) -> Callable[..., None]:
    """A listener whose faults stay ours: blinker hands them on to whoever signs in."""

    @wraps(listener)
    def listening(app: Any, **given: Any) -> None:
        try:
            listener(app, **given)
        except Exception:
            call = context.current.get()
            (default() if call is None else call.recorder).failed()

    return listening


def listen(app: Flask) -> None:
    """Connect to what Flask-Login tells, if the application has it."""
    module = sys.modules.get("flask_login.signals")
    if module is not None:
        for name, listener in _LISTENERS.items():
            getattr(module, name).connect(listener, app)


def note_user() -> None:
    """Say who is signed in, if the application has looked."""
    call = context.current.get()
    if call is None or call.actor is not NOBODY:
        return
    user = g.get("_login_user")
    if user is not None and user.is_authenticated is True:
        call.actor = described(
            call.marks, id_of(user), user_name=name_of(user), roles=roles_of(user), tenant=""
        )


def session_id() -> str:
    """The id of a session that is kept on the server; empty for one that is all in its cookie."""
    return str(getattr(session, "sid", None) or "")


def asked_to_sign_in(reason: str, action: str = "authn_required", user: Any = None) -> None:
    """Somebody was sent to sign in first. Once a minute for each client, because anybody can have it so."""
    call = context.current.get()
    client = "" if call is None else call.client_ip
    recorder = default() if call is None else call.recorder
    untold = told_by(recorder).once.due((action, reason, client))
    if untold is None:
        if call is not None:
            call.told_of_failure = True
        return
    signin.told(
        action,
        "failure",
        user_id=None if user is None else id_of(user),
        reason=reason,
        method="session",
        session=session_id(),
        attempts=untold or None,
    )


def _is_flask_securitys() -> bool:
    """Whether it is Flask-Security that signs in here. It tells of that itself, and says more."""
    frame = sys._getframe(1)  # noqa: SLF001 - once a sign-in
    for _ in range(_MAX_FRAMES):
        if frame.f_globals.get("__name__") == _FLASK_SECURITY:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False


@quiet
def _logged_in(_: Flask, user: Any, **__: Any) -> None:
    user = signed_in(user)
    if user is not None and not _is_flask_securitys():
        acts.login_succeeded(
            id_of(user),
            name=name_of(user),
            provider="flask_login",
            roles=roles_of(user),
            session=session_id(),
        )


@quiet
def _logged_out(_: Flask, user: Any, **__: Any) -> None:
    user = signed_in(user)
    if user is not None:
        note_user()  # while Flask-Login still knows: the request is theirs
        acts.logged_out(id_of(user), name=name_of(user), session=session_id())


@quiet
def _remembered(_: Flask, user: Any, **__: Any) -> None:
    user = signed_in(user)
    if user is not None:
        session_created(id_of(user), session=session_id(), method="remember_cookie")


@quiet
def _confirmed(_: Flask, **__: Any) -> None:
    note_user()
    session_renewed(session=session_id(), reason="login_confirmed")


@quiet
def _unauthorized(_: Flask, **__: Any) -> None:
    asked_to_sign_in("no_session")


@quiet
def _needs_refresh(_: Flask, **__: Any) -> None:
    note_user()
    asked_to_sign_in("not_fresh")


@quiet
def _protected(_: Flask, **__: Any) -> None:
    """A session came from another address or program than it was made for."""
    if "_id" not in session and session.get("_remember") != "clear":
        # Nobody's yet, or made of a remember cookie: Flask-Login has nothing to compare with, and signals all
        # the same. In its strong mode it has removed what it compared, and put that word there.
        return
    asked_to_sign_in("another_client", "session_protected")


_LISTENERS: Final = {
    "user_logged_in": _logged_in,
    "user_logged_out": _logged_out,
    "user_loaded_from_cookie": _remembered,
    "user_login_confirmed": _confirmed,
    "user_unauthorized": _unauthorized,
    "user_needs_refresh": _needs_refresh,
    "session_protected": _protected,
}
