"""What a JSON web token says of itself: who issued it, to whom, for what and until when.

Nothing here verifies it: it is the client's word, unless the application has said that it is good. Subject,
client and id are kept as keyed hashes, and of the token itself nothing.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sealtrail.capture.ids import written
from sealtrail.capture.pseudonym import Pseudonyms

MAX_TOKEN: Final = 16_384  # characters of a token that is read

_MAX_VALUE: Final = 1024  # characters of a claim
_MAX_SCOPES: Final = 32
_LAST_SECOND: Final = 253_402_300_799  # of the year 9999
# Where OpenID Connect, OAuth and their providers name the client.
_CLIENT: Final = ("client_id", "azp", "cid", "appid")


class Claims(NamedTuple):
    """What is kept of a token. Empty is what it does not say; `expires` is written as times are."""

    issuer: str = ""
    audience: tuple[str, ...] = ()
    subject_hash: str = ""
    id_hash: str = ""
    client_hash: str = ""
    scopes: tuple[str, ...] = ()
    algorithm: str = ""
    key_id: str = ""
    expires: str = ""


NOTHING: Final = Claims()


def unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and payload of a token, as it says; both empty where it is none."""
    if len(token) > MAX_TOKEN:
        return {}, {}
    parts = token.split(".")
    if len(parts) != 3:
        return {}, {}
    header, payload = map(_part, parts[:2])
    return (header, payload) if header and payload else ({}, {})


def hashed(pseudonyms: Pseudonyms, purpose: str, value: Any) -> str:
    """The keyed hash of a claim; empty where it names nobody."""
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        return ""
    return pseudonyms.of(purpose, str(value)[:_MAX_VALUE])


def claims_of(token: str, pseudonyms: Pseudonyms) -> Claims:
    """What is kept of a token; nothing where it is none."""
    header, payload = unverified(token)
    if not payload:
        return NOTHING
    client = next((payload[name] for name in _CLIENT if payload.get(name)), None)
    return Claims(
        _text(payload.get("iss")),
        _texts(payload.get("aud")),
        hashed(pseudonyms, "sub", payload.get("sub")),
        hashed(pseudonyms, "jti", payload.get("jti")),
        hashed(pseudonyms, "client", client),
        _scopes(payload),
        _text(header.get("alg")),
        _text(header.get("kid")),
        _time(payload.get("exp")),
    )


def _part(text: str) -> dict[str, Any]:
    try:
        part = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError):
        return {}
    return part if isinstance(part, dict) else {}


def _scopes(payload: Mapping[str, Any]) -> tuple[str, ...]:
    """As RFC 8693 has them, in one text, or as some providers do, in a list."""
    value = payload.get("scope") or payload.get("scp")
    return tuple(value[: 64 * _MAX_SCOPES].split()[:_MAX_SCOPES]) if isinstance(value, str) else _texts(value)


def _texts(value: Any) -> tuple[str, ...]:
    values = value[:_MAX_SCOPES] if isinstance(value, list) else [value]
    return tuple(filter(None, map(_text, values)))


def _text(value: Any) -> str:
    return value[:_MAX_VALUE] if isinstance(value, str) else ""


def _time(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LAST_SECOND:
        return ""
    return written(float(value))
