"""Fail closed: where no request may happen unrecorded, none is let in while the spool takes none.

It stands where the block list is asked, so an application that did not choose it pays nothing. A request that
is under way when the disk refuses is answered: what it did is done, and its loss is counted and told.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sealtrail.capture.blocks import Blocks
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import Block

UNRECORDED: Final = "unrecorded"
"""Id of the block that is none: the request is refused because it could not be recorded."""

RETRY_SECONDS: Final = 5  # after which a client that was refused so is asked to come again

_REFUSED: Final = Block("", float("inf"), UNRECORDED)


class Closing(Blocks):
    """The block list of a folder whose application is closed while it cannot record."""

    def __init__(self, folder: Path, spool: Spool) -> None:
        super().__init__(folder, spool.check)
        self._spool = spool
        spool.closes = True

    def find(self, address: str) -> Block | None:
        """As for any block list: who is blocked is refused as such."""
        block = super().find(address)
        return _REFUSED if block is None and not self._spool.is_ready() else block


def body(request_id: str) -> bytes:
    """What such a client is answered: nobody is at fault whom it could blame, and it may come again."""
    return (
        b'{"error":"unrecorded","message":"This service does not do what it cannot record, and cannot record '
        b'at the moment. Try again in %d seconds.","request_id":"%b"}\n'
        % (RETRY_SECONDS, request_id.encode("ascii", "replace"))
    )
