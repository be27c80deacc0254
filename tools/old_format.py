"""Make tests/ledger/data/format-N.tar.xz, what this version writes: `.venv/bin/python tools/old_format.py`.

Every later version must open it, verify it and append to it (tests/ledger/test_older_formats.py). Run this
once a format, when `sealtrail.serve.folder.FORMAT` is raised, before anything else changes; the file of an
older format is never made again, and this refuses to. The keys in it are of this file alone.

folder/     a data folder, as `sealtrail import` leaves it
volumes/    a data folder with volumes of 256 entries: sealed, pruned, active, a torn tail, a change of key
kept/       of volumes/: an earlier checkpoint of each trail, the first public keys, an exported log, a
            receipt with its entry, and a consistency proof
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from sealtrail.event.codec import canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.ledger.consistency import prove_consistency_of
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.handover import ROTATE_ACTION
from sealtrail.ledger.log import Log
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.rotation import prepare, settle
from sealtrail.ledger.sign import open_key
from sealtrail.serve.folder import FORMAT

TARGET = Path(__file__).resolve().parent.parent / "tests" / "ledger" / "data"
TRAILS = ("access", "audit")
ENTRIES = 256

LINES = """\
203.0.113.9 - - [24/Nov/2026:08:00:00 +0000] "GET /invoices/17 HTTP/1.1" 200 512 "-" "curl/8"
203.0.113.9 - - [24/Nov/2026:08:00:01 +0000] "GET /invoices/18 HTTP/1.1" 404 99 "-" "curl/8"
192.0.2.7 - alice [24/Nov/2026:08:07:02 +0000] "POST /login HTTP/1.1" 302 0 "https://shop.example/" "Mozilla"
"""


class Writer:
    """Two trails, written as the collector writes them."""

    def __init__(self, data: Path) -> None:
        self.data, self.number = data, 0
        self.logs = {
            name: Log.open(
                data / "trails" / name,
                name,
                open_key(data / "keys", name, origin="example.com/old"),
                volume_entries=ENTRIES,
            )
            for name in TRAILS
        }

    def write(self, trail: str, *lines: dict[str, object]) -> bytes:
        """One commit; its last entry."""
        self.number += 1
        ending = suffix(f"2026-11-24T08:00:00.{self.number:06d}Z", "old")
        log = self.logs[trail]
        entries = [
            seal(canonical({"event.id": f"{trail}-{log.size + n}", **line}), ending)
            for n, line in enumerate(lines)
        ]
        log.append(entries)
        log.sync()
        return entries[-1]

    def events(self, trail: str, count: int) -> None:
        self.write(trail, *({"event.action": "invoice.read", "user.id": f"u{n % 5}"} for n in range(count)))

    def sign(self) -> None:
        """The heads of each in the other, and then the checkpoints."""
        heads = {name: log.head() for name, log in self.logs.items()}
        for name in TRAILS:
            other = next(one for one in TRAILS if one != name)
            size, root = heads[other]
            self.write(
                name,
                {
                    "sealtrail.kind": "system",
                    "event.action": "sealtrail.head",
                    "sealtrail.head.trail": other,
                    "sealtrail.head.size": size,
                    "sealtrail.head.root": base64_text(root),
                },
            )
        for log in self.logs.values():
            log.publish()

    def round(self, access: int, audit: int) -> None:
        self.events("access", access)
        self.events("audit", audit)
        self.sign()
        for log in self.logs.values():
            log.seal_pending()

    def new_key(self, trail: str) -> None:
        """Hand a trail over to a new key."""
        keys, log = self.data / "keys", self.logs[trail]
        signer = prepare(keys, trail, log.key)
        entry = self.write(
            trail,
            {
                "sealtrail.kind": "system",
                "event.action": ROTATE_ACTION,
                "sealtrail.key.old": log.key.text,
                "sealtrail.key.new": signer.key.text,
            },
        )
        log.hand_over(signer, log.size - 1, entry)
        settle(keys, trail, handovers_of(self.data / "trails" / trail))

    def prune(self, trail: str, end: int) -> None:
        self.write(
            "audit",
            {
                "sealtrail.kind": "system",
                "event.action": "sealtrail.prune",
                "sealtrail.range.trail": trail,
                "sealtrail.range.end": end,
            },
        )
        self.sign()
        prune_volumes(self.data / "trails" / trail, end, volume_entries=ENTRIES)


def make_volumes(data: Path, kept: Path) -> None:
    data.mkdir()
    kept.mkdir()
    (data / "format").write_text(FORMAT)
    writer = Writer(data)
    writer.round(200, 30)
    writer.round(350, 90)
    for name in TRAILS:
        shutil.copy(data / "trails" / name / "checkpoint", kept / f"{name}.checkpoint")
        shutil.copy(data / "keys" / f"{name}.vkey", kept / f"{name}.vkey")
    writer.new_key("audit")
    writer.round(60, 200)
    reader = LedgerReader(data, volume_entries=ENTRIES)
    export_tlog(reader, "access", kept / "access-log")
    (kept / "access-600.tlog-proof").write_text(reader.prove("access", 600))
    (kept / "access-600.json").write_bytes(reader.entry("access", 600))
    (kept / "access.consistency").write_bytes(prove_consistency_of(reader, "access", 552))
    reader.close()
    writer.prune("access", ENTRIES)
    writer.round(20, 20)
    writer.events("access", 5)  # nobody signs them
    for log in writer.logs.values():
        log.close()
    with max((data / "trails" / "access").glob("active-*")).open("ab") as file:
        file.write(b"STF1 torn in the middle of its first line")


def main() -> int:
    target = TARGET / f"format-{FORMAT.split()[1]}.tar.xz"
    if target.exists():
        print(f"{target.name} is there already: what an older version wrote is never made again")
        return 1
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        (root / "access.log").write_text(LINES)
        command = [
            sys.executable,
            "-m",
            "sealtrail",
            "import",
            root / "access.log",
            "--data",
            root / "folder",
        ]
        subprocess.run(command, check=True)
        make_volumes(root / "volumes", root / "kept")
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:xz") as archive:
            for name in ("folder", "volumes", "kept"):
                archive.add(root / name, name, filter=_nobody)
    target.write_bytes(packed.getvalue())
    print(f"{target.name}: {len(packed.getvalue()):,} bytes")
    return 0


def _nobody(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Without the names of who made it."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


if __name__ == "__main__":
    sys.exit(main())
