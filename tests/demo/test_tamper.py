from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.demo.tamper import edit_one_byte
from sealtrail.errors import NotFoundError
from sealtrail.ledger.verify import verify
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


@pytest.fixture
def data(tmp_path: Path) -> Path:
    with Collector(Folder(tmp_path / "data"), guard=False) as collector:
        change = [{"path": "role", "old": "viewer", "new": "admin"}]
        collector.pipeline.record({"event.action": "sealtrail.test", "sealtrail.change": change}).result()
    return tmp_path / "data"


def test_the_edit_changes_exactly_one_byte_and_verify_names_its_entry(data: Path) -> None:
    (active,) = (data / "trails" / "audit").glob("active-*")
    before = active.read_bytes()
    where = edit_one_byte(data, b'"sealtrail.change"')
    after = active.read_bytes()
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 1
    report = verify(data)
    assert report.verdict == "tampered"
    assert where in {problem.place for trail in report.trails for problem in trail.problems}


def test_nothing_is_edited_where_nothing_is_found(data: Path) -> None:
    with pytest.raises(NotFoundError):
        edit_one_byte(data, b'"no.such.field"')
    assert verify(data).verdict == "intact"
