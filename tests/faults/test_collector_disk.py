"""A disk that is full or broken at one place of the collector, which goes on everywhere else.

Whatever cannot be written, what is acknowledged meanwhile is in the ledger once, after the trouble and after
a crash in the middle of it, and the ledger verifies.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from sealtrail.collect import inbox, pipeline, spools
from sealtrail.collect.inbox import ask
from sealtrail.event import Fields, canonical, read
from sealtrail.event.line import check_line
from sealtrail.follow.state import save_json
from sealtrail.ledger.verify import verify
from sealtrail.respond import desk
from sealtrail.serve import guarding, housekeeping
from sealtrail.serve.access import keys_of
from sealtrail.serve.folder import Folder
from sealtrail.serve.running import Served
from sealtrail.serve.writing import Collector
from sealtrail.store import columnar
from sealtrail.store.columnar import Limits

SETTINGS = "[ledger]\ncheckpoint-seconds = 0.02\n"
FULL, BROKEN = errno.ENOSPC, errno.EIO
SAVES = [("open", FULL), ("fsync", BROKEN), ("fsync", FULL), ("replace", BROKEN)]  # a file and its rename


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tried again is tried at once, and what happens seldom happens all the time."""
    monkeypatch.setattr(spools, "TROUBLE_SECONDS", 0.01)
    monkeypatch.setattr(inbox, "RETRY_SECONDS", 0.01)
    monkeypatch.setattr(pipeline, "SNAPSHOT_ENTRIES", 4)
    monkeypatch.setattr(guarding, "TICK_SECONDS", 0.01)
    monkeypatch.setattr(desk, "REFRESH_SECONDS", 0.01)
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 0.01)
    monkeypatch.setattr(columnar, "Limits", lambda: Limits(segment_rows=3, segment_seconds=0.01))


class House:
    """One data folder and one spool folder; what was acknowledged is remembered."""

    def __init__(self, root: Path) -> None:
        self.data, self.spool = root / "data", root / "spool"
        self.spool.mkdir()
        self.data.mkdir()
        (self.data / "settings.toml").write_text(SETTINGS)
        self.acknowledged: list[tuple[str, str, int]] = []
        self._segments = 0

    def open(self, *, guard: bool = False) -> Collector:
        return Collector(Folder(self.data), spools=[self.spool], guard=guard)

    def submit(self, collector: Collector, *numbers: int) -> None:
        receipt = collector.submit("key:1", [line(number) for number in numbers])
        assert receipt.accepted == len(numbers)
        self.acknowledged += [("key:1", "e", number) for number in numbers]

    @contextmanager
    def living(self) -> Iterator[Path]:
        """A segment whose application is alive, as long as this lasts."""
        aside, path = self._written()
        with aside.open("ab") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            yield aside.rename(path)

    def put(self, *parts: bytes) -> Path:
        """A segment of an application that is gone."""
        aside, path = self._written(*parts)
        return aside.rename(path)

    def _written(self, *parts: bytes) -> tuple[Path, Path]:
        """A file without its name yet, and the name."""
        emitter = f"app{self._segments}"
        self._segments += 1
        good = [line(number, emitter)[0] for number in range(3)]
        self.acknowledged += [("spool", emitter, number) for number in range(3)]
        aside = self.spool / ".new"
        aside.write_bytes(b"".join(one + b"\n" for one in (*parts, *good)))
        return aside, self.spool / f"{emitter}.000000.ndjson"

    def segments(self) -> list[str]:
        return [path.name for path in self.spool.glob("*.ndjson")]

    def rejects(self) -> list[dict[str, Any]]:
        """Every record of the quarantine; half ones, which a full disk left, stand alone."""
        found = []
        for path in (self.data / "state" / "rejects").glob("*.ndjson"):
            for text in path.read_bytes().splitlines():
                try:
                    found.append(json.loads(text))
                except ValueError:
                    found.append({})
        return found


def line(seq: int, emitter: str = "e", **more: object) -> tuple[bytes, Fields]:
    data = canonical(
        {
            "@timestamp": "2026-01-01T00:00:00.000000Z",
            "event.id": f"{emitter}-{seq}",
            "sealtrail.kind": "request",
            "event.action": "http.request",
            "sealtrail.emitter": emitter,
            "sealtrail.seq": seq,
            **more,
        }
    )
    return data, check_line(data)


def until(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.002)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """When the test is done the folder is opened once more, without trouble, and judged."""
    made = House(tmp_path)
    yield made
    with made.open() as collector:
        until(lambda: not made.segments())
        assert collector.settle()
        ledger = collector.ledger
        entries = [read(e) for trail in ledger.trails() for e in ledger.read(trail, 0, 10_000)]
        found = Counter((e["sealtrail.source"], e["sealtrail.emitter"], e["sealtrail.seq"]) for e in entries)
        assert set(found.values()) == {1}
        assert [one for one in made.acknowledged if one not in found] == []
        assert collector.reading.count("sealtrail.kind:request") == len(
            [e for e in entries if e["sealtrail.kind"] == "request"]
        )
        assert [e for e in entries if e["event.action"] == "sealtrail.gap"] == []
    report = verify(made.data, workers=1)
    assert report.verdict == "intact", report.lines()
    assert [trail.uncommitted for trail in report.trails] == [0, 0]


def after(house: House, trouble, how: str, collector: Collector) -> None:
    """The trouble ends while the collector runs, or only after it has stopped."""
    if how == "meanwhile":
        trouble.end()
        house.put()
        until(lambda: not house.segments())
        house.submit(collector, 100, 101)
        assert collector.settle()


@pytest.mark.parametrize("how", ["meanwhile", "later"])
@pytest.mark.parametrize(("call", "number"), SAVES)
def test_offsets_of_a_spool_that_cannot_be_saved(house, trouble, call, number, how):
    with house.open() as collector:
        house.put()
        until(lambda: not house.segments())
        trouble.begin("spool-0-spool", number, call)

        def problem() -> str:
            return str(collector.health()["spools"][str(house.spool)]["problem"])

        with house.living():
            gone = house.put()
            until(lambda: trouble.refused > 2 and problem())
            assert os.strerror(number) in problem()
            house.submit(collector, 0, 1)
            assert collector.health()["ready"]
            if how == "meanwhile":
                trouble.end()
                until(lambda: not problem() and not gone.exists())
        after(house, trouble, how, collector)
    trouble.end()


@pytest.mark.parametrize("how", ["meanwhile", "later"])
@pytest.mark.parametrize(("call", "number"), SAVES)
def test_a_snapshot_of_what_was_seen_that_cannot_be_saved_refuses_nobodys_events(
    house, trouble, call, number, how
):
    with house.open() as collector:
        trouble.begin("/state/.seen." if call != "replace" else "/state/seen", number, call)
        for at in range(0, 30, 3):
            house.submit(collector, at, at + 1, at + 2)
        house.put()
        until(lambda: trouble.refused > 1 and not house.segments())
        assert collector.health()["ready"]
        assert not collector.pipeline.failed.is_set()
        assert collector.submit("key:1", [line(0), line(1)]).duplicates == 2
        after(house, trouble, how, collector)
    trouble.end()
    with house.open() as collector:
        assert collector.submit("key:1", [line(0), line(29)]).duplicates == 2


@pytest.mark.parametrize("how", ["meanwhile", "later"])
@pytest.mark.parametrize(("call", "number"), [("open", BROKEN), ("write", FULL), ("fsync", BROKEN)])
def test_a_quarantine_that_cannot_be_written_keeps_its_lines_in_the_spool(house, trouble, call, number, how):
    with house.open() as collector:
        trouble.begin("/rejects", number, call)
        bad = house.put(b"no json", b"neither {")
        until(lambda: trouble.refused > 2)
        assert bad.exists()
        if call != "fsync":  # then the quarantine knows nothing durable, and everything behind it waits
            good = house.put()
            until(lambda: not good.exists())
        house.submit(collector, 0)
        after(house, trouble, how, collector)
    trouble.end()
    with house.open():
        until(lambda: not house.segments())
    kept = [(one["place"], one["code"]) for one in house.rejects() if one]
    places = {(f"{bad.name}@0", "event.not-json"), (f"{bad.name}@8", "event.not-json")}
    assert set(kept) == places
    # A half record that a crash or a full disk left is never glued to a whole one.
    if how == "meanwhile":
        assert sorted(kept) == sorted(places)


@pytest.mark.parametrize("number", [FULL, BROKEN])
def test_a_body_with_refused_lines_is_not_acknowledged_while_the_quarantine_cannot_take_them(
    house, trouble, number
):
    with Served(house.data, port=0) as served:
        end = served.in_background()
        headers = {"Authorization": f"Bearer {keys_of(house.data).new('ingest')[1]}"}

        def post(*lines: bytes) -> httpx.Response:
            return httpx.post(f"{served.url}/api/v1/events", content=b"\n".join(lines), headers=headers)

        trouble.begin("/rejects", number, "open")
        mixed = (line(0)[0], b"no json", line(1)[0])
        answer = post(*mixed)
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy.disk")
        assert post(line(2)[0]).json()["accepted"] == 1
        trouble.end()
        said = post(*mixed).json()
        assert (said["accepted"], len(said["rejected"])) == (2, 1)
        end()
    assert [one["place"] for one in house.rejects()] == ["line 2"]


@pytest.mark.parametrize(("call", "number"), SAVES)
def test_an_answer_that_cannot_be_written_is_given_later_and_the_act_done_once(house, trouble, call, number):
    with house.open() as collector:
        trouble.begin(".answer", number, call)
        said: list[dict[str, Any]] = []
        act = {"act": "record", "fields": {"event.action": "sealtrail.export", "user.id": "root"}}
        asking = threading.Thread(target=lambda: said.append(ask(collector.folder.inbox, act)))
        asking.start()
        until(lambda: trouble.refused > 2)
        house.submit(collector, 0)
        trouble.end()
        asking.join()
        assert [one["accepted"] for one in said] == [1]
        assert collector.settle()
        assert collector.reading.count("event.action:sealtrail.export") == 1
        assert list(collector.folder.inbox.iterdir()) == []


@pytest.mark.parametrize("number", [FULL, BROKEN])
def test_an_act_that_was_done_and_never_answered_is_not_done_again_by_the_next_server(house, trouble, number):
    with house.open() as collector:
        trouble.begin(".answer", number, "open")
        act = {"act": "record", "fields": {"event.action": "sealtrail.export"}}
        save_json(collector.folder.inbox / "abc.request", act)
        until(lambda: trouble.refused > 1)
    trouble.end()
    with house.open() as collector:
        until((collector.folder.inbox / "abc.answer").exists)
        assert collector.settle()
        assert collector.reading.count("event.action:sealtrail.export") == 1


@pytest.mark.parametrize("how", ["meanwhile", "later"])
@pytest.mark.parametrize(
    ("part", "call", "number"),
    [
        (".parquet", "open", FULL),
        (".parquet", "fsync", BROKEN),
        ("manifest.json", "fsync", FULL),
        ("manifest.json", "replace", BROKEN),
    ],
)
def test_an_index_that_cannot_be_written_stops_no_receipt(house, trouble, part, call, number, how):
    with house.open() as collector:
        house.submit(collector, 0, 1, 2, 3)
        assert collector.settle()
        trouble.begin(part, number, call)
        for at in range(10, 40, 5):
            house.submit(collector, *range(at, at + 5))
        house.put()
        until(lambda: trouble.refused > 1 and not house.segments())
        assert collector.health()["ready"]
        after(house, trouble, how, collector)
        if how == "meanwhile":
            assert collector.reading.count("sealtrail.source:key*") == 36
        trouble.end()


@pytest.mark.parametrize(("call", "number"), [("open", FULL), ("replace", BROKEN)])
def test_a_block_list_that_cannot_be_written_is_written_later_and_the_block_stands(
    house, trouble, call, number
):
    listed = house.spool / "blocks.json"

    def addresses() -> list[str]:
        return [block["address"] for block in json.loads(listed.read_bytes())["blocks"]]

    with house.open(guard=True) as collector:
        until(listed.exists)
        trouble.begin("blocks.json", number, call)
        act = {"act": "block", "address": "203.0.113.9", "seconds": 600, "reason": "test", "by": "root"}
        ask(collector.folder.inbox, act)
        until(lambda: trouble.refused > 2)
        assert addresses() == []
        assert os.strerror(number) in "".join(collector.guard.desk.faults.values())
        house.submit(collector, 0)
        house.put()
        until(lambda: not house.segments())
        trouble.end()
        until(lambda: addresses() == ["203.0.113.9"])
        assert collector.guard.desk.faults == {}
        assert collector.settle()
        assert collector.reading.count("event.action:sealtrail.block") == 1
    listed.unlink()
    with house.open(guard=True):
        until(lambda: listed.exists() and addresses() == ["203.0.113.9"])


@pytest.mark.parametrize(("call", "number"), SAVES)
def test_positions_of_followers_that_cannot_be_saved_are_found_again(house, trouble, call, number):
    with house.open(guard=True) as collector:
        house.submit(collector, 0)
        trouble.begin("/cursors/detect" if call == "replace" else "/cursors/.detect", number, call)
        for at in range(1, 20):
            house.submit(collector, at)
        house.put()
        until(lambda: not house.segments())
        trouble.end()
        assert collector.settle()
