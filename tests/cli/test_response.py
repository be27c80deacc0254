from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector

Run = Callable[..., Result]


def test_without_a_server_nobody_can_be_blocked_and_it_says_so(run: Run, tmp_path: Path) -> None:
    Folder(tmp_path / "data").create()
    done = run("block", "203.0.113.9", "--reason", "x", "--data", tmp_path / "data")
    assert done.exit_code == 2
    assert "sealtrail serve" in done.stderr


def test_an_operator_blocks_lists_and_undoes_through_the_running_server(run: Run, tmp_path: Path) -> None:
    data, spool = tmp_path / "data", tmp_path / "spool"
    spool.mkdir()
    with Collector(Folder(data), spools=[spool]) as collector:
        assert (
            run("block", "203.0.113.9", "--for", "2h", "--reason", "ticket 4711", "--data", data).exit_code
            == 0
        )
        (row,) = json.loads(run("blocks", "--data", data, "-o", "json").stdout)
        assert (row["address"], row["reason"]) == ("203.0.113.9", "ticket 4711")
        written = json.loads((spool / "blocks.json").read_bytes())
        assert [block["address"] for block in written["blocks"]] == ["203.0.113.9"]
        assert run("unblock", "203.0.113.9", "--reason", "mistake", "--data", data).exit_code == 0
        assert run("unblock", "203.0.113.9", "--reason", "again", "--data", data).exit_code == 1
        assert run("block", "127.0.0.1", "--reason", "x", "--data", data).exit_code == 2
        collector.settle()
        acts = collector.reading.search("event.action:sealtrail.block or event.action:sealtrail.unblock")
    assert [row.fields["event.action"] for row in acts] == ["sealtrail.unblock", "sealtrail.block"]
    assert all(row.fields["user.id"] for row in acts)
