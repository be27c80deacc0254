"""What Django REST framework says of a refusal in its response: why, and by which of its classes.

It is not imported: its responses carry the view they are of.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sealtrail.capture.audit import acts
from sealtrail.capture.exchange import Exchange, class_name
from sealtrail.capture.identity import denied
from sealtrail.capture.identity.sparing import told_by

REFUSING: Final = frozenset({401, 403, 429})
# What became of the credential, whatever the status: without a challenge to send the framework says 403.
_OF_A_SIGN_IN: Final = frozenset({"authentication_failed", "not_authenticated"})


class Refusal(NamedTuple):
    """`code` of the error, and the name of the class that refused, or may have."""

    code: str
    provider: str


def refusal_of(response: Any) -> Refusal | None:
    """What a response of the framework's says; None where it is none of its errors."""
    context = getattr(response, "renderer_context", None)
    if not getattr(response, "exception", False) or not isinstance(context, dict):
        return None
    data = response.data
    code = getattr(data.get("detail") if isinstance(data, dict) else None, "code", "")
    return Refusal(str(code or ""), _authenticator(context.get("request")))


def tell(call: Exchange, response: Any) -> bool:
    """Record a refusal with status 401, 403 or 429; False where it is none of the framework's.

    Never raises.
    """
    try:
        refusal = refusal_of(response)
    except Exception:  # its parts are the application's code
        call.recorder.failed()
        return False
    if refusal is None:
        return False
    status = response.status_code
    if status == 429:
        _throttled(call, response, refusal)
        return True
    if refusal.code in _OF_A_SIGN_IN:
        status = 401
    said = denied.Said(
        _REASONS.get(refusal.code, refusal.code), refusal.provider, refusal.code == "authentication_failed"
    )
    denied.tell(call, status, response.headers.get("WWW-Authenticate", ""), said=said)
    return True


_REASONS: Final = {
    "authentication_failed": "refused",
    "not_authenticated": "no_credentials",
    "permission_denied": "forbidden",
}


def _throttled(call: Exchange, response: Any, refusal: Refusal) -> None:
    key = (call.client_ip, call.acting().user_id, call.route)
    untold = told_by(call.recorder).once.due(("throttled", *key))
    if untold is not None and told_by(call.recorder).each.due(call.client_ip) is not None:
        wait = response.headers.get("Retry-After")
        details = {"untold": untold or None, "retry_after": wait, "authenticator": refusal.provider}
        acts.audit(
            "excess_rate_limit_exceeded",
            outcome="failure",
            reason=refusal.code or "throttled",
            decision="deny",
            details={name: value for name, value in details.items() if value},
        )


def _authenticator(request: Any) -> str:
    """The class that has recognised the caller, else the one of the scheme that came, else the only one."""
    found = getattr(request, "_authenticator", None)
    if found is not None:
        return class_name(found)
    classes = list(getattr(request, "authenticators", None) or ())
    scheme = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")[0].lower() if classes else ""
    for each in classes:
        asked = str(each.authenticate_header(request) or "").partition(" ")[0].lower()
        if scheme and asked == scheme:
            return class_name(each)
    return class_name(classes[0]) if len(classes) == 1 else ""
