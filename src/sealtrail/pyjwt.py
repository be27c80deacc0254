"""Tokens that PyJWT refuses: `decode` in the place of `jwt.decode`, or `observing` around a call of your own.

A token that is good is no event: the request that carries it says all. One that is not is an event of its
own, with the reason, and PyJWT's exception passes as it was.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import jwt
from jwt import exceptions

from sealtrail.capture import context
from sealtrail.capture.audit.here import Here, secret_text
from sealtrail.capture.identity import signin
from sealtrail.capture.pseudonym import Pseudonyms
from sealtrail.capture.watching.claims import hashed, unverified

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
    """What `jwt.decode` returns for these arguments, or raises; then why is recorded first.

    The request that carries a token which was good says so, where it says anything of its claims.
    """
    with observing(token):
        claims = jwt.decode(token, *arguments, **options)
    _vouch(token, arguments, options)
    return claims


@contextmanager
def observing(token: str | bytes) -> Iterator[None]:
    """Around a call that decodes `token`: what PyJWT raises within is recorded, and passes."""
    try:
        yield
    except exceptions.PyJWTError as error:
        refused(token, error)
        raise


def _vouch(token: str | bytes, arguments: tuple[Any, ...], options: dict[str, Any]) -> None:
    """Let the current request know that this token is good. Never raises."""
    call = context.current.get()
    if call is None:
        return
    try:
        chosen = options.get("options") or (arguments[2] if len(arguments) > 2 else None) or {}
        if chosen.get("verify_signature", True):
            text = token.decode("latin-1") if isinstance(token, bytes) else token
            call.good_token = call.recorder.pseudonyms.of_token(text)
    except Exception:  # what the application does with the token matters more
        call.recorder.failed()


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
    header, payload = unverified(token)
    found: dict[str, Any] = {}
    for name, value in (("alg", header.get("alg")), ("iss", payload.get("iss"))):
        if isinstance(value, str):
            found[name] = value[:256]
    for name in ("sub", "jti"):
        digest = hashed(pseudonyms, name, payload.get(name))
        if digest:
            found[f"{name}_hash"] = digest
    return found
