"""How the server is reached from outside: the address that stands in links, and the proxies before it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from sealtrail.capture.address import Addresses
from sealtrail.errors import UsageError
from sealtrail.settings import HttpSettings


def own_url(host: str, port: int) -> str:
    """Where a browser of this machine finds what listens on a host; every address is also loopback."""
    try:
        address = ip_address(host)
    except ValueError:
        host = host or "127.0.0.1"
    else:
        if address.is_unspecified:
            host = "127.0.0.1" if address.version == 4 else "::1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def public_url(settings: HttpSettings) -> str:
    """Where everybody finds it, without a slash at the end; empty where it is not set. Raises UsageError."""
    text = settings.public_url.removesuffix("/")
    if text and not _is_server(text):
        raise UsageError(
            "usage.setting",
            f"public-url is no address of a server: {settings.public_url[:200]!r}",
            hint="Such as https://trail.example.org, without a path: the console has its own.",
        )
    return text


def _is_server(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port  # read, and refused, only now
    except ValueError:
        return False
    whole = parts.scheme in {"http", "https"} and text == f"{parts.scheme}://{parts.netloc}"
    plain = text.isascii() and text.isprintable() and "@" not in text and " " not in text
    return whole and plain and bool(parts.hostname) and port != 0


def proxies(settings: HttpSettings) -> Addresses:
    """Whose word is taken for who asks. Raises UsageError."""
    try:
        return Addresses(settings.trusted_proxies)
    except UsageError as error:
        raise UsageError(
            error.code, error.what, hint="trusted-proxies takes a list of CIDRs, such as 10.0.0.0/8."
        ) from None
