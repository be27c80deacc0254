"""Tokens that PyJWT refuses: `decode` in the place of `jwt.decode`, or `observing` around a call of your own.

A token that is good is no event: the request that carries it says all. One that is not is an event of its
own, with the reason, and PyJWT's exception passes as it was.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import jwt
from jwt import exceptions

from sealtrail.capture import signin
from sealtrail.capture.here import Here, secret_text
from sealtrail.capture.pseudonym import Pseudonyms

_MAX_TOKEN: Final = 16_384

# The name of PyJWT's class, so that one which a version does not have is no matter; the nearest counts.
_REASONS: Final = {
    "ExpiredSignatureError": "expired",
    "ImmatureSignatureError": "not_yet_valid",
    "InvalidSignatureError": "bad_signature",
    "InvalidAudienceError": "wrong_audience",
    "InvalidIssuerError": "wrong_issuer",
    "InvalidSubjectError": "wrong_subject",
    "InvalidIssuedAtError": "malformed",
    "InvalidJTIError": "malformed",
    "InvalidAlgorithmError": "wrong_algorithm",
    "MissingRequiredClaimError": "missing_claim",
    "InvalidKeyError": "bad_key",
    "PyJWKClientConnectionError": "keys_unreachable",
    "PyJWKClientError": "unknown_key",
    "PyJWKSetError": "bad_key",
    "MissingCryptographyError": "bad_key",
    "PyJWKError": "bad_key",
    "DecodeError": "malformed",
    "InvalidTokenError": "refused",
    "PyJWTError": "refused",
}
# Whose fault is ours and not the client's: the token may be good.
_OURS: Final = frozenset({"bad_key", "keys_unreachable"})


def decode(token: str | bytes, *arguments: Any, **options: Any) -> Any:
    """What `jwt.decode` returns for these arguments, or raises; then why is recorded first."""
    with observing(token):
        return jwt.decode(token, *arguments, **options)


@contextmanager
def observing(token: str | bytes) -> Iterator[None]:
    """Around a call that decodes `token`: what PyJWT raises within is recorded, and passes."""
    try:
        yield
    except exceptions.PyJWTError as error:
        refused(token, error)
        raise


def refused(token: str | bytes, error: BaseException) -> bool:
    """Record that PyJWT raised `error` for `token`, for who catches it elsewhere.

    `event.reason` is of our vocabulary; keyed hashes are kept of the token and of its `sub` and `jti`, `iss`
    and `alg` as they are: all of them as the token says, which nobody vouches for. Returns whether the event
    is in the spool; never raises.
    """
    try:
        reason = reason_of(error)
        text = secret_text(token.decode("latin-1") if isinstance(token, bytes) else token)
        details = _claims(text, Here().recorder.pseudonyms)
        if isinstance(error, exceptions.MissingRequiredClaimError):
            details["missing"] = error.claim
        if reason in _OURS:
            details["fault"] = "verifier"
        return signin.told(
            "authn_token_fail",
            "failure",
            reason=reason,
            method="jwt",
            token=text,
            details=details or None,
        )
    except Exception:  # recording is never the application's problem
        return Here().failed()


def reason_of(error: BaseException) -> str:
    """Our word for what PyJWT raised; `refused` for what is none of its classes."""
    return next(
        (_REASONS[kind.__name__] for kind in type(error).__mro__ if kind.__name__ in _REASONS), "refused"
    )


def _claims(token: str, pseudonyms: Pseudonyms) -> dict[str, Any]:
    """What a token says of itself, not verified and therefore nobody's word."""
    parts = token[:_MAX_TOKEN].split(".")
    if len(parts) != 3:
        return {}
    header, payload = _part(parts[0]), _part(parts[1])
    found: dict[str, Any] = {}
    for name, value in (("alg", header.get("alg")), ("iss", payload.get("iss"))):
        if isinstance(value, str):
            found[name] = value[:256]
    for name in ("sub", "jti"):
        value = payload.get(name)
        if isinstance(value, str | int) and value != "":
            found[f"{name}_hash"] = pseudonyms.of(name, str(value)[:1024])
    return found


def _part(text: str) -> dict[str, Any]:
    try:
        part = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return part if isinstance(part, dict) else {}
