from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sealtrail.follow.state import Cursor, load_json, save, save_json


def test_a_cursor_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    cursor = Cursor(tmp_path / "state" / "cursors" / "index.json")
    assert cursor.load() == {}
    cursor.save({"access": 12, "audit": 3})
    assert cursor.load() == {"access": 12, "audit": 3}


def test_a_broken_cursor_counts_as_none(tmp_path: Path) -> None:
    path = tmp_path / "cursor.json"
    for broken in (b"", b"{", b"[1]", b'{"access":-1}', b'{"access":"x"}'):
        path.write_bytes(broken)
        assert Cursor(path).load() == {}


def test_state_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    save_json(tmp_path / "secret.json", {"a": 1})
    assert stat.S_IMODE((tmp_path / "secret.json").stat().st_mode) == 0o600


def test_a_failed_save_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "state.json"
    save(path, b'"old"')

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(OSError, match="No space"):
        save(path, b'"new"')
    assert load_json(path) == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["state.json"]
