"""How far a trail is anchored at one place, and what keeps it from being anchored further. Pure."""

from __future__ import annotations

from typing import Literal

import msgspec

from sealtrail.errors import TamperedError

Kind = Literal["folder", "url", "timestamp"]


class Standing(msgspec.Struct, frozen=True):
    """One trail at one place. Moments are RFC 3339, empty where there is none.

    `size` entries of it were there at `at`. `since`: nothing newer could be put there since, and `why`.
    `diverged`: what is there contradicts the trail, so nothing is put there until it does not.
    """

    where: str
    kind: Kind
    trail: str
    size: int = 0
    at: str = ""
    since: str = ""
    why: str = ""
    diverged: bool = False

    def told(self) -> str:
        """For people, in one sentence."""
        done = (
            f"{self.trail} anchored up to {self.size:,} at {self.at}"
            if self.at
            else f"{self.trail} not anchored yet"
        )
        if self.diverged:
            return f"{done}; since {self.since} it is contradicted there: {self.why}"
        return f"{done}; failing since {self.since}: {self.why}" if self.since else done


class Pushed(msgspec.Struct, frozen=True):
    """What is durable elsewhere: the size and the root (base64) of the newest checkpoint there."""

    size: int
    root: str


class DivergedError(TamperedError):
    """What is elsewhere contradicts the trail: `size`, `root` (base64) and the `shown` note are there."""

    def __init__(self, what: str, *, trail: str, size: int = 0, root: str = "", shown: bytes = b"") -> None:
        super().__init__(what, trail=trail)
        self.size = size
        self.root = root
        self.shown = shown
