"""Who is signed in at a Quart application, and who came in and went out by quart-auth: both tell nobody.

It is asked when the answer is made, and nothing is looked up that the application has not.
"""

from __future__ import annotations

from typing import Any, Final

from sealtrail.capture import context
from sealtrail.capture.audit import acts
from sealtrail.capture.context import NOBODY, Call
from sealtrail.capture.identity.person import note
from sealtrail.capture.identity.session_cookie import session_hash
from sealtrail.capture.identity.sessions import session_renewed

_PROVIDER: Final = "quart_auth"
# Where tutorials, and extensions that follow them, put the user; and the key of a session for its id.
_USERS: Final = ("user", "current_user")
_KEYS: Final = ("user_id", "_user_id")


def note_signed_in(app: Any, g: Any, session: Any, asked: Any) -> None:
    """Take note of the user of a request that has been answered; `asked` is Quart's request or websocket."""
    call = context.current.get()
    if call is None:
        return
    try:
        sign_ins = call.recorder.sign_ins
        known = vars(g._get_current_object())  # noqa: SLF001 - Werkzeug's name for what a proxy stands for
        for extension in app.extensions.get("QUART_AUTH", ()):
            user = known.get(extension.attribute_name)
            if user is not None:
                _of_quart_auth(call, extension, user)
        if "session" in sign_ins:
            cookies = asked.headers.get("cookie")
            if cookies:
                name = app.config["SESSION_COOKIE_NAME"]
                call.session_hash = session_hash(call.recorder.pseudonyms, cookies, name)
        if "user" in sign_ins and call.actor is NOBODY:
            for name in _USERS:
                note(known.get(name))
            content = session._get_current_object()  # noqa: SLF001 - as above
            if call.actor is NOBODY and isinstance(content, dict):
                # Past the session's own methods, which would have the answer vary by the cookie.
                note(next((found for key in _KEYS if (found := dict.get(content, key))), None))
    except Exception:  # a version of these that is different inside
        call.recorder.failed()


def _of_quart_auth(call: Call, extension: Any, user: Any) -> None:
    action = user.action.name
    left = action == "DELETE"
    identity = extension.resolve_user().auth_id if left else user.auth_id
    if identity is None:
        return
    if "signals" in call.recorder.sign_ins and action != "PASS":
        if left:
            acts.logged_out(identity)
        elif extension.resolve_user().auth_id == identity:
            session_renewed(identity, reason="renewed")
        else:
            acts.login_succeeded(identity, provider=_PROVIDER)
    if "user" in call.recorder.sign_ins:
        note(identity)
