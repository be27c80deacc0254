from __future__ import annotations

import shutil
import threading

import pytest

from sealtrail.errors import UsageError
from sealtrail.ledger.verify import verify


def test_an_installation_is_intact_and_not_anchored(grown):
    report = grown.verify()
    assert (report.verdict, report.anchored, report.exit_code) == ("intact", False, 0)
    assert "NOT anchored" in report.document()["notes"][-1]
    assert all(trail.key_source == "folder" for trail in report.trails)
    assert all("key that was trusted came from the folder" in trail.notes[0] for trail in report.trails)


def test_the_document_has_the_promised_shape(grown):
    document = grown.verify().document()
    assert set(document) >= {"verdict", "anchored", "trails"}
    assert [trail["trail"] for trail in document["trails"]] == ["access", "audit"]
    for trail in document["trails"]:
        assert set(trail) >= {"trail", "size", "root", "problems"}
        assert trail["size"] == grown.logs[trail["trail"]].published


def test_an_installation_without_events_is_intact(installation):
    report = installation.verify()
    assert report.verdict == "intact"
    assert [trail.size for trail in report.trails] == [0, 0]


def test_an_empty_folder_is_unchecked(tmp_path):
    (tmp_path / "data" / "trails").mkdir(parents=True)
    assert verify(tmp_path / "data", workers=1).verdict == "unchecked"


def test_something_else_is_refused(tmp_path):
    with pytest.raises(UsageError):
        verify(tmp_path, workers=1)
    with pytest.raises(UsageError):
        verify(tmp_path / "missing", workers=1)


def test_entries_behind_the_last_checkpoint_are_uncommitted(grown):
    grown.write("audit", 5)
    audit = grown.verify().trails[1]
    assert (audit.uncommitted, audit.problems) == (5, [])


def test_torn_bytes_behind_the_last_checkpoint_are_counted_not_accused(grown):
    grown.write("audit", 5)
    with next(grown.folder().glob("active-*")).open("ab") as file:
        file.write(b"STF1 and then the light went out")
    report = grown.verify()
    assert report.verdict == "intact"
    assert report.trails[1].torn == 32


def test_a_changed_uncommitted_entry_is_not_tampering(grown):
    active = next(grown.folder().glob("active-*"))
    grown.write("audit", 1)
    data = bytearray(active.read_bytes())
    data[-20] ^= 1
    active.write_bytes(data)
    assert grown.verify().verdict == "intact"


def test_a_single_trail_can_be_verified(grown):
    report = verify(grown.folder("access"), workers=1, volume_entries=1024)
    assert (report.verdict, len(report.trails), report.trails[0].key_source) == ("intact", 1, "folder")


def test_a_trail_without_its_key_is_unchecked(grown, tmp_path):
    shutil.copytree(grown.folder(), tmp_path / "elsewhere" / "audit")
    report = verify(tmp_path / "elsewhere" / "audit", workers=1, volume_entries=1024)
    assert (report.verdict, report.exit_code) == ("unchecked", 2)


def test_processes_find_what_one_process_finds(grown):
    for _ in range(2):
        grown.write("access", 1024)
    grown.sign()
    grown.seal()
    volume = grown.folder("access") / "volume-000002.zst"
    data = bytearray(volume.read_bytes())
    data[len(data) // 2] ^= 4
    volume.write_bytes(data)
    alone = grown.verify().document()
    together = verify(grown.data, workers=2, volume_entries=1024).document()
    assert alone == together
    assert together["verdict"] == "tampered"


# --- proofs


@pytest.fixture
def proof(grown, tmp_path):
    from sealtrail.ledger.reader import LedgerReader
    from sealtrail.ledger.sign import read_vkey

    reader = LedgerReader(grown.data, volume_entries=1024)
    path = tmp_path / "one.tlog-proof"
    path.write_text(reader.prove("access", 77))
    entry = reader.entry("access", 77)
    reader.close()
    return path, entry, read_vkey(grown.data / "keys" / "access.vkey")


def test_a_proof_is_verified_with_key_and_entry_alone(proof):
    path, entry, key = proof
    report = verify(path, keys=[key], entry=entry, checkpoints=[], workers=1)
    assert (report.verdict, report.anchored) == ("intact", False)


def test_a_proof_of_another_entry_is_tampering(proof):
    path, entry, key = proof
    assert verify(path, keys=[key], entry=entry + b" ", workers=1).verdict == "tampered"


def test_a_proof_without_key_or_entry_is_unchecked(proof):
    path, entry, key = proof
    assert verify(path, entry=entry, workers=1).verdict == "unchecked"
    assert verify(path, keys=[key], workers=1).verdict == "unchecked"


def test_a_proof_with_another_checkpoint_is_tampering(proof, grown):
    path, entry, key = proof
    head, _, _ = path.read_text().partition("\n\n")
    old = grown.notes("access")[2].decode()
    path.write_text(f"{head}\n\n{old}")
    assert verify(path, keys=[key], entry=entry, workers=1).verdict == "tampered"


def test_a_file_that_is_no_proof_is_refused(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff")
    with pytest.raises(UsageError):
        verify(tmp_path / "x", workers=1)


# --- while a writer goes on


def test_a_folder_is_never_accused_while_its_writer_works(installation):
    """Commits, heads, checkpoints and seals go on while another thread verifies over and over."""
    stop = threading.Event()
    found: list[dict[str, object]] = []

    def watch() -> None:
        while not stop.is_set():
            report = installation.verify()
            if report.verdict != "intact":
                found.append(report.document())

    watcher = threading.Thread(target=watch)
    watcher.start()
    for n in range(60):
        installation.write("access", 150)
        installation.write("audit", 20 + n)
        installation.sign()
        installation.seal()
    stop.set()
    watcher.join()
    assert [trail for each in found for trail in each["trails"] if trail["problems"]] == []
    assert installation.verify().verdict == "intact"
