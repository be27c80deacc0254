from __future__ import annotations

import pkgutil
import stat
from pathlib import Path
from typing import Any

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


class Gone(BaseException):
    """The process is killed: nothing in the code may handle it."""


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), Gone()], ids=["full", "killed"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(
    "step", ["os.open", "os.fsync", "pathlib.Path.replace", "sealtrail.follow.state.sync_folder"]
)
def test_a_cursor_is_the_old_or_the_new_one_whatever_step_of_saving_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, after: bool, fault: BaseException
) -> None:
    cursor = Cursor(tmp_path / "cursor.json")
    cursor.save({"access": 1})
    with monkeypatch.context() as broken:
        real = pkgutil.resolve_name(step)

        def die(*given: Any, **named: Any) -> None:
            if after:
                real(*given, **named)
            raise fault

        broken.setattr(step, die)
        with pytest.raises(type(fault)):
            cursor.save({"access": 2})
    assert cursor.load()["access"] in {1, 2}
    cursor.save({"access": 3})
    assert Cursor(tmp_path / "cursor.json").load() == {"access": 3}
