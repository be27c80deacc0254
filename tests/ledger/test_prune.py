from __future__ import annotations

import sys

import pytest

from sealtrail.errors import NotFoundError
from sealtrail.ledger.prune import prunable, prune_volumes
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.workers import Workers


def record(installation, trail: str, end: int) -> None:
    installation.system(
        "audit", event__action="sealtrail.prune", sealtrail__range__trail=trail, sealtrail__range__end=end
    )
    installation.sign()


def test_whole_sealed_volumes_go_and_their_hashes_stay(grown):
    folder = grown.folder("access")
    assert prunable(folder, 1500, volume_entries=1024) == 1024
    assert prune_volumes(folder, 1500, volume_entries=1024) == 1024
    assert sorted(p.name for p in folder.glob("volume-*")) == [
        "volume-000000.tile",
        "volume-000001.tile",
        "volume-000001.zst",
    ]


def test_a_recorded_prune_verifies_and_says_so(grown):
    record(grown, "access", 1024)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    report = grown.verify()
    assert report.verdict == "intact"
    assert report.trails[0].first == 1024
    assert any("were pruned, as audit/" in note for note in report.trails[0].notes)


def test_a_prune_that_nobody_recorded_is_tampering(grown):
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    report = grown.verify()
    assert report.verdict == "tampered"
    assert report.trails[0].problems[0].index == 0


def test_a_record_of_less_explains_no_more(grown):
    record(grown, "access", 1024)
    prune_volumes(grown.folder("access"), 2048, volume_entries=1024)
    assert grown.verify().verdict == "tampered"


def test_an_unsigned_record_explains_nothing(grown):
    grown.system(
        "audit",
        event__action="sealtrail.prune",
        sealtrail__range__trail="access",
        sealtrail__range__end=1024,
    )
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    assert grown.verify().verdict == "tampered"


def test_a_producer_cannot_explain_a_gap(grown):
    forged = (
        b'{"sealtrail.kind":"audit","event.action":"sealtrail.prune","sealtrail.range.trail":"access",'
        b'"sealtrail.range.end":1024,"event.ingested":"2026-11-24T09:00:00.000000Z","sealtrail.source":"x"}'
    )
    grown.logs["audit"].append([forged])
    grown.logs["audit"].sync()
    grown.sign()
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    assert grown.verify().verdict == "tampered"


def test_a_raised_floor_without_a_record_is_tampering(grown):
    (grown.folder("access") / "pruned").write_bytes(b"1024\n")
    assert "trails/access/pruned" in grown.places(grown.verify())


def test_a_lowered_or_damaged_floor_shows(grown):
    record(grown, "access", 1024)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    path = grown.folder("access") / "pruned"
    for bad in (b"0\n", b"1025", b"x"):
        path.write_bytes(bad)
        assert grown.verify().verdict == "tampered"
    path.unlink()
    assert grown.verify().verdict == "tampered"


def test_a_damaged_tile_of_a_pruned_volume_shows(grown):
    record(grown, "access", 1024)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    path = grown.folder("access") / "volume-000000.tile"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    assert "trails/access/volume-000000.tile" in grown.places(grown.verify())


def test_proofs_above_the_gap_stay_and_the_log_goes_on(grown):
    record(grown, "access", 2048)
    prune_volumes(grown.folder("access"), 2048, volume_entries=1024)
    reader = LedgerReader(grown.data, volume_entries=1024)
    assert reader.first()["access"] == 2048
    reader.prove("access", 2048)
    with pytest.raises(NotFoundError, match="pruned"):
        reader.prove("access", 2047)
    with pytest.raises(NotFoundError, match="pruned"):
        reader.read("access", 0, 5)
    reader.close()
    grown.close()
    grown.open()
    grown.write("access", 1200)
    grown.sign()
    grown.seal()
    assert grown.verify().verdict == "intact"


def test_a_reader_learns_of_a_prune_while_it_reads(grown):
    reader = LedgerReader(grown.data, volume_entries=1024)
    reader.entry("access", 1500)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    with pytest.raises(NotFoundError, match="pruned"):
        reader.entry("access", 5)
    assert reader.first()["access"] == 1024
    reader.close()


def test_a_prune_while_the_verifier_works_is_no_accusation(grown, monkeypatch):
    record(grown, "access", 1024)

    class Pruning(Workers):
        def map(self, work, tasks, *, spread):
            prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
            return super().map(work, tasks, spread=spread)

    monkeypatch.setattr(sys.modules["sealtrail.ledger.verify"], "Workers", Pruning)
    report = grown.verify()
    assert (report.verdict, report.trails[0].first) == ("intact", 1024)


def test_the_volume_of_the_last_entry_stays(installation):
    installation.write("audit", 1024)
    log = installation.logs["audit"]
    log.publish()
    log.seal_pending()
    assert prune_volumes(installation.folder(), 1024, volume_entries=1024) == 0
    moment = log.last_ingested()
    installation.close()
    installation.open()
    assert installation.logs["audit"].last_ingested() == moment


def test_nothing_is_pruned_twice_and_the_floor_never_falls(grown):
    folder = grown.folder("access")
    assert prune_volumes(folder, 2048, volume_entries=1024) == 2048
    assert prune_volumes(folder, 1024, volume_entries=1024) == 2048
    assert prune_volumes(folder, -5, volume_entries=1024) == 2048
