from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.detect.library import load
from sealtrail.errors import UsageError

RULE = "title: {t}\nname: {t}\nlogsource: {{product: p}}\ndetection: {{s: {{f: 1}}, condition: s}}\n"


def test_a_folder_is_read_whole_and_refusals_are_collected(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a.yml").write_text(RULE.format(t="a"))
    (tmp_path / "b.yaml").write_text(RULE.format(t="b"))
    (tmp_path / "c.yml").write_bytes(b"title: \xff\n")
    (tmp_path / "d.yml").write_text("title: d\n")
    (tmp_path / "notes.txt").write_text("not a rule")
    found = load([tmp_path], pack=False)
    assert sorted(rule.head.title for rule in found.rules) == ["a", "b"]
    assert [Path(error.file).name for error in found.refused] == ["c.yml", "d.yml"]


def test_a_file_that_cannot_be_read_is_a_refusal(tmp_path: Path) -> None:
    (tmp_path / "a.yml").symlink_to(tmp_path / "a.yml")
    (tmp_path / "b.yml").mkdir()
    assert load([tmp_path], pack=False).refused == ()
    (tmp_path / "c.yml").write_bytes(b"#" * 5_000_000)
    (error,) = load([tmp_path], pack=False).refused
    assert "larger" in error.what


def test_a_path_that_is_not_there_is_an_error() -> None:
    with pytest.raises(UsageError):
        load([Path("nowhere")])


def test_own_rules_come_beside_the_pack(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text(
        "title: mine\ncorrelation: {type: event_count, rules: failed_login, group-by: [user.hash],"
        " timespan: 1h, condition: {gte: 50}}\n"
    )
    found = load([path])
    assert not found.refused
    assert "mine" in [head.title for head in found.heads]
    assert len(found.heads) == len(load().heads) + 1
