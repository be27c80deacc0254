"""`state/witnesses.json`: how each witness stands, noted by the collector, shown by commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder


class Standing(msgspec.Struct):
    """One witness: sizes it cosigned last, by trail, and since when and why it fails. Empty: it does not."""

    cosigned: dict[str, int] = {}
    failing_since: str = ""
    why: str = ""
    diverged: list[str] = []  # trails that it has seen another past of, as the record says


class Reach(msgspec.Struct):
    """One trail: entries under its latest quorum, and whether the record says that it lags."""

    witnessed: int = 0
    told: bool = False


class Kept(msgspec.Struct):
    """`state/witnesses.json`. It can be lost: witnesses tell what they cosigned, the ledger what was told."""

    version: int = 1
    time: str = ""
    witnesses: dict[str, Standing] = {}
    trails: dict[str, Reach] = {}


CHECK: Final = "witnesses"


def findings(told: Mapping[str, Any]) -> Iterator[Finding]:
    """What a running server says of its witnesses (`health`), for the doctor."""
    standings = msgspec.convert(told["witnesses"], dict[str, Standing])
    for trail, size in told["unwitnessed"].items():
        todo = "See why each witness fails. What was recorded since could be rewritten unseen until then."
        yield fail(CHECK, f"{trail} is unwitnessed since {size:,}", todo)
    for name, one in standings.items():
        what = f"witness {name} fails since {one.failing_since}: {one.why}"
        if one.diverged:
            yield fail(
                CHECK, what, "Keep the data folder as it is: it is evidence. See docs/how-to/witness.md."
            )
        elif one.why:
            yield warn(CHECK, what, "It is asked again by itself, at most every five minutes.")
    if standings and not told["unwitnessed"]:
        reach = ", ".join(f"{trail} up to {size:,}" for trail, size in told["trails"].items())
        yield ok(CHECK, f"a quorum of {told['quorum']} cosigned {reach}")


def kept_of(folder: Folder) -> Kept:
    """What was noted last; nothing where it cannot be read."""
    try:
        return msgspec.json.decode(folder.witnessing.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError):
        return Kept()
