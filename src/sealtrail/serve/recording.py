"""An operator's act as an event, whether a server has the folder open or not."""

from __future__ import annotations

from sealtrail.collect.inbox import ask
from sealtrail.errors import LedgerError
from sealtrail.event import Fields, Receipt
from sealtrail.serve.folder import Folder


def record(folder: Folder, fields: Fields) -> str:
    """Write an event of the collector's own; its address. Durable when it returns.

    Through the server that has the folder open; without one by opening it for the moment, as `import` does.
    Raises LedgerError where the folder cannot be written.
    """
    for _ in range(2):
        if folder.writer() is not None:
            return str(ask(folder.inbox, {"act": "record", "fields": fields}).get("address", ""))
        from sealtrail.serve.writing import Collector  # here: it loads the index's libraries

        try:
            with Collector(folder, guard=False) as collector:
                return placed(collector.pipeline.record(fields).result())
        except LedgerError as error:
            if error.code != "ledger.locked":
                raise
            # A server was started in between: it is the one to ask.
    raise LedgerError("ledger.locked", f"{folder.root} is taken and let go again", hint="Try again.")


def placed(receipt: Receipt) -> str:
    """The address TRAIL/INDEX of the first entry of a receipt; empty where nothing of it was new."""
    return next((f"{part.trail}/{part.ranges[0][0]}" for part in receipt.receipts), "")
