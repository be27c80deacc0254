from __future__ import annotations

import os
from datetime import UTC, datetime

import msgspec
import pytest

from sealtrail.serve import neighbours
from sealtrail.serve.folder import Folder
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import BLOCKS_FILE, PSEUDONYM_KEY_FILE, BlockList, publish_blocks


@pytest.fixture
def data(tmp_path) -> Folder:
    folder = Folder(tmp_path / "data")
    folder.create()
    return folder


@pytest.fixture
def made(spool):
    """A spool as an application makes it, with one segment that is still open."""
    writer = Spool(spool)
    assert writer.write(b'{"event.action":"x"')
    yield spool
    writer.close()


def said(spool, data, *, followed: bool = False) -> dict[str, list[str]]:
    told: dict[str, list[str]] = {"ok": [], "warn": [], "fail": []}
    for finding in neighbours.spool(spool, data, followed=followed):
        told[finding.state].append(finding.what)
    return told


def test_a_spool_as_an_application_makes_it_is_right_but_for_the_one_user(made, data):
    told = said(made, data)
    assert told["fail"] == []
    assert any("run as one user" in what for what in told["warn"])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives folders away")
def test_two_users_are_recognised(made, data):
    os.chown(made, 12345, 12345)
    assert "application and collector are different users" in said(made, data)["ok"]


def test_a_spool_that_everybody_reaches_is_wrong_and_one_of_another_mode_odd(made, data):
    made.chmod(0o2777)
    assert any("everybody" in what for what in said(made, data)["fail"])
    made.chmod(0o770)
    assert any("not 2770" in what for what in said(made, data)["warn"])


def test_files_that_too_many_can_read_are_named(made, data):
    (made / PSEUDONYM_KEY_FILE).write_text("secret")
    (made / PSEUDONYM_KEY_FILE).chmod(0o640)
    next(made.glob("*.ndjson")).chmod(0o664)
    told = said(made, data)["fail"]
    assert any(PSEUDONYM_KEY_FILE in what for what in told)
    assert any(".ndjson" in what for what in told)
    (made / PSEUDONYM_KEY_FILE).chmod(0o600)
    next(made.glob("*.ndjson")).chmod(0o640)
    assert said(made, data)["fail"] == []


def test_a_spool_that_is_not_there_or_no_folder_is_said_so(spool, data):
    assert said(spool, data)["warn"] == ["it is not there"]
    spool.write_text("")
    assert said(spool, data)["fail"] == ["it is no folder"]


def test_a_spool_that_fills_up_is_wrong_and_one_that_nobody_follows_odd(made, data, monkeypatch):
    assert any("no server follows it" in what for what in said(made, data)["warn"])
    monkeypatch.setattr(neighbours, "SPOOL_BYTES", 4)
    assert any("events are dropped" in what for what in said(made, data)["fail"])


def test_a_spool_that_this_user_cannot_empty_is_wrong(made, data, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert any("cannot be read and emptied" in what for what in said(made, data)["fail"])


def test_a_block_list_must_be_there_and_fresh_where_a_server_follows(made, data):
    assert any("no block list" in what for what in said(made, data, followed=True)["warn"])
    publish_blocks(made, BlockList(0.0))
    assert "its block list is fresh" in said(made, data, followed=True)["ok"]
    os.utime(made / BLOCKS_FILE, (0, 0))
    assert any("s old" in what for what in said(made, data, followed=True)["fail"])


def status(folder, **fields) -> None:
    (folder / "ship").mkdir(exist_ok=True)
    given = {"time": datetime.now(UTC).isoformat(), "waiting_bytes": 0, **fields}
    (folder / "ship" / "status.json").write_bytes(msgspec.json.encode(given))


def test_a_spool_that_is_shipped_is_followed(made, data):
    status(made)
    told = said(made, data)
    assert not any("no server follows it" in what for what in told["warn"])
    assert "it is shipped; 0 KiB wait to be acknowledged" in told["ok"]


def test_shipping_that_stands_still_lags_or_has_ended_is_said(made, data):
    for fields, state, what in (
        ({"problem": "Connection refused"}, "warn", "nothing can be sent: Connection refused"),
        ({"waiting_bytes": 1 << 30}, "warn", "1,048,576 KiB wait"),
        ({"failure": "the key is refused"}, "fail", "shipping ended: the key is refused"),
        ({"time": "2020-01-01T00:00:00Z"}, "warn", "is silent now"),
        ({"time": "yesterday"}, "warn", "is silent now"),
    ):
        status(made, **fields)
        assert any(what in one for one in said(made, data)[state]), fields


def test_a_collector_that_contradicted_itself_is_wrong(made, data):
    status(made)
    (made / "ship" / "pins" / "diverged").mkdir(parents=True)
    (made / "ship" / "pins" / "diverged" / "audit.0123").write_text("x")
    assert any("contradicts" in what for what in said(made, data)["fail"])


def test_what_an_application_puts_in_the_shippers_place_is_not_believed(made, data, tmp_path):
    (made / "ship").mkdir()
    place = made / "ship" / "status.json"
    os.mkfifo(place)
    assert any("no server follows it" in what for what in said(made, data)["warn"])
    place.unlink()
    place.symlink_to(tmp_path / "elsewhere")
    assert any("no server follows it" in what for what in said(made, data)["warn"])
    place.unlink()
    place.write_bytes(b'{"time": 5}' * 10_000)
    assert any("no server follows it" in what for what in said(made, data)["warn"])


def test_the_bound_is_the_applications_where_it_is_told(made, data, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_SPOOL_BYTES", "1M")
    (made / "other.000000.ndjson").write_bytes(b"x" * 600_000)
    assert any("at 1 MiB events are dropped" in what for what in said(made, data)["fail"])
