"""Who answered: the address, and what TLS says of the server. Taken once for a connection."""

from __future__ import annotations

import ssl
from hashlib import sha256
from typing import Any, NamedTuple

_ATTRIBUTES = {
    "commonName": "CN",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "localityName": "L",
    "stateOrProvinceName": "ST",
    "countryName": "C",
}
_MAX_NAME = 512  # characters of a subject, which whoever signs certificates may choose


class Peer(NamedTuple):
    """The other end of a connection. Subject, issuer and end are known of verified certificates alone:
    the standard library reads no others. `verified` is None without TLS.
    """

    ip: str = ""
    version: str = ""
    cipher: str = ""
    subject: str = ""
    issuer: str = ""
    not_after: str = ""
    sha256: str = ""
    verified: bool | None = None


NOBODY = Peer()


def peer_of(ip: str, tls: Any, *, verified: bool | None = None) -> Peer:
    """What a socket or object of the standard library's `ssl` says; `tls` None for a plain connection."""
    if tls is None or not callable(getattr(tls, "getpeercert", None)):
        return Peer(ip)
    told: dict[str, Any] = tls.getpeercert() or {}
    raw = tls.getpeercert(True)
    cipher = tls.cipher()
    if verified is None:
        context = getattr(tls, "context", None)
        verified = context is not None and context.verify_mode == ssl.CERT_REQUIRED
    return Peer(
        ip,
        (tls.version() or "").removeprefix("TLSv"),
        cipher[0] if cipher else "",
        _name(told.get("subject")),
        _name(told.get("issuer")),
        _moment(told.get("notAfter")),
        sha256(raw).hexdigest() if raw else "",
        verified,
    )


def _name(parts: Any) -> str:
    """A distinguished name as RFC 4514 writes it, but for escapes: it is read, not parsed."""
    pairs = [pair for part in parts or () for pair in part]
    return ",".join(f"{_ATTRIBUTES.get(key, key)}={value}" for key, value in reversed(pairs))[:_MAX_NAME]


def _moment(text: Any) -> str:
    """`Nov 24 08:00:00 2026 GMT` as events say it; empty where it is not that."""
    if not isinstance(text, str):
        return ""
    try:
        seconds = ssl.cert_time_to_seconds(text)
    except ValueError:
        return ""
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
