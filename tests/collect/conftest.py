"""A writer with its data folder, as `serve` composes it, for what feeds it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealtrail.collect.pipeline import Pipeline
from sealtrail.collect.seen import Seen
from sealtrail.event import TRAILS, Batch, Fields, canonical, read
from sealtrail.event.entry import unseal
from sealtrail.ledger.files import Disk
from sealtrail.ledger.log import Log
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import open_key
from sealtrail.settings import Settings
from sealtrail.spool.rejects import Rejects


class Writer:
    """An open data folder. `full` is what the watermark says; set it to a sentence for a full disk."""

    def __init__(self, root: Path, disk: Disk | None, clock: Callable[[], datetime], full: str) -> None:
        self.root = root
        self.full = full
        self.batches: list[Batch] = []
        (root / "keys").mkdir(parents=True, exist_ok=True)
        (root / "trails").mkdir(exist_ok=True)
        self.logs = {t: Log.open(root / "trails" / t, t, open_key(root / "keys", t), disk) for t in TRAILS}
        self.reader = LedgerReader(root, durable=lambda: {t: log.durable for t, log in self.logs.items()})
        seen = Seen.load(root / "state" / "seen")
        seen.catch_up(self.reader)
        self.rejects = Rejects(root / "state" / "rejects")
        self.pipeline = Pipeline(
            self.logs,
            seen,
            self.rejects,
            Settings(),
            publish=self.batches.append,
            free_space=lambda: self.full,
            seen_path=root / "state" / "seen",
            clock=clock,
        )

    def entries(self, trail: str = "access") -> list[Fields]:
        """The fields of every entry that is durable."""
        return [read(entry) for entry in self.reader.read(trail, 0, 100_000)]

    def lines(self, trail: str = "access") -> list[bytes]:
        """The lines producers sent, byte for byte, without what the collector says itself."""
        told = [unseal(entry) for entry in self.reader.read(trail, 0, 100_000)]
        return [line for line, _, source in told if source != "collector"]


@pytest.fixture
def open_writer(tmp_path: Path) -> Callable[..., AbstractContextManager[Writer]]:
    """Open the writer of one and the same folder, as often as it is called."""

    @contextmanager
    def opened(
        disk: Disk | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        full: str = "",
        *,
        started: bool = True,
    ) -> Iterator[Writer]:
        writer = Writer(tmp_path / "data", disk, clock, full)
        if started:
            writer.pipeline.start()
        try:
            yield writer
        finally:
            writer.pipeline.stop()
            writer.reader.close()
            for log in writer.logs.values():
                log.close()

    return opened


@pytest.fixture
def writer(open_writer: Callable[..., AbstractContextManager[Writer]]) -> Iterator[Writer]:
    with open_writer() as opened:
        yield opened


@pytest.fixture(scope="session")
def line() -> Callable[..., bytes]:
    """A canonical line as our capture writes it."""

    def made(seq: int, emitter: str = "e", **more: object) -> bytes:
        return canonical(
            {
                "@timestamp": "2026-01-01T00:00:00.000000Z",
                "event.id": f"{emitter}-{seq}",
                "sealtrail.kind": "request",
                "event.action": "http.request",
                "sealtrail.schema": 1,
                "sealtrail.emitter": emitter,
                "sealtrail.seq": seq,
                **more,
            }
        )

    return made
