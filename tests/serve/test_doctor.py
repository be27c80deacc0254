"""All looks together: with a server and without one, and where there is nothing to look at."""

from __future__ import annotations

import shutil
import time

from sealtrail.serve import doctor, machine
from sealtrail.serve.alone import ALONE
from sealtrail.serve.doctor import examine
from sealtrail.serve.findings import ok
from sealtrail.spool.disk import Spool


def wrong(findings) -> list[str]:
    return [f"{f.check}: {f.what}" for f in findings if f.state == "fail"]


def prepared(tmp_path, monkeypatch):
    (tmp_path / "data").chmod(0o700)
    (tmp_path / "data" / "settings.toml").chmod(0o600)
    monkeypatch.setattr(machine, "clock", lambda: ok("clock", "right"))


def test_a_running_server_is_asked_and_its_spools_are_looked_at(
    collecting, line, spool, tmp_path, monkeypatch
):
    spool.mkdir()
    spool.chmod(0o2770)
    with collecting(spools=[spool], guard=True) as collector:
        prepared(tmp_path, monkeypatch)
        collector.submit("key:1", [line(0)])
        assert collector.settle()
        found = examine(tmp_path / "data")
        assert wrong(found) == []
        checks = {f.check for f in found}
        assert {"versions", "disk", "settings", "permissions", "keys", "ledger", "index", "server"} <= checks
        assert f"spool {spool}" in checks
        assert any("accepts events" in f.what for f in found)
        assert any(f.check == "followers" and f.state == "ok" for f in found)

        monkeypatch.setattr(collector.hub, "lags", lambda: {"store": 10**6})
        monkeypatch.setattr(collector.hub, "failures", lambda: {"store": "no"})
        monkeypatch.setattr(collector.pipeline, "ready", lambda: "the disk is full")
        found = examine(tmp_path / "data")
        assert any("accepts no events: the disk is full" in what for what in wrong(found))
        assert any("1,000,000 entries behind" in f.what for f in found)
        assert any(f.what == "follower store: no" for f in found)


def test_events_that_never_arrived_are_told_and_where_to_read_of_them(
    collecting, spool, tmp_path, monkeypatch
):
    head = b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"%d"'
    head += b',"sealtrail.kind":"audit","event.action":"a.b"'
    writer = Spool(spool)
    assert writer.write(head % 0)
    writer.limit_bytes = 1
    writer._settle()
    assert [writer.write(head % 1) for _ in range(3)] == [False] * 3
    writer.bound(1 << 30)
    writer._retry_look = 0.0
    assert writer.write(head % 2)
    writer.close()
    with collecting(spools=[spool], guard=True) as collector:
        prepared(tmp_path, monkeypatch)
        (follower,) = collector.spools
        end = time.monotonic() + 20
        while not follower.counts["gaps"]:
            assert time.monotonic() < end
            time.sleep(0.01)
        told = [f.what for f in examine(tmp_path / "data") if f.state == "warn"]
        assert "3 events never arrived since the server started" in told


def test_without_a_server_that_is_said_and_the_folder_is_looked_at(collecting, tmp_path, monkeypatch):
    with collecting():
        pass
    prepared(tmp_path, monkeypatch)
    found = examine(tmp_path / "data", [tmp_path / "spool"])
    assert wrong(found) == []
    warned = [f.what for f in found if f.state == "warn"]
    assert warned == ["no server has the folder open", ALONE, "it is not there"]
    assert all(f.todo for f in found if f.state != "ok")


def test_a_folder_that_is_none_or_of_another_version_ends_the_examination(tmp_path):
    assert any("is not a data folder" in what for what in wrong(examine(tmp_path / "none")))
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "format").write_text("sealtrail 9\n")
    assert any("this version reads" in what for what in wrong(examine(tmp_path / "data")))
    (tmp_path / "data" / "format").write_text("sealtrail 1\n")
    (tmp_path / "data" / "settings.toml").write_text("[nonsense]\n")
    found = examine(tmp_path / "data")
    assert any("settings.toml" in what for what in wrong(found))


def test_where_nothing_is_collected_the_spools_alone_are_looked_at(spool, tmp_path, monkeypatch):
    monkeypatch.setattr(machine, "clock", lambda: ok("clock", "right"))
    spool.mkdir()
    spool.chmod(0o2777)
    found = examine(tmp_path / "none", [spool])
    assert [f.check for f in found if f.state == "warn"] == ["folder"]
    assert len(wrong(found)) == 1
    assert wrong(found)[0].startswith(f"spool {spool}: everybody on this machine can reach into it")


def test_a_ledger_that_cannot_be_opened_is_a_finding(collecting, tmp_path, monkeypatch):
    with collecting():
        pass
    prepared(tmp_path, monkeypatch)
    (tmp_path / "data" / "trails" / "audit" / "sealed").write_text("nonsense\n")
    assert any(what.startswith("ledger:") for what in wrong(examine(tmp_path / "data")))


def test_a_server_that_may_not_be_asked_or_does_not_answer_is_said_so(collecting, tmp_path, monkeypatch):
    with collecting() as collector:
        prepared(tmp_path, monkeypatch)
        monkeypatch.setattr(doctor.os, "geteuid", lambda: 4711)
        assert any("may not ask it" in f.what for f in examine(tmp_path / "data"))
        monkeypatch.undo()
        collector.inbox.stop()
        real = doctor.ask
        monkeypatch.setattr(doctor, "ask", lambda *a, **k: real(*a, timeout=0.05))
        assert any("does not answer" in what for what in wrong(examine(tmp_path / "data")))


def test_looking_changes_nothing(collecting, tmp_path, monkeypatch):
    with collecting():
        pass
    prepared(tmp_path, monkeypatch)
    shutil.copytree(tmp_path / "data", tmp_path / "before", copy_function=shutil.copy2)
    examine(tmp_path / "data")
    for path in (tmp_path / "data").rglob("*"):
        twin = tmp_path / "before" / path.relative_to(tmp_path / "data")
        assert path.is_dir() or path.read_bytes() == twin.read_bytes()
