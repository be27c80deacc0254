from __future__ import annotations

import threading

import pytest

from sealtrail.errors import NotFoundError, TamperedError
from sealtrail.follow.protocols import Reader
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import Note, verify_note
from sealtrail.ledger.proof import TlogProof, check_consistency, check_inclusion
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey


@pytest.fixture
def reader(grown):
    reader = LedgerReader(grown.data, volume_entries=1024)
    yield reader
    reader.close()


def test_it_is_the_reader_that_followers_ask(reader):
    asked: Reader = reader
    assert set(asked.sizes()) == {"access", "audit"}


def test_sizes_and_entries_are_those_of_the_log(reader, grown):
    assert reader.sizes() == {name: log.size for name, log in grown.logs.items()}
    assert reader.first() == {"access": 0, "audit": 0}
    whole = reader.read("access", 0, 10**6)
    assert len(whole) == grown.logs["access"].size
    for start, limit in ((0, 1), (1023, 2), (1000, 1100), (2040, 100), (len(whole) - 1, 5)):
        assert reader.read("access", start, limit) == whole[start : start + limit]
    assert reader.read("access", len(whole), 5) == []
    assert reader.read("access", -1, 5) == []
    assert [reader.entry("access", n) for n in (0, 1500, 2100)] == [whole[n] for n in (0, 1500, 2100)]


def test_new_entries_are_seen_without_being_told(reader, grown):
    size = reader.sizes()["audit"]
    grown.write("audit", 5)
    assert len(reader.read("audit", size, 100)) == 5
    assert reader.sizes()["audit"] == size + 5


def test_a_volume_sealed_away_under_a_reader_reads_on(installation):
    installation.write("audit", 900)
    reader = LedgerReader(installation.data, volume_entries=1024)
    before = reader.read("audit", 0, 900)
    installation.write("audit", 300)
    installation.sign()
    installation.seal()
    assert not (installation.folder() / "active-000000").exists()
    assert reader.read("audit", 0, 900) == before
    assert len(reader.read("audit", 900, 1000)) == 301
    reader.close()


def test_in_the_process_of_the_writer_only_what_is_durable_is_shown(installation):
    log = installation.logs["audit"]
    reader = LedgerReader(installation.data, durable=lambda: {"audit": log.durable}, volume_entries=1024)
    installation.write("audit", 3)
    log.append([b"{}"])
    assert reader.sizes()["audit"] == 3
    assert len(reader.read("audit", 0, 10)) == 3
    log.sync()
    assert len(reader.read("audit", 0, 10)) == 4
    reader.close()


def test_half_a_frame_is_not_shown(installation):
    installation.write("audit", 3)
    reader = LedgerReader(installation.data, volume_entries=1024)
    path = installation.folder() / "active-000000"
    whole = path.read_bytes()
    installation.write("audit", 2)
    longer = path.read_bytes()
    for cut in range(len(whole), len(longer), 7):
        path.write_bytes(longer[:cut])
        assert reader.sizes()["audit"] == 3
    path.write_bytes(longer)
    assert reader.sizes()["audit"] == 5
    reader.close()


def test_a_tail_that_recovery_cut_off_is_forgotten(installation):
    installation.write("audit", 300)
    reader = LedgerReader(installation.data, volume_entries=1024)
    path = installation.folder() / "active-000000"
    whole = path.read_bytes()
    installation.write("audit", 2)
    assert reader.sizes()["audit"] == 302
    path.write_bytes(whole)
    assert reader.sizes()["audit"] == 300
    assert reader.read("audit", 299, 10) == reader.read("audit", 299, 1)
    reader.close()


def test_what_is_not_there_is_said_to_be_not_there(reader):
    for trail in ("nothing", "../audit", ""):
        with pytest.raises(NotFoundError) as caught:
            reader.entry(trail, 0)
        assert caught.value.code == "not-found.trail"
    with pytest.raises(NotFoundError) as caught:
        reader.entry("audit", 10**9)
    assert caught.value.code == "not-found.entry"


def test_an_empty_folder_has_no_trails(tmp_path):
    reader = LedgerReader(tmp_path)
    assert (reader.trails(), reader.sizes()) == ([], {})


def test_proofs_of_sealed_and_active_entries_lead_to_the_signed_root(reader, grown):
    key = read_vkey(grown.data / "keys" / "access.vkey")
    for index in (0, 255, 256, 1023, 1024, 2047, 2048, grown.logs["access"].published - 1):
        proof = TlogProof.from_text(reader.prove("access", index))
        checkpoint, note = Checkpoint.from_note(proof.checkpoint)
        verify_note(note, [key])
        leaf = leaf_hash(reader.entry("access", index))
        assert leaf == reader.leaf_hash("access", index)
        check_inclusion(index, checkpoint.size, leaf, proof.hashes, checkpoint.root)


def test_an_entry_without_a_checkpoint_has_no_proof_yet(reader, grown):
    grown.write("audit", 1)
    with pytest.raises(NotFoundError, match="not under a checkpoint"):
        reader.prove("audit", grown.logs["audit"].size - 1)


def test_every_checkpoint_of_the_history_is_consistent_with_the_last(reader, grown):
    past = [Checkpoint.from_note(note)[0] for note in grown.notes("access")][1:]
    last = past[-1]
    for earlier in past:
        proof = reader.consistency("access", earlier.size, last.size)
        check_consistency(earlier.size, last.size, earlier.root, last.root, proof)
        assert reader.root("access", earlier.size) == earlier.root
    with pytest.raises(NotFoundError):
        reader.consistency("access", 0, last.size)
    with pytest.raises(NotFoundError):
        reader.root("access", 10**9)


def test_a_proof_that_would_fail_elsewhere_is_not_handed_out(grown):
    path = grown.folder("access") / "volume-000000.tile"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    reader = LedgerReader(grown.data, volume_entries=1024)
    with pytest.raises(TamperedError):
        reader.prove("access", 3)
    reader.close()


def test_a_damaged_tile_is_noticed_before_a_hash_of_it_is_used(grown):
    path = grown.folder("access") / "volume-000000.tile"
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    reader = LedgerReader(grown.data, volume_entries=1024)
    with pytest.raises(TamperedError, match="tile"):
        reader.root("access", 512)
    reader.close()


def test_the_checkpoint_is_the_latest_note(reader, grown):
    assert reader.checkpoint("audit") == grown.logs["audit"].checkpoint()
    Note.from_bytes(reader.checkpoint("audit"))


def test_threads_read_while_the_writer_writes_and_seals(installation):
    reader = LedgerReader(installation.data, volume_entries=1024)
    wrong: list[str] = []
    stop = threading.Event()

    def follow() -> None:
        seen = 0
        while not (stop.is_set() and seen == installation.logs["audit"].size):
            found = reader.read("audit", seen, 500)
            if any(b"event.ingested" not in entry for entry in found):
                wrong.append(f"at {seen}")
            seen += len(found)

    threads = [threading.Thread(target=follow) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        installation.write("audit", 200)
        installation.sign()
        installation.seal()
    stop.set()
    for thread in threads:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in threads)
    assert not wrong
    reader.close()
