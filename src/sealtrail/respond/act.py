"""The lever: writes the list of blocked addresses into the spool folders. Only the desk may pull it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from sealtrail.spool.layout import Block, BlockList, publish_blocks

_log = logging.getLogger("sealtrail.respond")


class Lever:
    """The spool folders of the applications that refuse. `faults`: those that cannot be written, and why."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self.faults: dict[str, str] = {}

    def publish(self, blocks: Sequence[Block], now: float) -> None:
        """Replace the list in every folder. One that cannot be written keeps no other from its list."""
        listed = BlockList(written=now, blocks=tuple(blocks))
        for folder in self._folders:
            try:
                publish_blocks(folder, listed)
            except FileNotFoundError:
                # The application has not made its folder yet: it starts without blocks, and gets them at the
                # next tick. Making the folder here would give it our owner and mode.
                self.faults[str(folder)] = "the folder is not there"
            except OSError as error:
                if str(folder) not in self.faults:
                    _log.error("blocks cannot be written to %s: %s", folder, error.strerror)
                self.faults[str(folder)] = error.strerror or type(error).__name__
            else:
                self.faults.pop(str(folder), None)
