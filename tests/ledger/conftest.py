"""An installation in small: two trails that record each other's heads, as the collector writes them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sealtrail.event.codec import canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.ledger.checkpoint import history_notes, history_record
from sealtrail.ledger.files import Disk
from sealtrail.ledger.log import Log
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.report import Report
from sealtrail.ledger.rotation import prepare, settle
from sealtrail.ledger.sign import open_key
from sealtrail.ledger.verify import verify

ENTRIES = 1024


class Unsynced(Disk):
    """Skips the syncs, which these suites do not look at and a busy disk makes them wait for."""

    def datasync(self, fd: int) -> None:
        pass

    def sync_folder(self, path: Path) -> None:
        pass


class Installation:
    """A data folder with small volumes, written the way the pipeline writes one."""

    def __init__(self, data: Path, trails: tuple[str, ...] = ("access", "audit")) -> None:
        self.data = data
        self.trails = trails
        self.logs: dict[str, Log] = {}
        self._moment = 0
        self._seq = 0
        data.mkdir(exist_ok=True)
        self.open()

    def open(self) -> None:
        for name in self.trails:
            settle(self.data / "keys", name, handovers_of(self.folder(name)), Unsynced())
            key = open_key(self.data / "keys", name, disk=Unsynced())
            self.logs[name] = Log.open(
                self.data / "trails" / name, name, key, Unsynced(), volume_entries=ENTRIES
            )
        last = max(log.last_ingested() for log in self.logs.values())
        self._moment = int(last[-7:-1]) if last else 0

    def close(self) -> None:
        for log in self.logs.values():
            log.close()

    def folder(self, trail: str = "audit") -> Path:
        return self.data / "trails" / trail

    def notes(self, trail: str = "audit") -> list[bytes]:
        """The history of a trail, note by note."""
        history = (self.folder(trail) / "checkpoints").read_bytes()
        return [note for note, _ in history_notes(history)]

    def write_history(self, notes: list[bytes], trail: str = "audit") -> None:
        (self.folder(trail) / "checkpoints").write_bytes(b"".join(map(history_record, notes)))

    @staticmethod
    def places(report: Report) -> set[str]:
        return {problem.place for trail in report.trails for problem in trail.problems}

    @staticmethod
    def indexes(report: Report, trail: str) -> list[int | None]:
        return [p.index for found in report.trails if found.trail == trail for p in found.problems]

    def _ending(self) -> bytes:
        self._moment += 1
        return suffix(f"2026-11-24T08:00:00.{self._moment:06d}Z", "test")

    def _line(self, **fields: object) -> bytes:
        self._seq += 1
        named = {key.replace("__", "."): value for key, value in fields.items()}
        return canonical({"event.id": f"{self.data.name}-{self._seq}", **named})

    def write(self, trail: str, count: int) -> None:
        """One commit of `count` ordinary events, durable."""
        ending = self._ending()
        lines = [
            self._line(event__action="invoice.read", user__id=f"u{n % 7}", message="x" * (n % 50))
            for n in range(count)
        ]
        self.logs[trail].append([seal(line, ending) for line in lines])
        self.logs[trail].sync()

    def system(self, trail: str, **fields: object) -> None:
        line = self._line(sealtrail__kind="system", **fields)
        self.logs[trail].append([seal(line, self._ending())])
        self.logs[trail].sync()

    def rotate(self, trail: str = "audit", *, upto: str = "done") -> None:
        """Hand a trail over to a new key as the pipeline does; `upto` names the step after which to stop."""
        log = self.logs[trail]
        signer = prepare(self.data / "keys", trail, log.key, Unsynced())
        self.system(
            trail,
            event__action="sealtrail.key.rotate",
            sealtrail__key__old=log.key.text,
            sealtrail__key__new=signer.key.text,
        )
        index = log.size - 1
        self.heads()
        if upto == "stated":
            return
        log.hand_over(signer, index, self.entry(trail, index))
        for other in self.logs.values():
            other.publish()
        if upto == "done":
            settle(self.data / "keys", trail, handovers_of(self.folder(trail)), Unsynced())

    def entry(self, trail: str, index: int) -> bytes:
        reader = LedgerReader(self.data, volume_entries=ENTRIES)
        try:
            return reader.entry(trail, index)
        finally:
            reader.close()

    def heads(self) -> None:
        """Record each head in the other trail, durably, but sign nothing."""
        ending = self._ending()
        heads = {name: log.head() for name, log in self.logs.items()}
        for name, log in self.logs.items():
            lines = [
                self._line(
                    sealtrail__kind="system",
                    event__action="sealtrail.head",
                    sealtrail__head__trail=other,
                    sealtrail__head__size=size,
                    sealtrail__head__root=base64_text(root),
                )
                for other, (size, root) in heads.items()
                if other != name
            ]
            log.append([seal(line, ending) for line in lines])
        for log in self.logs.values():
            log.sync()

    def sign(self) -> None:
        self.heads()
        for log in self.logs.values():
            log.publish()

    def seal(self) -> None:
        for log in self.logs.values():
            log.seal_pending()

    def grow(self) -> None:
        """Sealed volumes, an active file, several checkpoints, and a few uncommitted entries."""
        for access, audit in ((300, 40), (900, 500), (700, 800), (600, 300), (50, 10)):
            self.write("access", access)
            self.write("audit", audit)
            self.sign()
        self.seal()

    def verify(self, **options: object) -> Report:
        return verify(self.data, workers=1, volume_entries=ENTRIES, **options)  # type: ignore[arg-type]


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[[str], Installation]]:
    """Makes installations, and lets go of them at the end."""
    made: list[Installation] = []

    def make(name: str) -> Installation:
        made.append(Installation(tmp_path / name))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def installation(build: Callable[[str], Installation]) -> Installation:
    return build("data")


@pytest.fixture
def grown(installation: Installation) -> Installation:
    installation.grow()
    return installation


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """A grown installation whose writer has gone. Copy it to change it."""
    made = Installation(tmp_path_factory.mktemp("settled") / "data")
    made.grow()
    made.close()
    return made
