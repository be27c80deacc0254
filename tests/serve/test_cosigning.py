"""A collector and its witnesses: real ones over HTTP, that go, come back, and see another past."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sealtrail.event.codec import read
from sealtrail.ledger.note import Note
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.verify import verify
from sealtrail.serve import cosigning
from sealtrail.serve.access import keys_of
from sealtrail.serve.cosigning import Cosigning
from sealtrail.serve.doors import Doors
from sealtrail.serve.folder import Folder
from sealtrail.serve.standing import findings, kept_of
from sealtrail.serve.vigil import WitnessServer
from sealtrail.serve.witnesses import add, listed, remove
from sealtrail.serve.writing import Collector

SETTINGS = "[ledger]\ncheckpoint-seconds = 0.0\nwitness-seconds = 3600\n"


@contextmanager
def witness(
    folder: Path, data: Path, *, trails: tuple[str, ...] = ("access", "audit"), port: int = 0
) -> Iterator[WitnessServer]:
    served = WitnessServer(folder, logs=[str(data / "keys" / f"{trail}.vkey") for trail in trails], port=port)
    with served.open() as server:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [served._socket]})
        thread.start()
        try:
            yield served
        finally:
            server.should_exit = True
            thread.join()


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class House:
    """A collector whose rounds a test makes itself."""

    def __init__(self, root: Path) -> None:
        self.data = root / "data"
        self.folder = Folder(self.data)
        self.folder.create()
        (self.data / "settings.toml").write_text(SETTINGS)
        self.steady = Clock()

    @contextmanager
    def open(self) -> Iterator[Collector]:
        with Collector(self.folder, guard=False) as collector:
            self.collector = collector
            self.cosigning = Cosigning(
                self.folder,
                collector.logs,
                collector.ledger,
                collector.pipeline.record,
                1.0,
                steady=self.steady,
            )
            yield collector

    def round(self, later: float = 0.0) -> None:
        """Everything is signed, time goes on, and the witnesses are asked."""
        self.collector.pipeline.mark().result()
        self.steady.now += later
        self.cosigning.once()

    def signed(self, trail: str = "audit") -> int:
        return self.collector.logs[trail].published

    def said(self) -> list[str]:
        size = self.collector.ledger.sizes()["audit"]
        entries = [read(entry) for entry in self.collector.ledger.read("audit", 0, size)]
        actions = [str(entry["event.action"]) for entry in entries]
        return [one for one in actions if "witness" in one or "diverged" in one]

    def anchored(self) -> tuple[str, bool]:
        report = verify(self.data, policy=Policy.from_text(self.folder.witnesses.read_text()), workers=1)
        return report.verdict, report.anchored


@pytest.fixture
def house(tmp_path: Path) -> House:
    made = House(tmp_path)
    with made.open():
        pass
    return made


def test_a_quorum_cosigns_what_is_signed_and_verify_takes_it(house, tmp_path):
    with witness(tmp_path / "w1", house.data) as one, witness(tmp_path / "w2", house.data) as two:
        with house.open():
            house.round()
            assert house.said() == []
            add(house.data, "w1", one.vkey, one.url)
            add(house.data, "w2", two.vkey, two.url, "all")
            house.round()
            assert house.cosigning.trust.rule == "2 of 2"
            note = Note.from_bytes(house.collector.ledger.checkpoint("audit"))
            assert {line.name for line in note.signatures[1:]} == {one.vigil.key.name, two.vigil.key.name}
            assert house.cosigning.witnessed("audit") == house.signed()
            for _ in range(3):  # rounds without news ask nobody, write nothing and make no news
                before = house.signed()
                house.round(1000)
                assert house.signed() == before
            assert house.said() == ["sealtrail.witness.added", "sealtrail.witness.added"]
            assert house.cosigning.troubles() == []
            assert house.anchored() == ("intact", True)
        house.cosigning.finish()
    told = listed(house.data)
    assert told["unwitnessed"] == {}
    assert {one["name"]: one["why"] for one in told["witnesses"]} == {"w1": "", "w2": ""}
    assert verify(house.data, workers=1).anchored is False


def test_a_witness_that_goes_is_a_fact_once_and_its_return_another(house, tmp_path, monkeypatch):
    with house.open():
        with witness(tmp_path / "w", house.data) as one:
            add(house.data, "w", one.vkey, one.url)
            house.round()
            port, reached = one.port, house.cosigning.witnessed("audit")
        house.collector.pipeline.record({"event.action": "sealtrail.read"}).result()
        house.round()
        assert house.cosigning.unwitnessed() == {}
        assert "cannot be asked" in house.cosigning.standings()["w"].why
        house.round(61)
        assert house.cosigning.unwitnessed()["audit"] == reached
        for _ in range(3):  # the fact is signed, which is no new fact
            house.round(1000)
        lost = ["sealtrail.unwitnessed"] * 2
        assert house.said()[1:] == lost
        assert any("fails since" in trouble for trouble in house.cosigning.troubles())
        assert f"witnesses: audit is unwitnessed since {reached:,}" in house.cosigning.troubles()
        assert listed(house.data)["unwitnessed"]["audit"] == reached
        assert listed(house.data)["witnesses"][0]["failing_since"]
        with witness(tmp_path / "w", house.data, port=port):
            for _ in range(3):
                house.round(1000)
            assert house.said()[1:] == [*lost, *["sealtrail.witnessed"] * 2]
            assert house.cosigning.troubles() == []
            assert house.cosigning.witnessed("audit") == house.signed()
    assert house.anchored()[0] == "intact"


def test_a_fact_that_was_told_is_told_once_also_after_a_start(house, tmp_path):
    key = witness_key(tmp_path / "w", house.data)
    with house.open():
        add(house.data, "w", key, "http://127.0.0.1:1")
        house.round()
        house.round(61)
    with house.open():
        for _ in range(3):
            house.round(1000)
        assert house.said() == ["sealtrail.witness.added", *["sealtrail.unwitnessed"] * 2]


def witness_key(folder: Path, data: Path) -> str:
    served = WitnessServer(folder, port=0)
    with served.open():
        return served.vkey


def test_a_witness_that_knows_one_trail_only_leaves_the_other_unwitnessed(house, tmp_path):
    with witness(tmp_path / "w", house.data, trails=("audit",)) as one, house.open():
        add(house.data, "w", one.vkey, one.url)
        house.round()
        assert house.cosigning.witnessed("audit") == house.signed()
        assert house.cosigning.witnessed("access") == 0
        assert "give it the key of" in house.cosigning.standings()["w"].why


def test_a_failing_witness_is_asked_less_and_less_often(house, tmp_path, monkeypatch):
    tries = []

    def failed(*_: object) -> None:
        tries.append(house.steady.now)
        raise cosigning.Failed("no")

    monkeypatch.setattr(cosigning, "asked", failed)
    with house.open():
        add(house.data, "w", witness_key(tmp_path / "w", house.data), "http://127.0.0.1:1")
        for _ in range(20):
            house.round(1)
    assert sorted(set(tries)) == [1, 2, 4, 8, 16]


def test_a_folder_that_was_put_back_contradicts_its_witness(house, tmp_path):
    """The data folder is copied, goes on under witness, and the old copy takes its place."""
    import shutil

    old = tmp_path / "old"
    shutil.copytree(house.data, old)
    with witness(tmp_path / "w", house.data) as one:
        with house.open():
            add(house.data, "w", one.vkey, one.url)
            for _ in range(5):
                house.collector.pipeline.record({"event.action": "sealtrail.read"}).result()
            house.round()
            text = house.folder.witnesses.read_bytes()
        shutil.rmtree(house.data)
        old.rename(house.data)
        house.folder.witnesses.write_bytes(text)
        with house.open():
            for _ in range(3):
                house.round(1000)
            assert house.said().count("sealtrail.diverged") == 2  # a trail each, and once
            assert set(house.cosigning.standings()["w"].diverged) == {"access", "audit"}
            assert any("entries" in trouble for trouble in house.cosigning.troubles())


def test_whoever_looks_is_told(house, tmp_path):
    """The API, the console, the metrics and the doctor, of a trail that lost its only witness."""
    key = keys_of(house.data).new("admin")[1]

    async def looked(*paths: str) -> list[str]:
        line = httpx.ASGITransport(app=Doors(house.collector, lambda: False).app())
        headers = {"Authorization": f"Bearer {key}", "Accept": "text/html"}
        async with httpx.AsyncClient(transport=line, base_url="http://127.0.0.1", headers=headers) as client:
            return [(await client.get(path)).text for path in paths]

    paths = ("/api/v1/integrity", "/integrity", "/metrics", "/trails/audit/checkpoint")
    with house.open() as collector:
        collector.cosigning = house.cosigning
        before, page, figures, _ = asyncio.run(looked(*paths))
        assert json.loads(before)["trails"][1]["witnessed"] is None
        assert "witnessed" not in page
        assert 'sealtrail_trail_witnessed_entries{trail="audit"}' not in figures
        with witness(tmp_path / "w", house.data) as one:
            add(house.data, "w", one.vkey, one.url)
            house.round()
            reached = house.signed()
        told, page, figures, note = asyncio.run(looked(*paths))
        assert json.loads(told)["trails"][1]["witnessed"] == reached
        assert "Witnesses cosigned everything" in page
        assert f'sealtrail_trail_witnessed_entries{{trail="audit"}} {reached}.0' in figures
        assert one.vigil.key.name in note
        assert [(f.state, f.check) for f in findings(house.cosigning.told())] == [("ok", "witnesses")]
        collector.pipeline.record({"event.action": "sealtrail.read"}).result()
        house.round()
        house.round(61)
        told, page, figures, note = asyncio.run(looked(*paths))
        audit = json.loads(told)["trails"][1]
        assert (audit["witnessed"], audit["witnesses"][0]["witness"]) == (reached, "w")
        assert audit["witnesses"][0]["why"]
        assert f"unwitnessed since {reached}" in page
        assert 'sealtrail_trail_unwitnessed{trail="audit"} 1.0' in figures
        assert 'sealtrail_witness_failing{witness="w"} 1.0' in figures
        assert f'sealtrail_witness_cosigned_entries{{trail="audit",witness="w"}} {reached}.0' in figures
        assert one.vigil.key.name not in note
        found = [f"{finding.state} {finding.what}" for finding in findings(house.cosigning.told())]
        assert f"fail audit is unwitnessed since {reached}" in found
        assert any(line.startswith("warn witness w fails since") for line in found)


def test_who_is_removed_is_asked_no_more(house, tmp_path):
    with witness(tmp_path / "w", house.data) as one, house.open():
        add(house.data, "w", one.vkey, one.url)
        house.round()
        remove(house.data, "w")
        house.round(1000)
        assert house.cosigning.told() == {"quorum": "none", "witnesses": {}, "trails": {}, "unwitnessed": {}}
        assert kept_of(house.folder).witnesses.keys() <= {"w"}


def test_a_typing_error_in_the_file_asks_nobody_less(house, tmp_path):
    with witness(tmp_path / "w", house.data) as one, house.open():
        add(house.data, "w", one.vkey, one.url)
        house.round()
        house.folder.witnesses.write_text("witness\n")
        house.collector.pipeline.record({"event.action": "sealtrail.read"}).result()
        house.round()
        assert house.cosigning.witnessed("audit") == house.signed()
        assert any("cannot be read" in trouble for trouble in house.cosigning.troubles())


def test_the_quorum_is_never_lost_by_half_a_newer_one(house, tmp_path):
    """Two of two are demanded. One goes: the note that both cosigned stays until both sign a newer one."""
    with witness(tmp_path / "w1", house.data) as one, house.open():
        with witness(tmp_path / "w2", house.data) as two:
            add(house.data, "w1", one.vkey, one.url)
            add(house.data, "w2", two.vkey, two.url, "all")
            house.round()
            port, reached = two.port, house.signed()
        house.collector.pipeline.record({"event.action": "sealtrail.read"}).result()
        house.round()
        assert house.cosigning.witnessed("audit") == reached < house.signed()
        assert house.anchored() == ("intact", True)
        with witness(tmp_path / "w2", house.data, port=port):
            house.round(1000)  # the other half of the same note
            assert house.cosigning.witnessed("audit") == house.signed()


def test_the_thread_of_a_collector_asks_by_itself(tmp_path):
    data = tmp_path / "data"
    Folder(data).create()
    (data / "settings.toml").write_text("[ledger]\ncheckpoint-seconds = 0.01\nwitness-seconds = 0.01\n")
    with Collector(Folder(data)):
        pass
    with witness(tmp_path / "w", data) as one:
        with Collector(Folder(data)) as collector:
            add(data, "w", one.vkey, one.url)
            met = threading.Event()
            for _ in range(1000):
                told = collector.health()["witnesses"]
                if told["trails"] and told["trails"]["audit"] >= 5:
                    break
                met.wait(0.01)
            assert told["quorum"] == "1 of 1"
            assert told["trails"]["audit"] >= 5
        # What is signed last, when the collector ends, is cosigned as well.
        report = verify(data, policy=Policy.from_text((data / "witnesses").read_text()), workers=1)
        assert {trail.anchored_to == trail.size for trail in report.trails} == {True}
