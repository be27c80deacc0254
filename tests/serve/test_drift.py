from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sealtrail.collect.pipeline import open_trails
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve import drift
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.store.columnar import ColumnarStore


@pytest.fixture
def folder(collecting, line, tmp_path) -> Folder:
    with collecting() as collector:
        collector.submit("key:1", [line(seq) for seq in range(40)])
        assert collector.settle()
        collector.store.flush()
    return Folder(tmp_path / "data")


def states(findings) -> list[str]:
    return [finding.state for finding in findings]


def test_what_the_collector_wrote_is_signed_and_indexed(folder):
    found = list(drift.ledger(folder, LedgerReader(folder.root)))
    assert states(found) == ["ok", "ok"]
    (found,) = drift.index(Reading.open(folder))
    assert found.state == "ok"
    assert "compared one by one" in found.what


def test_successors_are_counted_apart(folder, collecting, line):
    for log in open_trails(folder.root, succeed=True).logs.values():
        log.close()
    with collecting() as collector:
        collector.submit("key:1", [line(seq, "f") for seq in range(40)])
    assert states(drift.ledger(folder, LedgerReader(folder.root))) == ["ok"] * 4
    assert states(drift.index(Reading.open(folder))) == ["ok"]


def test_entries_that_do_not_fit_their_checkpoint_are_said_so(folder):
    active = folder.trails / "access" / "active-000000"
    active.write_bytes(active.read_bytes()[:-1])
    found = list(drift.ledger(folder, LedgerReader(folder.root)))
    assert states(found) == ["fail", "ok"]
    assert "verify" in found[0].todo


def test_a_checkpoint_by_another_key_is_said_so(folder):
    (folder.keys / "audit.vkey").write_text((folder.keys / "access.vkey").read_text())
    assert states(drift.ledger(folder, LedgerReader(folder.root))) == ["ok", "fail"]
    (folder.keys / "audit.vkey").unlink()
    assert states(drift.ledger(folder, LedgerReader(folder.root))) == ["ok", "fail"]


def test_a_clock_that_was_set_back_shows(folder):
    past = datetime.now(UTC) - timedelta(hours=1)
    found = list(drift.ledger(folder, LedgerReader(folder.root), past))
    assert [(f.check, f.state) for f in found][-1] == ("clock", "warn")


def test_an_index_that_lacks_rows_shows(folder, monkeypatch):
    real = ColumnarStore.count_by
    monkeypatch.setattr(
        ColumnarStore, "count_by", lambda *a, **k: [(name, rows - 1) for name, rows in real(*a, **k)]
    )
    found = list(drift.index(Reading.open(folder)))
    assert set(states(found)) == {"fail"}
    assert "rebuild" in found[0].todo


def test_an_index_that_says_something_else_than_the_ledger_shows(folder, monkeypatch):
    real = ColumnarStore.search

    def forged(*arguments, **named):
        hits = real(*arguments, **named)
        for hit in hits:
            hit.fields["url.path"] = "/forged"
        return hits

    monkeypatch.setattr(ColumnarStore, "search", forged)
    found = list(drift.index(Reading.open(folder)))
    assert any("another event than the ledger" in finding.what for finding in found)
