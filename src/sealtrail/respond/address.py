"""What may be blocked, and what never. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Final

from sealtrail.errors import UsageError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# Whoever gets IPv6 gets at least this much of it: single addresses are free to an attacker.
V6_PREFIX: Final = 64


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """CIDRs or addresses, as settings give them. Raises UsageError."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text.strip(), strict=False))
        except ValueError:
            raise UsageError(
                "usage.setting",
                f"`{text}` is not an address or network",
                hint="Write 192.0.2.1 or 192.0.2.0/24.",
            ) from None
    return tuple(found)


def parse(text: str) -> Network | None:
    """The network a text names: an IPv4 address, an IPv6 address, or an IPv6 /64. None for anything else."""
    if len(text) > 60 or "%" in text:
        return None
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    if isinstance(network, ipaddress.IPv4Network):
        return network if network.prefixlen == 32 else None
    if network.prefixlen == 128:
        mapped = network.network_address.ipv4_mapped
        return network if mapped is None else ipaddress.ip_network(mapped)
    return network if network.prefixlen == V6_PREFIX else None


def is_ours(network: Network) -> bool:
    """True for what cannot be a client from outside: loopback, multicast, link-local, reserved."""
    address = network.network_address
    return (
        address.is_loopback
        or address.is_unspecified
        or address.is_multicast
        or address.is_link_local
        or (address.version == 4 and address.is_reserved)
    )


def within(network: Network, others: Iterable[Network]) -> bool:
    """True where the two have an address in common."""
    return any(network.version == one.version and network.overlaps(one) for one in others)


def widened(network: Network, spared: Iterable[Network]) -> Network:
    """The /64 around an IPv6 address, unless that holds somebody who must not be blocked."""
    if not isinstance(network, ipaddress.IPv6Network) or network.prefixlen <= V6_PREFIX:
        return network
    wide = network.supernet(new_prefix=V6_PREFIX)
    return network if within(wide, spared) else wide


def shown(network: Network) -> str:
    """An address without its prefix, an IPv6 /64 with it."""
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)
