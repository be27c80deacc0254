"""Who is calling: the peer of the connection, or what trusted proxies say of it.

The left-most entry of X-Forwarded-For is whatever the client wrote. What can be believed is read from the
right: each trusted proxy vouches for the hop before it, and the first that is not trusted is the client.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final

from sealtrail.errors import UsageError

# Longer chains are made up, and the end that can be believed is the right one.
_MAX_HOPS: Final = 32
_MAX_HEADER: Final = 4096
_MAX_KNOWN: Final = 4096
_MAX_KNOWN_HEADER: Final = 256

# The peer of a connection over a Unix socket, trusted by the word "unix" among the proxies.
UNIX: Final = "unix"

_FOR: Final = re.compile(r"(?:^|;)\s*for\s*=\s*(\"[^\"]*\"|[^;\"\s]*)", re.IGNORECASE | re.ASCII)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def parse(text: str) -> Address | None:
    """An address as proxies write it: with a port, in brackets, IPv4 within IPv6. None for anything else."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


class Addresses:
    """Resolves client addresses. `trusted`: CIDRs of proxies, or `unix`. Raises UsageError for others."""

    def __init__(self, trusted: Iterable[str] = ()) -> None:
        self._networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = []
        self._unix = False
        for text in trusted:
            if text == UNIX:
                self._unix = True
                continue
            try:
                self._networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise UsageError(
                    "usage.setting",
                    f"{text!r} is not an address range of proxies",
                    hint="SEALTRAIL_TRUSTED_PROXIES takes CIDRs, such as 10.0.0.0/8, and the word unix.",
                ) from None
        self._known: dict[tuple[str, str, str], tuple[str, str]] = {}

    def resolve(self, peer: str, x_forwarded_for: str = "", forwarded: str = "") -> tuple[str, str]:
        """(client, peer) as normalised addresses; empty where there is none, as on a Unix socket."""
        key = (peer, x_forwarded_for, forwarded)
        found = self._known.get(key)
        if found is None:
            found = self._resolve(*key)
            # Headers come from clients, so what is remembered is bounded in number and size.
            if len(x_forwarded_for) + len(forwarded) + len(peer) <= _MAX_KNOWN_HEADER:
                if len(self._known) >= _MAX_KNOWN:
                    self._known.clear()
                self._known[key] = found
        return found

    def trusts(self, peer: str) -> bool:
        address = parse(peer)
        return self._unix if address is None else self._is_trusted(address)

    def _resolve(self, peer: str, x_forwarded_for: str, forwarded: str) -> tuple[str, str]:
        address = parse(peer)
        shown = "" if address is None else str(address)
        if not self.trusts(peer):
            return shown, shown
        client = shown
        # X-Forwarded-For wins: a proxy that appends to it leaves a forged Forwarded as it came.
        hops = _hops(x_forwarded_for) if x_forwarded_for else _forwarded_hops(forwarded)
        for hop in hops:
            found = parse(hop)
            if found is None:
                break
            client = str(found)
            if not self._is_trusted(found):
                break
        return client, shown

    def _is_trusted(self, address: Address) -> bool:
        return any(address in network for network in self._networks)


def _hops(header: str) -> list[str]:
    """Entries from right to left; a cut at the left end leaves what can be believed."""
    return header[-_MAX_HEADER:].split(",")[::-1][:_MAX_HOPS]


def _forwarded_hops(header: str) -> list[str]:
    hops: list[str] = []
    for element in _hops(header):
        match = _FOR.search(element)
        hops.append(match[1].strip('"') if match is not None else "")
    return hops
