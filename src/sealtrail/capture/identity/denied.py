"""An answer of 401 or 403 is an event of its own: what was presented, and why it was not good.

Nothing is told twice: where the application, or its framework, has said that somebody could not sign in,
that is all. What comes without any credential is told once a minute for each client, the same credential as
well, and no client is told of more than a thousand times a minute: the requests are all recorded.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sealtrail.capture.audit import acts
from sealtrail.capture.context import ANONYMOUS
from sealtrail.capture.exchange import Exchange
from sealtrail.capture.identity import signin
from sealtrail.capture.identity.schemes import api_key, schemes_of
from sealtrail.capture.identity.sparing import told_by

_MAX_CHALLENGE: Final = 2048
_MAX_BASIC: Final = 2048
_ERROR: Final = re.compile(r'\berror\s*=\s*"?([A-Za-z0-9_.-]{1,64})')
_NAMED: Final = frozenset({"basic", "bearer", "digest", "token"})
_SCHEME: Final = re.compile(r"[a-z][a-z0-9-]{0,31}", re.ASCII)


class Said(NamedTuple):
    """What a framework says of its refusal: why, by which class, and whether a credential was presented."""

    reason: str = ""
    by: str = ""
    presented: bool = False


NOTHING_SAID: Final = Said()


def tell(
    call: Exchange,
    status: int,
    challenge: str,
    scope: Mapping[str, Any] | None = None,
    *,
    is_said: bool = True,
    said: Said | None = None,
) -> None:
    """Record why a request was refused. `challenge` is the answer's WWW-Authenticate. Never raises.

    `is_said`: False where the status is not the application's word, but how a server puts a refusal.
    """
    if status not in {401, 403} or call.told_of_failure:
        return
    try:
        _tell(call, status, challenge[:_MAX_CHALLENGE], scope or {}, is_said, said or NOTHING_SAID)
    except Exception:  # the application's answer matters more than our record of it
        call.recorder.failed()


def _tell(
    call: Exchange, status: int, challenge: str, scope: Mapping[str, Any], is_said: bool, said: Said
) -> None:
    schemes = schemes_of(scope)
    kinds = [scheme.kind for scheme in schemes]
    head = call.head
    key = head.api_key or api_key(scope, schemes)
    named, _, credential = head.authorization.partition(" ")
    bare = not credential.strip() and named.lower() in _NAMED  # the name of a scheme, and nothing after it
    presented = bool(key or (head.authorization and not bare)) or said.presented
    scheme, digest = call.credential()
    if key and not head.authorization:
        scheme, digest = "api-key", call.recorder.pseudonyms.of_token(key)
    error = _ERROR.search(challenge)
    reason = error.group(1) if error else said.reason
    if status == 403 and ((presented and is_said) or call.acting().user_id != ANONYMOUS):
        _unauthorised(call, reason, said.by)
    elif presented and (status == 401 or not is_said):
        _refused(call, scheme, digest, reason, key, said.by)
    elif status == 401 or kinds or "auth" in scope:
        asked = next((kind for kind in kinds if kind != "password"), "")
        asked = asked or challenge.partition(" ")[0].strip(",").lower() or (named.lower() if bare else "")
        if "password" in kinds:
            _each_told(call, "authn_login_fail", reason or "refused", method="password")
        else:
            known = bool(asked or "auth" in scope)
            _missing(call, asked, reason or ("no_credentials" if known else "refused"), said.by)


def _refused(call: Exchange, scheme: str, digest: str, reason: str, key: str, by: str) -> None:
    reason = reason or "refused"
    untold = told_by(call.recorder).once.due((call.client_ip, digest, reason))
    if untold is None:
        return
    credential = call.head.authorization.partition(" ")[2].strip() or call.head.authorization or key
    given: dict[str, Any] = {"scheme": scheme, "attempts": untold or None, "provider": by}
    if scheme == "basic":
        name = _basic_name(credential)
        _each_told(call, "authn_login_fail", reason, method="password", name=name, **given)
        return
    method = "api_key" if scheme == "api-key" else "jwt" if credential.count(".") == 2 else ""
    _each_told(call, "authn_token_fail", reason, method=method, token=credential, **given)


def _missing(call: Exchange, scheme: str, reason: str, by: str) -> None:
    untold = told_by(call.recorder).once.due((call.client_ip, scheme, reason))
    if untold is not None:
        scheme = scheme if not scheme or _SCHEME.fullmatch(scheme) else "other"
        signin.told(
            "authn_required", "failure", reason=reason, scheme=scheme, attempts=untold or None, provider=by
        )


def _each_told(call: Exchange, action: str, reason: str, **given: Any) -> None:
    if told_by(call.recorder).each.due(call.client_ip) is not None:
        signin.told(action, "failure", reason=reason, **given)


def _unauthorised(call: Exchange, reason: str, by: str) -> None:
    """Somebody who is known may not do this."""
    actor = call.acting()
    untold = told_by(call.recorder).once.due(
        (call.client_ip, actor.user_id, call.head.method, call.head.path)
    )
    if untold is not None and told_by(call.recorder).each.due(call.client_ip) is not None:
        details = {name: value for name, value in (("untold", untold), ("by", by)) if value}
        acts.audit(
            "authz_fail",
            outcome="failure",
            reason=reason or "forbidden",
            decision="deny",
            target=call.object[:2] if call.object[1] else None,
            details=details or None,
        )


def _basic_name(credential: str) -> str:
    try:
        pair = b64decode(credential[:_MAX_BASIC], validate=True)
    except (binascii.Error, ValueError):
        return ""
    name, colon, _ = pair.partition(b":")
    return name.decode("utf-8", "replace") if colon else ""


def challenge_of(headers: Any) -> str:
    """WWW-Authenticate of an answer's headers, as texts or as bytes; empty where there is none."""
    found = []
    for name, value in headers:
        if len(name) == 16 and name.lower() in {"www-authenticate", b"www-authenticate"}:
            found.append(value if isinstance(value, str) else value.decode("latin-1"))
    return ", ".join(found)
