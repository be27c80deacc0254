"""The block list, read where requests arrive: a look at the file at most four times a second, and no thread.

An absent, stale or broken list blocks nobody. Each entry ends by its own clock, so a collector that dies
leaves nothing behind that would have to be undone.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealtrail.spool.layout import BLOCKS_FILE, BLOCKS_MAX_BYTES, BLOCKS_STALE_SECONDS, Block, BlockList
from sealtrail.spool.locks import Lock

LOOK_SECONDS: Final = 0.25  # between two looks at the block list: a block is felt within this time
_V6_HOST_BITS: Final = 64


class Blocks:
    """The list of one spool folder. `absent`, `stale` and `broken` count the times it was no use.

    `also` is called with each look, by whoever wants to see after the folder as often; it raises nothing.
    """

    def __init__(self, folder: Path, also: Callable[[], None] = lambda: None) -> None:
        self._also = also
        self._path = folder / BLOCKS_FILE
        self._lock = Lock()
        self._look_at = 0.0
        self._identity = (0, 0, 0)
        self._written = 0.0
        self._hosts: dict[str, Block] = {}
        self._networks: dict[int, Block] = {}
        self.absent = 0
        self.stale = 0
        self.broken = 0

    def find(self, address: str) -> Block | None:
        """The block in force for a client's address, if there is one."""
        now = time.monotonic()
        if now >= self._look_at:
            self._look(now)
        if not self._hosts and not self._networks:
            return None
        wall = time.time()
        # A list from the future is as wrong as an old one: the clock was set.
        if abs(wall - self._written) > BLOCKS_STALE_SECONDS:
            self.stale += 1
            return None
        block = self._hosts.get(address)
        if block is None and self._networks and ":" in address:
            try:
                block = self._networks.get(int(ipaddress.IPv6Address(address)) >> _V6_HOST_BITS)
            except ValueError:
                return None
        return block if block is not None and wall < block.until else None

    def _look(self, now: float) -> None:
        if not self._lock.acquire(blocking=False):
            return  # another thread is looking; this request goes by what is known
        try:
            self._look_at = now + LOOK_SECONDS
            try:
                status = self._path.stat()
                identity = (status.st_ino, status.st_mtime_ns, status.st_size)
                if identity != self._identity:
                    self._read(identity)
            except (FileNotFoundError, NotADirectoryError):
                self.absent += 1
                self._identity = (0, 0, 0)
                self._forget()
            except (OSError, ValueError):
                self.broken += 1
                self._forget()
        finally:
            self._lock.release()
        self._also()

    def _read(self, identity: tuple[int, int, int]) -> None:
        """Take over the list; raises OSError and ValueError."""
        # Remembered first: a file that cannot be read is not read again until it changes.
        self._identity = identity
        if identity[2] > BLOCKS_MAX_BYTES:
            raise ValueError("the block list is too long")
        descriptor = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            found = BlockList.from_bytes(file.read(BLOCKS_MAX_BYTES))
        hosts: dict[str, Block] = {}
        networks: dict[int, Block] = {}
        for block in found.blocks:
            network = ipaddress.ip_network(block.address)
            if network.num_addresses == 1:
                hosts[str(network.network_address)] = block
            elif isinstance(network, ipaddress.IPv6Network) and network.prefixlen == 128 - _V6_HOST_BITS:
                networks[int(network.network_address) >> _V6_HOST_BITS] = block
            else:
                raise ValueError("the block list holds a range other than an IPv6 /64")
        self._hosts, self._networks, self._written = hosts, networks, found.written

    def _forget(self) -> None:
        self._hosts, self._networks, self._written = {}, {}, 0.0
