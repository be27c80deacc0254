"""Sign-ins as Django's signals tell of them, and who is signed in, without a query of our own."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, get_user_model
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.core.signals import got_request_exception
from django.db.models.signals import post_save
from django.utils.functional import LazyObject, empty

from sealtrail.capture import context
from sealtrail.capture.audit import acts
from sealtrail.capture.exchange import class_name
from sealtrail.capture.identity import signin
from sealtrail.capture.identity.sparing import told_by
from sealtrail.capture.recorder import default

_AXES_LIMIT: Final = 3  # its own default


def looked_up(user: Any) -> Any:
    """The user behind a lazy one; None where nobody has asked for it yet."""
    if isinstance(user, LazyObject):
        user = vars(user).get("_wrapped", empty)
    return None if user is empty else user


def name_of(user: Any) -> str:
    """The user's name without a query: a deferred field is left alone."""
    return str(vars(user).get(getattr(user, "USERNAME_FIELD", ""), ""))


def roles_of(user: Any) -> tuple[str, ...]:
    known = vars(user)
    return tuple(name for name in ("superuser", "staff") if known.get(f"is_{name}") is True)


def session_of(request: Any) -> str:
    return str(getattr(getattr(request, "session", None), "session_key", None) or "")


def _quiet(listener: Callable[..., None]) -> Callable[..., None]:
    """A listener whose faults stay ours: Django's signals hand them on to whoever signs in."""

    @wraps(listener)
    def quiet(**given: Any) -> None:
        try:
            listener(**given)
        except Exception:
            default().failed()

    return quiet


@_quiet
def _note_error(**_: Any) -> None:
    """An exception that Django turns into a 500 is still what ended the request."""
    call = context.current.get()
    error = sys.exc_info()[1]
    if call is not None and error is not None:
        call.error_type = class_name(error)


def _listens(listener: Callable[..., None]) -> Callable[..., None]:
    """A listener to sign-ins, where the project has not left them out."""

    @wraps(listener)
    def listening(**given: Any) -> None:
        call = context.current.get()
        if "signals" in (default() if call is None else call.recorder).sign_ins:
            listener(**given)

    return _quiet(listening)


@_listens
def _logged_in(request: Any, user: Any, **_: Any) -> None:
    user = looked_up(user)
    backend = str(getattr(user, "backend", None) or request.session.get(BACKEND_SESSION_KEY, ""))
    acts.login_succeeded(
        user.pk,
        name=name_of(user),
        method="password" if backend.endswith(".ModelBackend") else "",
        provider=backend,
        roles=roles_of(user),
        session=session_of(request),
    )


@_listens
def _login_failed(credentials: Mapping[str, Any], request: Any = None, **_: Any) -> None:
    # What else is among them was made unreadable by Django, or may be a secret under a name of its own.
    names = (credentials.get(name) for name in ("username", get_user_model().USERNAME_FIELD))
    acts.login_failed(next(filter(None, names), ""), reason="locked" if _was_locked(request) else "")


def _was_locked(request: Any) -> bool:
    """Whether django-axes has refused an attempt unseen: the one that led to the lock was looked at."""
    if getattr(request, "axes_locked_out", False) is not True:
        return False
    failures = getattr(request, "axes_failures_since_start", None)
    limit = getattr(settings, "AXES_FAILURE_LIMIT", _AXES_LIMIT)
    return failures is None or (isinstance(limit, int) and failures > limit)


@_listens
def _locked_out(request: Any = None, username: Any = "", **_: Any) -> None:
    """django-axes says so of every attempt from then on; it is told once a while."""
    call = context.current.get()
    recorder = default() if call is None else call.recorder
    client = "" if call is None else call.client_ip
    if told_by(recorder).once.due(("locked", str(username), client)) is not None:
        signin.login_locked(
            username or "",
            attempts=getattr(request, "axes_failures_since_start", None),
            details={"by": "django-axes"},
        )


@_listens
def _logged_out(request: Any, user: Any, **_: Any) -> None:
    user = looked_up(user)
    if user is not None:
        acts.logged_out(user.pk, name=name_of(user), session=session_of(request))


def _is_set(user: Any) -> bool:
    return vars(user).get("_password") is not None


@_listens
def _saved(instance: Any, created: bool, raw: bool = False, **_: Any) -> None:
    """A user whose password was set is saved: Django has no signal of its own for it.

    What was set is there until the saving is over. A hash that is only renewed at a sign-in is not.
    """
    if isinstance(instance, get_user_model()) and not created and not raw and _is_set(instance):
        signin.password_changed(instance.pk)


def lock_outs() -> tuple[tuple[Any, Callable[..., None]], ...]:
    """The signal of django-axes, where the project has it."""
    module = sys.modules.get("axes.signals")
    return () if module is None else ((module.user_locked_out, _locked_out),)


LISTENERS: Final = (
    (got_request_exception, _note_error),
    (user_logged_in, _logged_in),
    (user_login_failed, _login_failed),
    (user_logged_out, _logged_out),
    (post_save, _saved),
)
