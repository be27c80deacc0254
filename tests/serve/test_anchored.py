from __future__ import annotations

import msgspec

from sealtrail.anchor.standing import Standing
from sealtrail.serve.anchored import alone_here, findings
from sealtrail.serve.folder import Folder
from sealtrail.settings import LedgerSettings, Settings


def test_each_anchor_has_a_finding_of_its_own():
    told = [
        Standing("/mnt", "folder", "audit", 7, "2026-11-24T08:00:00Z"),
        Standing("/mnt", "folder", "access"),
        Standing("/mnt", "folder", "audit", 7, "A", "B", "it is full"),
        Standing("/mnt", "folder", "audit", 7, "A", "B", "another root", diverged=True),
    ]
    found = list(findings([msgspec.to_builtins(one) for one in told]))
    assert [one.state for one in found] == ["ok", "warn", "fail", "fail"]
    assert found[2].what == "/mnt: audit anchored up to 7 at A; failing since B: it is full"
    assert "evidence" in found[3].todo


def test_a_folder_that_nothing_vouches_for_is_told_the_cheapest_ways(collecting, tmp_path):
    with collecting() as collector:
        assert collector.settle()
    folder = Folder(tmp_path / "data")
    (found,) = alone_here(folder, Settings(), {})
    assert found.state == "warn"
    assert "anchored only by what leaves this host" in found.what
    assert "sealtrail witness add" in found.todo
    anchored = Settings(ledger=LedgerSettings(anchor_to=("/mnt",)))
    assert list(alone_here(folder, anchored, {})) == []
    assert list(alone_here(folder, Settings(), {"anchors": [{}]})) == []
    assert list(alone_here(Folder(tmp_path / "nothing"), Settings(), {})) == []
