"""`state/witnesses.json`: how each witness stands, noted by the collector, shown by commands."""

from __future__ import annotations

import msgspec

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


def kept_of(folder: Folder) -> Kept:
    """What was noted last; nothing where it cannot be read."""
    try:
        return msgspec.json.decode(folder.witnessing.read_bytes(), type=Kept)
    except (OSError, msgspec.MsgspecError):
        return Kept()
