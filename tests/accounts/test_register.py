from __future__ import annotations

import stat
import threading
from pathlib import Path

import msgspec
import pytest

from sealtrail.accounts.register import Register
from sealtrail.errors import UsageError


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int = 0


def register(path: Path) -> Register[Thing]:
    return Register(path, lambda data: msgspec.json.decode(data, type=list[Thing]), lambda things: things)


def test_what_one_changes_another_reads_at_once(tmp_path: Path):
    one, other = register(tmp_path / "things.json"), register(tmp_path / "things.json")
    assert other.get("a") is None
    with one.changing() as things:
        things["a"] = Thing("a", 1)
    assert other.get("a") == Thing("a", 1)
    with other.changing() as things:
        del things["a"]
    assert one.all() == ()


def test_a_change_that_fails_changes_nothing(tmp_path: Path):
    things = register(tmp_path / "things.json")
    with things.changing() as now:
        now["a"] = Thing("a")

    def fail() -> None:
        with things.changing() as now:
            del now["a"]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert things.get("a") == Thing("a")


def test_changes_at_the_same_time_lose_none(tmp_path: Path):
    def add(number: int) -> None:
        with register(tmp_path / "things.json").changing() as things:
            things[str(number)] = Thing(str(number))

    threads = [threading.Thread(target=add, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.name for one in register(tmp_path / "things.json").all()} == {str(n) for n in range(20)}


def test_nobody_waits_for_a_change_that_is_being_recorded(tmp_path: Path):
    things = register(tmp_path / "things.json")
    with things.changing() as now:
        now["a"] = Thing("a")
    read: list[object] = []
    with things.changing() as now:
        now["b"] = Thing("b")
        reader = threading.Thread(target=lambda: read.extend((things.get("a"), things.get("b"))), daemon=True)
        reader.start()
        reader.join(10)
        assert read == [Thing("a"), None]
    assert things.get("b") == Thing("b")


def test_a_broken_file_is_named_and_never_taken_for_an_empty_one(tmp_path: Path):
    path = tmp_path / "things.json"
    path.write_text("[{")
    with pytest.raises(UsageError, match=r"things\.json cannot be read"):
        register(path).get("a")


def test_the_file_and_its_lock_are_their_owners_alone(tmp_path: Path):
    with register(tmp_path / "keys/things.json").changing():
        pass
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}
