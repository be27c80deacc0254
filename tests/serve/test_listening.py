from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sealtrail.errors import BusyError
from sealtrail.event import Batch, Entry
from sealtrail.event.entry import stamp
from sealtrail.serve.alerting import Alerting
from sealtrail.serve.folder import Folder
from sealtrail.serve.listening import Listener
from sealtrail.settings import SilenceSettings

START = 1_772_442_000.0


class World:
    def __init__(self, state):
        self.now = START
        self.size = 0
        self.recorded = []
        self.fail = False
        self.state = state
        self.listener = self.open()

    def open(self):
        return Listener(
            SilenceSettings(after_seconds=60, events=5), self.record, self.state, clock=lambda: self.now
        )

    def record(self, fields):
        if self.fail:
            raise BusyError("busy.disk", "the disk is full")
        self.recorded.append(fields)

    def send(self, number, every=2.0):
        for _ in range(number):
            self.now += every
            fields = {
                "sealtrail.kind": "request",
                "service.name": "shop",
                "sealtrail.emitter": "e1",
                "event.ingested": stamp(datetime.fromtimestamp(self.now, UTC)),
            }
            entry = Entry("access", self.size, b"", fields)
            self.size += 1
            self.listener.handle(Batch((entry,), {"access": self.size - 1}, {"access": self.size}))

    def look(self, *, taking=True, behind=0):
        self.listener.look(lambda: {"access": self.size + behind}, taking)
        return [fields["event.action"] for fields in self.recorded]


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "silence.json")


def test_a_silence_and_its_end_are_recorded_with_an_identity_that_a_crash_repeats(world):
    world.send(50)
    world.now += 61
    assert world.look() == ["sealtrail.silence"]
    world.send(1)
    world.now += 6
    assert world.look() == ["sealtrail.silence", "sealtrail.silence.end"]
    first, second = world.recorded
    assert first["sealtrail.silence.source"] == "shop"
    assert first["sealtrail.emitter"] == second["sealtrail.emitter"]
    assert (first["sealtrail.seq"], second["sealtrail.seq"]) == (0, 1)


def test_while_nothing_is_taken_or_we_are_behind_nobody_is_silent(world):
    world.send(50)
    world.now += 50
    assert world.look(taking=False) == []
    world.now += 50
    assert world.look(behind=3) == []
    world.now += 50
    assert world.look() == []
    world.now += 20
    assert world.look() == ["sealtrail.silence"]


def test_what_could_not_be_recorded_is_tried_again(world):
    world.send(50)
    world.now += 100
    world.fail = True
    assert world.look() == []
    world.fail = False
    world.now += 10
    assert world.look() == ["sealtrail.silence"]


def test_a_restart_knows_who_sent_and_does_not_count_its_own_absence(world):
    world.send(50)
    world.listener.save()
    world.now += 10_000
    world.listener = world.open()
    assert world.listener.position() == {"access": 50}
    world.now += 30
    assert world.look() == []
    world.now += 40
    assert world.look() == ["sealtrail.silence"]


def test_a_broken_file_makes_it_start_anew_from_now(world):
    world.state.write_bytes(b"{")
    world.listener = world.open()
    world.listener.start_at({"access": 1000})
    assert world.listener.position() == {"access": 1000}


def test_a_service_that_falls_silent_raises_an_alert_in_a_running_collector(
    collecting, line, tmp_path, until
):
    settings = "[silence]\nafter-seconds = 1\nevents = 5\n"
    with collecting(settings, guard=True) as collector:
        for seq in range(6):
            collector.submit("key:1", [line(seq, **{"service.name": "shop"})])
        collector.settle()
        listener = collector.guard.listener
        # As if it had sent for a while, and nothing for a while: no test sleeps.
        listener._watch._sources["shop"].first -= 500
        listener._watch._sources["shop"].last -= 400
        listener._watch._floor = listener._looked = float("-inf")
        until(collector.guard.alerts.newest)
    (alert,) = Alerting.open(Folder(tmp_path / "data")).newest()
    assert (alert.title, alert.key) == (
        "An application stopped recording",
        {"sealtrail.silence.source": "shop"},
    )
