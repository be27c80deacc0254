"""Whether anything outside this host could contradict a rewritten trail, and the cheapest ways to have it."""

from __future__ import annotations

import socket
from typing import Final

from sealtrail.serve.anchoring import Anchors
from sealtrail.serve.reading import Reading

ALONE: Final = (
    "anchored only by what leaves this host: everybody who records is on it, and no anchor, witness or "
    "timestamp is set up. Whoever holds it, and the key, could rewrite everything unseen"
)
WAYS: Final = (
    "The cheapest ways: `sealtrail serve --anchor-to FOLDER|URL` keeps a copy of each checkpoint elsewhere, "
    "a timestamp authority ([ledger] timestamp-url) or a witness (`sealtrail witness add`) vouches for them. "
    "See docs/how-to/anchor.md."
)
DAYS: Final = 30  # in which a client on another machine has sent: `sealtrail ship` keeps what is signed there
MAX_HOSTS: Final = 100  # names of hosts that are looked at


def alone(reading: Reading, anchors: Anchors) -> tuple[str, str]:
    """What is wrong with it and what to do, or empty twice where something else would contradict."""
    return ("", "") if anchors.places or others(reading) else (ALONE, WAYS)


def others(reading: Reading) -> list[str]:
    """Other hosts that have sent with a key of late: `sealtrail ship` there holds us to what we signed."""
    here = socket.gethostname()
    rows = reading.count_by("sealtrail.source:key*", "host.name", f"{DAYS}d", "", MAX_HOSTS)
    return sorted(str(host) for host, _ in rows if host and host != here)
