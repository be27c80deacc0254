from __future__ import annotations

import pytest

from sealtrail.event.entry import ingested
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.serve.measuring import Index, _between, _drill, _modes, began, last_sealed
from sealtrail.serve.reading import Reading


@pytest.fixture
def ledger(collecting, line, tmp_path) -> LedgerReader:
    with collecting() as collector:
        for seq in range(5):
            collector.submit("key:1", [line(seq)])
    return LedgerReader(tmp_path / "data")


def test_entries_between_two_moments_are_those_a_scan_finds(ledger):
    sealed = sorted(
        ingested(entry) for trail, size in ledger.sizes().items() for entry in ledger.read(trail, 0, size)
    )
    for since in (sealed[0], sealed[3], "", "9"):
        for until in (sealed[-1], sealed[3], "9"):
            assert sum(_between(ledger, trail, since, until) for trail in ledger.sizes()) == sum(
                since <= one <= until for one in sealed
            )


def test_a_report_speaks_of_the_moment_of_the_last_entry(ledger, tmp_path):
    newest = max(ingested(ledger.entry(trail, size - 1)) for trail, size in ledger.sizes().items())
    assert last_sealed(ledger) == newest
    assert last_sealed(LedgerReader(tmp_path / "nothing")) == ""


def test_the_record_began_with_its_first_entry(ledger, tmp_path, monkeypatch):
    oldest = min(ingested(ledger.entry(trail, 0)) for trail in ledger.sizes())
    assert began(ledger) == oldest
    assert began(LedgerReader(tmp_path / "nothing")) == ""
    monkeypatch.setattr(ledger, "first", lambda: {"access": 3, "audit": 0})
    assert began(ledger) == ingested(ledger.entry("audit", 0))
    monkeypatch.setattr(ledger, "first", lambda: {"access": 3, "audit": 3, "audit-2": 0})
    assert began(ledger) == ""


def test_the_drill_finds_every_change_on_entries_of_the_folder(ledger, tmp_path):
    assert [found for _, found in _drill(ledger)] == [True, True, True]
    assert _drill(LedgerReader(tmp_path / "nothing")) == ()


def test_a_folder_as_the_collector_makes_it_is_open_to_nobody(ledger, tmp_path):
    writable, readable, paths = _modes(Folder(tmp_path / "data"))
    assert (writable, readable) == ((), ())
    assert paths > 8


def test_the_index_answers_from_what_it_has_when_the_ledger_was_changed(collecting, line, tmp_path):
    from sealtrail.demo.tamper import edit_one_byte

    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(5)])
        collector.settle()
        collector.store.flush()
    edit_one_byte(tmp_path / "data", b'"url.path"', "access")
    index = Index(Reading.open(Folder(tmp_path / "data")), 0)
    rows = index.rows("sealtrail.kind:request", 10, None, None)
    assert [row["url.path"] for row in rows] == [f"/things/{n}" for n in range(5)]
    assert index.rows("sealtrail.kind:request", 1, None, None, newest=True)[0]["event.id"] == "e-4"
    assert index.count("sealtrail.kind:request", None, None) == 5
    assert dict(index.values("sealtrail.kind:request", "event.id", None, None)) == {
        f"e-{n}": 1 for n in range(5)
    }
