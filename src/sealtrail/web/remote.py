"""Where a collector elsewhere is, and whether a key may be sent there. Pure.

The key goes to the one host that was named, and over plain http to this machine only, unless somebody
insists. No error shows it.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final, NoReturn
from urllib.parse import urlsplit

import msgspec

from sealtrail.errors import UsageError

_KEY: Final = re.compile(r"[A-Za-z0-9_-]{1,200}", re.ASCII)
_PATH: Final = re.compile(r"[A-Za-z0-9._~/-]*", re.ASCII)
_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)


class Remote(msgspec.Struct, frozen=True):
    """One collector. `base` stands before every path, `name` is what messages call it."""

    host: str
    port: int | None
    tls: bool
    base: str
    name: str


def remote(url: str, key: str, *, insecure: bool = False) -> Remote:
    """Raises UsageError for what is no address, what is no key, and a key that would go in the clear."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        _unusable("it is not a URL")
    host = parts.hostname or ""
    if parts.scheme not in ("http", "https") or _HOST.fullmatch(host) is None:
        _unusable("it has to begin with http:// or https:// and name a host")
    if parts.username is not None or parts.password is not None:
        _unusable("a URL is no place for a key: give it with --key or SEALTRAIL_KEY")
    # The standard library drops line ends from a URL: who wrote some meant something else.
    if parts.query or parts.fragment or _PATH.fullmatch(parts.path) is None or not url.isprintable():
        _unusable("behind the host there may be a plain path, and nothing more")
    if key and _KEY.fullmatch(key) is None:
        raise UsageError("usage.argument", "the key does not have the form of one: st_ID_SECRET")
    if key and parts.scheme == "http" and not insecure and not _is_here(host):
        raise UsageError(
            "remote.insecure",
            f"the key would go to {host} over plain http, readable for everybody between",
            hint="Use https, or a tunnel to 127.0.0.1; --insecure sends it all the same.",
        )
    name = f"{parts.scheme}://{parts.netloc}"
    return Remote(host, port, parts.scheme == "https", parts.path.rstrip("/"), name)


def _is_here(host: str) -> bool:
    """Whether a name can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unusable(why: str) -> NoReturn:
    # The URL is not repeated: it may hold what should not be shown.
    raise UsageError(
        "usage.argument", f"--url cannot be used: {why}", hint="Such as https://seal.example.org."
    )
