from __future__ import annotations

import json
from pathlib import Path

from sealtrail.respond.act import Lever
from sealtrail.spool.layout import Block

BLOCKS = [Block("203.0.113.9", 1000.5, "a1"), Block("2001:db8::/64", 2000.0, "a2")]


def test_the_list_is_what_the_middleware_reads(tmp_path: Path) -> None:
    Lever([tmp_path]).publish(BLOCKS, 500.25)
    path = tmp_path / "blocks.json"
    assert json.loads(path.read_bytes()) == {
        "version": 1,
        "written": 500.25,
        "blocks": [
            {"address": "203.0.113.9", "until": 1000.5, "id": "a1"},
            {"address": "2001:db8::/64", "until": 2000.0, "id": "a2"},
        ],
    }
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in tmp_path.iterdir()] == ["blocks.json"]


def test_a_folder_that_cannot_be_written_keeps_no_other_from_its_list(tmp_path: Path) -> None:
    good, bad, absent = tmp_path / "good", tmp_path / "bad", tmp_path / "absent"
    good.mkdir()
    bad.write_text("a file where a folder belongs")
    lever = Lever([bad, absent, good])
    lever.publish(BLOCKS, 1.0)
    assert (good / "blocks.json").exists()
    assert set(lever.faults) == {str(bad), str(absent)}
    assert not absent.exists()
    absent.mkdir()
    bad.unlink()
    bad.mkdir()
    lever.publish(BLOCKS, 2.0)
    assert lever.faults == {}


def test_a_link_left_in_the_folder_leads_nowhere(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "blocks.json").symlink_to(outside)
    Lever([spool]).publish(BLOCKS, 1.0)
    assert outside.read_text() == "precious"
    assert not (spool / "blocks.json").is_symlink()
