from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from sealtrail.serve.access import keys_of
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.serve.writing import Collector

Collecting = Callable[..., AbstractContextManager[Collector]]


def changes(data: Path) -> list[tuple[str, str, str, object]]:
    rows = Reading.open(Folder(data)).search("sealtrail.target.type:key", limit=10)
    return [
        (
            row.fields["event.action"],
            row.fields["user.id"],
            row.fields["sealtrail.target.id"],
            row.fields["sealtrail.change"][0],
        )
        for row in reversed(rows)
    ]


def test_keys_are_recorded_whether_a_server_runs_or_not(collecting: Collecting, tmp_path: Path):
    name, _ = keys_of(tmp_path / "data", create=True).new("ingest")
    with collecting():
        keys_of(tmp_path / "data").revoke(name)
    assert changes(tmp_path / "data") == [
        ("sealtrail.key.new", operator(), name, {"path": "role", "old": None, "new": "ingest"}),
        ("sealtrail.key.revoke", operator(), name, {"path": "role", "old": "ingest", "new": None}),
    ]
