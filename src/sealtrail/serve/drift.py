"""The doctor's look at what follows the ledger: is it signed, and does the index say the same?

Not `verify`: only the newest checkpoints and a sample are looked at, so that it takes a moment.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sealtrail.errors import SealtrailError
from sealtrail.event import read
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import verify_note
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.store.query import parse

SAMPLE_ENTRIES: Final = 25  # of each trail, compared with the index

# One index in every generation of a trail: a folder that was restored more often is not to be expected.
TRAIL_GENERATIONS: Final = 100

AHEAD: Final = timedelta(seconds=5)  # what clocks may differ by, unnoticed


def ledger(folder: Folder, reader: LedgerReader, now: datetime | None = None) -> Iterator[Finding]:
    """Each trail's latest checkpoint is signed by its key and fits its entries."""
    latest = ""
    for trail, size in reader.sizes().items():
        try:
            checkpoint, note = Checkpoint.from_note(reader.checkpoint(trail))
            verify_note(note, [read_vkey(folder.keys / f"{trail}.vkey")])
            fits = checkpoint.size <= size and reader.root(trail, checkpoint.size) == checkpoint.root
            if size > reader.first()[trail]:
                latest = max(latest, read(reader.entry(trail, size - 1))["event.ingested"])
        except (SealtrailError, OSError) as error:
            what = error.what if isinstance(error, SealtrailError) else str(error)
            yield fail("ledger", f"{trail}: {what}", "Run `sealtrail verify`: it names the place.")
            continue
        if not fits:
            yield fail(
                "ledger",
                f"{trail}: the entries are not the ones that the last checkpoint signed",
                "Run `sealtrail verify`, and keep the folder as it is: it is evidence.",
            )
        else:
            unsigned = size - checkpoint.size
            told = f"{trail}: {size:,} entries" + (f", {unsigned:,} not signed yet" if unsigned else "")
            yield ok("ledger", told)
    moment = now or datetime.now(UTC)
    if latest and datetime.fromisoformat(latest) > moment + AHEAD:
        yield warn(
            "clock",
            f"the last entry is from {latest}, which is still to come",
            "The clock was set back. New entries are stamped after it until the clock is there again.",
        )


def index(reading: Reading) -> Iterator[Finding]:
    """As many rows as entries, and a sample of them entry for entry."""
    check, todo = "index", "Stop the server and run `sealtrail rebuild`: nothing is lost by it."
    reader = reading.ledger
    first, dice = reader.first(), random.SystemRandom()
    compared, wrong = 0, False
    for trail, size in reading.catch_up().items():
        kept, begin = size - first.get(trail, 0), first.get(trail, 0)
        upto = f'sealtrail.trail:"{trail}" and sealtrail.index>={begin} and sealtrail.index<{size}'
        # By its exact name: the base would find the successors as well.
        rows = dict(reading.count_by(upto, "sealtrail.trail")).get(trail, 0)
        if rows != kept:
            wrong = True
            yield fail(check, f"{trail}: {rows:,} rows for {kept:,} entries", todo)
            continue
        for place in dice.sample(range(begin, size), min(SAMPLE_ENTRIES, kept)):
            entry = read(reader.entry(trail, place))
            wanted = f'sealtrail.trail:"{trail}" and sealtrail.index:{place}'
            hits = reading.store.search(parse(wanted), limit=TRAIL_GENERATIONS)
            compared += 1
            if [hit.fields for hit in hits if hit.trail == trail] != [entry]:
                wrong = True
                yield fail(check, f"{trail}/{place}: the index has another event than the ledger", todo)
                break
    if not wrong:
        yield ok(check, f"as many rows as entries, and {compared:,} of them compared one by one")
