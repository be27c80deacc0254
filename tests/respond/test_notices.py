from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import Batch, Entry, Fields
from sealtrail.respond import notices as module
from sealtrail.respond.notices import GIVE_UP_SECONDS, PAUSE_SECONDS, RETRY_SECONDS, Notices

START = 1_772_442_000.0


class Mailbox:
    """A channel that takes what it is given, or refuses it."""

    def __init__(self, name: str = "jsons-1") -> None:
        self.name = name
        self.taken: list[tuple[str, str]] = []
        self.why = ""

    def send(self, title: str, body: str) -> str:
        if not self.why:
            self.taken.append((title, body))
        return self.why


class World:
    def __init__(self, folder: Path) -> None:
        self.now = START
        self.size = 0
        self.events: list[Fields] = []
        self.box = Mailbox()
        self.other = Mailbox("mailto-2")
        self.state = folder / "notices.json"
        self.notices = self.open()

    def open(self, level: str = "high") -> Notices:
        targets = [("jsons://secret@h/x", self.box), ("mailto://u:p@h", self.other)]
        return Notices(
            targets, level, self.events.append, self.state, heads={"audit": 0}, clock=lambda: self.now
        )

    def raise_(self, number: int, level: str = "high", **more: Any) -> None:
        fields = {
            "sealtrail.kind": "alert",
            "event.action": "sealtrail.alert",
            "event.id": f"a{number}",
            "event.severity": module.SEVERITY[level],
            "sealtrail.alert.level": level,
            "rule.name": f"Rule {number}",
            "message": f"Rule {number}: client.ip 203.0.113.9",
            "@timestamp": "2026-03-02T09:00:00.000000Z",
            **more,
        }
        self.size += 1
        entry = Entry("audit", self.size - 1, b"", fields)
        self.notices.handle(Batch((entry,), {"audit": self.size - 1}, {"audit": self.size}))

    def outcomes(self, channel: str = "jsons-1") -> list[str]:
        return [e["event.outcome"] for e in self.events if e["sealtrail.notice.channel"] == channel]


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_the_first_alert_is_told_at_once_and_what_comes_meanwhile_in_one_message(world: World) -> None:
    world.raise_(1)
    world.notices.send_due()
    for number in range(2, 40):
        world.raise_(number, "critical" if number == 7 else "high")
    world.notices.send_due()
    assert len(world.box.taken) == 1
    world.now += PAUSE_SECONDS
    world.notices.send_due()
    (first, body), (second, digest) = world.box.taken
    assert first == "Sealtrail: Rule 1 (high)"
    assert "sealtrail alerts show a1" in body
    assert second == "Sealtrail: 38 alerts, the worst critical"
    assert "and 18 earlier ones" in digest
    assert world.outcomes() == ["success", "success"]
    assert world.events[-1]["message"].startswith("38 alerts")


def test_below_the_level_from_history_and_what_is_no_alert_nobody_is_told(world: World) -> None:
    world.raise_(1, "medium")
    world.raise_(2, **{"sealtrail.import": True})
    world.raise_(3, **{"sealtrail.kind": "system"})
    world.raise_(4, **{"event.severity": "high"})
    world.notices.send_due()
    assert world.box.taken == world.events == []


def test_what_is_refused_is_tried_again_later_and_later_and_each_try_is_recorded(world: World) -> None:
    world.box.why = "it was refused with status 503"
    world.raise_(1)
    for pause in (0.0, *RETRY_SECONDS):
        world.now += pause - 0.1
        world.notices.send_due()
        world.now += 0.2
        world.notices.send_due()
    assert world.outcomes() == ["failure"] * (1 + len(RETRY_SECONDS))
    assert world.events[0]["event.reason"] == "it was refused with status 503"
    world.box.why = ""
    world.now += 3600
    world.notices.send_due()
    assert world.outcomes()[-1] == "success"
    assert len(world.box.taken) == 1
    assert world.outcomes("mailto-2") == ["success"]  # a channel that fails holds up no other


def test_after_a_day_it_is_given_up_and_said_so(world: World) -> None:
    world.box.why = "down"
    world.raise_(1)
    world.notices.send_due()
    world.now += GIVE_UP_SECONDS + 1
    world.notices.send_due()
    assert world.events[-1]["event.reason"] == "given up after a day"
    assert world.notices.waiting() == {"jsons-1": 0, "mailto-2": 0}


def test_a_restart_loses_nothing_that_waits_and_repeats_nothing_that_went_out(world: World) -> None:
    world.other.why = "down"
    world.raise_(1)
    world.notices.send_due()
    world.now += 20
    world.notices = world.open()
    assert world.notices.position() == {"audit": 1}
    world.other.why = ""
    world.notices.send_due()
    assert len(world.box.taken) == len(world.other.taken) == 1


def test_no_address_is_kept_recorded_or_sent(world: World) -> None:
    world.raise_(1)
    world.notices.send_due()
    everything = world.state.read_text() + json.dumps(world.events) + str(world.box.taken)
    assert "secret" not in everything
    assert "u:p" not in everything
    assert world.state.stat().st_mode & 0o077 == 0


def test_an_address_that_was_taken_out_of_the_settings_leaves_its_queue_behind(world: World) -> None:
    world.box.why = "down"
    world.raise_(1)
    again = Notices(
        [("json://elsewhere", Mailbox())],
        "high",
        world.events.append,
        world.state,
        heads={},
        clock=lambda: START,
    )
    assert again.waiting() == {"jsons-1": 0}


def test_a_flood_is_bounded_and_the_next_message_says_what_it_dropped(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_PENDING", 5)
    for number in range(12):
        world.raise_(number)
    world.notices.send_due()
    assert world.notices.waiting() == {"jsons-1": 0, "mailto-2": 0}
    assert "and 7 earlier ones" in world.box.taken[0][1]
    world.raise_(13)
    world.now += PAUSE_SECONDS
    world.notices.send_due()
    assert "earlier" not in world.box.taken[1][1]


def test_a_user_name_becomes_no_header_and_no_second_line(world: World) -> None:
    world.raise_(1, **{"rule.name": "x\r\nBcc: everybody@example.com", "message": "a\u2028b\x1b[2J"})
    world.notices.send_due()
    ((title, body),) = world.box.taken
    assert "\n" not in title
    assert "\x1b" not in body
    assert len(body.splitlines()) == 2


def test_what_cannot_be_recorded_is_sent_all_the_same(world: World, tmp_path: Path) -> None:
    def refuse(fields: Fields) -> None:
        raise OSError("disk full")

    box = Mailbox()
    notices = Notices([("json://h", box)], "low", refuse, tmp_path / "n.json", heads={}, clock=lambda: START)
    world.notices = notices
    world.raise_(1)
    notices.send_due()
    assert len(box.taken) == 1
