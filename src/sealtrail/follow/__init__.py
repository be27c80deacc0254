"""How everything else learns of new entries."""

from sealtrail.follow.hub import Hub
from sealtrail.follow.order import next_batch, open_entry
from sealtrail.follow.protocols import Follower, Reader
from sealtrail.follow.state import Cursor

__all__ = ["Cursor", "Follower", "Hub", "Reader", "next_batch", "open_entry"]
