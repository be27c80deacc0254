"""What every earlier format wrote is opened, verified and appended to; what a later one wrote is left alone.

tests/ledger/data/format-N.tar.xz was written by the first version of format N (tools/old_format.py).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sealtrail.cli.main import main
from sealtrail.ledger import standalone
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.log import Log
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report
from sealtrail.ledger.sign import open_key, read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.serve.folder import FORMAT

ENTRIES = 256
ARCHIVES = sorted((Path(__file__).parent / "data").glob("format-*.tar.xz"))
NEWER = "sealtrail 2\n"
LATER = '203.0.113.9 - - [25/Nov/2026:08:00:00 +0000] "GET /invoices/19 HTTP/1.1" 200 5 "-" "curl/8"\n'


def test_the_format_of_today_is_among_those_that_are_kept():
    assert f"format-{FORMAT.split()[1]}.tar.xz" in {path.name for path in ARCHIVES}


@pytest.fixture(params=ARCHIVES, ids=lambda path: path.name.partition(".")[0])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="tar")
    return tmp_path


def checked(old: Path, path: Path, **options: Any) -> Report:
    """Verify with what was kept when it was written."""
    kept = {
        "keys": [read_vkey(one) for one in (old / "kept").glob("*.vkey")],
        "checkpoints": [one.read_bytes() for one in sorted((old / "kept").glob("*.checkpoint"))],
    }
    return verify(path, **{**kept, **options}, workers=1, volume_entries=ENTRIES)


def opened(data: Path, trail: str) -> Log:
    key = open_key(data / "keys", trail)
    return Log.open(data / "trails" / trail, trail, key, volume_entries=ENTRIES)


def test_an_old_ledger_is_intact_and_anchored_by_what_was_kept_of_it(old):
    report = checked(old, old / "volumes")
    assert (report.verdict, report.anchored) == ("intact", True), report.lines()
    access = report.trails[0]
    assert (access.first, access.uncommitted, access.torn > 0) == (256, 5, True)


def test_an_old_ledger_is_gone_on_with_entry_by_entry(old):
    data = old / "volumes"
    reader = LedgerReader(data, volume_entries=ENTRIES)
    before = {"access": reader.read("access", 256, 10_000), "audit": reader.read("audit", 0, 10_000)}
    reader.close()
    for trail, entries in before.items():
        log = opened(data, trail)
        size = log.size
        assert size == len(entries) + (256 if trail == "access" else 0)
        added = [b'{"n":%d,"event.ingested":"2026-11-25T08:00:00Z"}' % n for n in range(300)]
        log.append(added)
        log.sync()
        log.publish()
        assert log.seal_pending() > 0
        log.close()
        reader = LedgerReader(data, volume_entries=ENTRIES)
        assert reader.read(trail, size - len(entries), 10_000) == entries + added
        reader.close()
    report = checked(old, data)
    assert (report.verdict, report.anchored) == ("intact", True), report.lines()


def test_old_receipts_proofs_and_exports_stay_good_in_both_verifiers(old, capsys):
    kept, key = old / "kept", old / "kept" / "access.vkey"
    entry = kept / "access-600.json"
    options: dict[str, Any] = {"keys": [read_vkey(key)], "checkpoints": []}
    assert (
        checked(old, kept / "access-600.tlog-proof", entry=entry.read_bytes(), **options).verdict == "intact"
    )
    earlier = kept / "access.checkpoint"
    given = {**options, "checkpoints": [earlier.read_bytes()]}
    for path in (kept / "access.consistency", kept / "access-log"):
        report = checked(old, path, **given)
        assert (report.verdict, report.anchored) == ("intact", True), report.lines()
        assert standalone.main([str(path), "--key", str(key), "--checkpoint", str(earlier)]) == 0
        assert "anchored up to 552" in capsys.readouterr().out
    line = [str(kept / "access-600.tlog-proof"), "--key", str(key), "--entry", str(entry)]
    assert standalone.main(line) == 0


@pytest.fixture
def rotated(old: Path) -> Path:
    """An exported log whose key was changed."""
    reader = LedgerReader(old / "volumes", volume_entries=ENTRIES)
    export_tlog(reader, "audit", old / "rotated")
    reader.close()
    return old / "rotated"


def test_both_verifiers_find_the_way_from_an_old_key_to_the_new_one_and_back(old, rotated, capsys):
    kept = old / "kept" / "audit.checkpoint"
    for key in (old / "kept" / "audit.vkey", old / "volumes" / "keys" / "audit.vkey"):
        line = [str(rotated), "--key", str(key), "--checkpoint", str(kept)]
        assert standalone.main(line) == 0, capsys.readouterr().out
        assert "anchored up to 122" in capsys.readouterr().out
        report = checked(old, rotated, keys=[read_vkey(key)], checkpoints=[kept.read_bytes()])
        assert (report.verdict, report.anchored) == ("intact", True)


def test_neither_verifier_follows_a_hand_over_that_was_changed(old, rotated, capsys):
    path = rotated / "handovers"
    before = path.read_bytes()
    key = old / "kept" / "audit.vkey"
    changes = [before[:at] + bytes((before[at] ^ 1,)) + before[at + 1 :] for at in range(0, len(before), 23)]
    for after in (*changes, before[:-1], before + before, b"\n\n", before.replace(b"extra ", b"extra")):
        path.write_bytes(after)
        assert standalone.main([str(rotated), "--key", str(key)]) == 1, after
        assert checked(old, rotated, keys=[read_vkey(key)], checkpoints=[]).verdict == "tampered", after
    path.unlink()
    assert standalone.main([str(rotated), "--key", str(key)]) == 1
    assert "no key signed it that is known" in capsys.readouterr().out


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_an_old_data_folder_is_searched_added_to_and_verified(old):
    data = old / "folder"
    (old / "later.log").write_text(LATER)
    found = json.loads(run("search", "url.path:/invoices*", "--data", data, "-o", "json").stdout)
    assert [row["url.path"] for row in found] == ["/invoices/18", "/invoices/17"]
    done = run("import", old / "later.log", "--data", data)
    assert done.exit_code == 0, done.stderr
    counted = json.loads(run("count", "url.path:*", "--data", data, "-o", "json").stdout)
    assert counted == [{"count": 4}]
    assert run("verify", data).exit_code == 0
    assert (data / "format").read_text() == FORMAT


@pytest.mark.parametrize(
    "words",
    [
        ("verify", "DATA"),
        ("search", "*", "--data", "DATA"),
        ("prove", "access/0", "--data", "DATA"),
        ("prove", "access", "--from", "1", "--data", "DATA"),
        ("export", "--trail", "access", "--tlog", "OUT", "--data", "DATA"),
        ("import", "LOG", "--data", "DATA"),
    ],
    ids=" ".join,
)
def test_what_a_newer_version_wrote_is_neither_accused_nor_touched(old, words):
    data = old / "folder"
    (data / "format").write_text(NEWER)
    (old / "later.log").write_text(LATER)
    names = {"DATA": data, "OUT": old / "out", "LOG": old / "later.log"}
    before = {path: path.stat().st_mtime_ns for path in data.rglob("*")}
    done = run(*(names.get(word, word) for word in words))
    assert (done.exit_code, "usage.format" in done.stderr) == (2, True), done.output
    assert "newer" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in data.rglob("*")} == before


def test_a_server_does_not_open_what_a_newer_version_wrote(old):
    (old / "folder" / "format").write_text(NEWER)
    line = [sys.executable, "-m", "sealtrail", "serve", "--port", "0", "--data", old / "folder"]
    done = subprocess.run(line, cwd=old, capture_output=True, text=True, timeout=60, env={**os.environ})
    assert (done.returncode, "usage.format" in done.stderr) == (2, True)
