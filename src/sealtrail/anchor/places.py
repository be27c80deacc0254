"""Where copies of checkpoints are kept: a folder, or an address that they are sent to. Pure.

An address may hold a secret, in front of the host or behind the path: `name` is what is shown of it.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NoReturn
from urllib.parse import quote, unquote, urlsplit

import msgspec

from sealtrail.errors import UsageError

# What is put in place of these makes an address of its own for each checkpoint.
HOLDERS: Final = ("{origin}", "{trail}", "{size}")
SIZE_DIGITS: Final = 19  # of a size within an address or a name: they sort as they grow

_HOST: Final = re.compile(r"[A-Za-z0-9._:-]{1,253}", re.ASCII)
_TARGET: Final = re.compile(r"[!-~]*", re.ASCII)


class Address(msgspec.Struct, frozen=True):
    """An address. `target` is path and query, with holders; `credentials` is NAME:PASSWORD or empty."""

    tls: bool
    host: str
    port: int | None
    target: str
    credentials: str
    name: str

    @property
    def is_each_its_own(self) -> bool:
        """Whether each checkpoint has an address of its own: it is put there, not posted."""
        return any(holder in self.target for holder in HOLDERS)

    def filled(self, values: Mapping[str, str]) -> str:
        """The target of one checkpoint."""
        target = self.target
        for name, value in values.items():
            target = target.replace(f"{{{name}}}", quote(value, safe="/"))
        return target


class Place(msgspec.Struct, frozen=True):
    """One place: `folder` is a path, empty where there is an `address`. `id` names its state."""

    name: str
    id: str
    folder: str = ""
    address: Address | None = None

    @property
    def is_secret(self) -> bool:
        """Whether the address holds what only its owner may know."""
        one = self.address
        return one is not None and bool(one.credentials or "?" in one.target)


def place(text: str) -> Place:
    """What `--anchor-to` names. Raises UsageError."""
    identity = sha256(text.encode()).hexdigest()[:16]
    if "://" in text:
        found = address(text, "--anchor-to")
        return Place(found.name, identity, address=found)
    if not text or "\0" in text:
        raise UsageError("usage.argument", "--anchor-to is a folder, or an address that begins with https://")
    return Place(text, identity, folder=text)


def address(text: str, option: str, *, plain: bool = False) -> Address:
    """An http address; https, unless it means this machine or may be `plain`. Raises UsageError.

    The error does not show it.
    """
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        _unusable(option, "it is not a URL")
    host = parts.hostname or ""
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme not in ("http", "https") or _HOST.fullmatch(host) is None:
        _unusable(option, "it has to begin with https:// and name a host")
    # The standard library drops line ends from a URL: who wrote some meant something else.
    if parts.fragment or _TARGET.fullmatch(target) is None or not text.isprintable():
        _unusable(option, "behind the host there may be a path and a query of plain characters")
    if parts.scheme == "http" and not plain and not _is_here(host):
        _unusable(option, "over plain http anybody between could change it: only https leaves this machine")
    credentials = ""
    if parts.username is not None or parts.password is not None:
        credentials = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    shown = f"[{host}]" if ":" in host else host
    name = f"{parts.scheme}://{shown}" + (f":{port}" if port is not None else "") + (parts.path or "/")
    return Address(parts.scheme == "https", host, port, target, credentials, name)


def parts_of(origin: str) -> tuple[str, ...]:
    """An origin as names of folders and of a file: no part of it leads out of where they are put."""
    parts = (quote(part, safe=" ") for part in origin.split("/"))
    return tuple(f"%2E{part[1:]}" if part.startswith(".") else part or "%" for part in parts)


def _is_here(host: str) -> bool:
    """Whether a name can only mean this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _unusable(option: str, why: str) -> NoReturn:
    # The address is not repeated: it may hold what should not be shown.
    raise UsageError(
        "usage.argument", f"the address of {option} cannot be used: {why}", hint="See docs/how-to/anchor.md."
    )
