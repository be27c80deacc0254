from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError, UsageError
from sealtrail.serve.folder import Folder
from sealtrail.serve.operating import operate, rebuild
from sealtrail.serve.reading import Reading


def counts(data: Path) -> list[object]:
    reading = Reading.open(Folder(data))
    return [
        reading.count("*"),
        reading.count("url.path:/things/3"),
        sorted(reading.count_by("*", "url.path")),
        reading.histogram("sealtrail.kind:request", "1m"),
        [(row.address, row.data) for row in reading.every("sealtrail.kind:request")],
    ]


@pytest.mark.parametrize("loss", ["nothing", "the index", "the manifest", "a segment"])
def test_the_index_is_made_again_with_the_same_counts(collecting, line, tmp_path, loss):
    with collecting() as collector:
        for start in range(0, 300, 50):
            collector.submit("key:1", [line(seq) for seq in range(start, start + 50)])
            collector.settle()
            collector.store.flush()
    data = tmp_path / "data"
    before = counts(data)
    store = data / "store"
    if loss == "the index":
        shutil.rmtree(store)
    elif loss == "the manifest":
        (store / "manifest.json").write_bytes(b"{")
    elif loss == "a segment":
        next(store.glob("*.parquet")).unlink()
    total = rebuild(data)
    after = counts(data)
    assert before[1:] == after[1:]
    # Rebuilding is itself a start and a stop of a writer, which are recorded and signed.
    assert total >= before[0]
    assert before[0] < after[0] < before[0] + 10


def test_a_rebuild_needs_the_folder_to_itself(collecting, line, tmp_path):
    with collecting() as collector:
        collector.submit("key:1", [line(0)])
        with pytest.raises(LedgerError) as refused:
            rebuild(tmp_path / "data")
        assert refused.value.code == "ledger.locked"
        collector.settle()
        assert collector.reading.count("sealtrail.kind:request") == 1


def test_an_act_needs_a_server(collecting, tmp_path):
    with collecting():
        pass
    with pytest.raises(UsageError, match="no server has"):
        operate(tmp_path / "data", {"act": "blocks"})
    with collecting(guard=True):
        assert operate(tmp_path / "data", {"act": "blocks"}) == {"blocks": []}
