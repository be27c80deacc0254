from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealtrail.detect.alert import Alert
from sealtrail.detect.rule import Head, Respond
from sealtrail.errors import UsageError
from sealtrail.event import Batch, Entry, Fields, canonical, check
from sealtrail.event.entry import seal, suffix
from sealtrail.respond.desk import MAX_AGE_SECONDS, REFRESH_SECONDS, Desk
from sealtrail.respond.table import BLOCK, REFUSED, UNBLOCK
from sealtrail.settings import ResponseSettings

HEAD = Head("rule-1", "Brute force", "bf", "high", "", (), "", 1)
START = 1_772_442_000.0


class World:
    """A ledger in memory, a clock that is set by hand, a spool folder, and a desk over them."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.now = START
        self.ledger: list[Entry] = []
        self.settings = ResponseSettings(**settings)
        self.never: tuple[str, ...] = ()
        self.fail = ""
        self.desk = self.open()

    def open(self) -> Desk:
        return Desk(
            self.record,
            self.settings,
            spools=[self.folder],
            never=self.never,
            state=self.folder / "desk.json",
            clock=lambda: self.now,
        )

    def record(self, fields: Fields) -> bool:
        if self.fail and fields["event.action"] == self.fail:
            raise OSError("disk full")
        full = {"sealtrail.schema": 1, **fields}
        check(full, reserved=True)
        known = {(e.fields["sealtrail.emitter"], e.fields["sealtrail.seq"]) for e in self.ledger}
        if (full["sealtrail.emitter"], full["sealtrail.seq"]) in known:
            return False  # exactly once: the first statement stands
        data = seal(canonical(full), suffix("2026-01-01T00:00:00.000000Z", "collector"))
        self.ledger.append(Entry("audit", len(self.ledger), data, full))
        return True

    def batch(self, start: int = 0) -> Batch:
        return Batch(tuple(self.ledger[start:]), {"audit": start}, {"audit": len(self.ledger)})

    def actions(self) -> list[str]:
        return [
            e.fields["event.action"] for e in self.ledger if e.fields["event.action"] != "sealtrail.alert"
        ]

    def reasons(self) -> list[str]:
        return [e.fields["event.reason"] for e in self.ledger if e.fields["event.action"] == REFUSED]

    def enforced(self) -> list[str]:
        listed = json.loads((self.folder / "blocks.json").read_bytes())
        assert listed["written"] == self.now
        return [one["address"] for one in listed["blocks"] if one["until"] > self.now]

    # Reader
    def sizes(self) -> dict[str, int]:
        return {"audit": len(self.ledger)}

    def first(self) -> dict[str, int]:
        return {"audit": 0}

    def read(self, trail: str, start: int, limit: int) -> list[bytes]:
        return [entry.data for entry in self.ledger[start : start + limit]]

    def alert(self, number: int = 1, address: str = "203.0.113.9", **changes: Any) -> Alert:
        moment = int(self.now * 1_000_000)
        given: dict[str, Any] = {
            "id": f"00000000-0000-8000-8000-{number:012d}",
            "head": HEAD,
            "key": {"client.ip": address},
            "count": 10,
            "time": moment,
            "rise": moment,
            "events": ("audit/1",),
            "respond": Respond("client.ip", 900),
            "target": address,
        }
        return Alert(**{**given, **changes})


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_an_alert_is_recorded_answered_and_in_force_at_once(world: World) -> None:
    world.desk.take([world.alert()])
    assert [e.fields["event.action"] for e in world.ledger] == ["sealtrail.alert", BLOCK]
    block = world.ledger[1].fields
    assert block["sealtrail.block.cause"] == world.ledger[0].fields["event.id"]
    assert block["sealtrail.block.until"] == "2026-03-02T09:15:00.000000Z"
    assert (block["sealtrail.block.address"], block["client.ip"]) == ("203.0.113.9", "203.0.113.9")
    assert world.enforced() == ["203.0.113.9"]


def test_an_alert_whose_rule_asks_for_nothing_is_only_recorded(world: World) -> None:
    world.desk.take([world.alert(respond=None)])
    assert world.actions() == []
    assert world.desk.blocks() == []


def test_nobody_is_refused_whose_block_could_not_be_recorded(world: World) -> None:
    world.desk.tick()
    world.fail = BLOCK
    with pytest.raises(OSError, match="disk full"):
        world.desk.take([world.alert()])
    assert world.desk.blocks() == []
    assert world.enforced() == []
    world.fail = ""
    world.desk.take([world.alert()])  # detection hands the same alerts again
    assert world.enforced() == ["203.0.113.9"]
    assert len(world.ledger) == 2


def test_the_same_alert_again_changes_nothing_also_after_a_restart(world: World) -> None:
    alert = world.alert()
    world.desk.take([alert])
    until = world.desk.blocks()[0].until
    world.now += 60
    world.desk.take([alert])
    after = world.open()
    after.catch_up(world)
    after.take([alert])
    assert [one.until for one in after.blocks()] == [until]
    assert world.actions() == [BLOCK]


def test_an_alert_that_is_found_again_does_not_undo_an_operators_decision(world: World) -> None:
    alert = world.alert()
    world.desk.take([alert])
    world.desk.unblock("203.0.113.9", reason="mistake", by="ops")
    world.desk.take([alert])
    assert world.desk.blocks() == []
    assert world.enforced() == []


@pytest.mark.parametrize("keep", [True, False])
def test_a_restart_neither_forgets_nor_prolongs_a_block(world: World, keep: bool) -> None:
    world.desk.take([world.alert()])
    world.desk.handle(world.batch())
    if not keep:
        (world.folder / "desk.json").write_text("{broken")
    (world.folder / "blocks.json").unlink()
    world.now += 899
    after = world.open()
    after.catch_up(world)
    assert world.enforced() == ["203.0.113.9"]
    world.now += 1
    after.tick(world.now + REFRESH_SECONDS)
    assert after.blocks() == []


def test_a_crash_between_record_and_enforcement_is_made_good_at_the_next_start(world: World) -> None:
    died = Desk(world.record, world.settings, spools=[], clock=lambda: world.now)
    died.take([world.alert()])
    assert not (world.folder / "blocks.json").exists()
    world.open().catch_up(world)
    assert world.enforced() == ["203.0.113.9"]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"history": True}, "imported"),
        ({"time": int((START - MAX_AGE_SECONDS - 1) * 1e6)}, "too late"),
        ({"target": ""}, "no address"),
        ({"target": "evil\n"}, "no address"),
        ({"target": "0.0.0.0/0"}, "no address"),
        ({"target": "127.0.0.1"}, "our own"),
        ({"target": "::1"}, "our own"),
        ({"target": "192.0.2.7"}, "our own"),
        ({"target": "198.51.100.77"}, "allow list"),
        ({"target": "::ffff:198.51.100.77"}, "allow list"),
    ],
)
def test_who_must_not_be_blocked_is_not_and_the_reason_is_recorded(
    tmp_path: Path, changes: dict[str, Any], word: str
) -> None:
    world = World(tmp_path, allow=("198.51.100.0/24",))
    world.never = ("192.0.2.0/28",)
    desk = world.open()
    desk.tick()
    desk.take([world.alert(**changes)])
    assert world.actions() == [REFUSED]
    assert word in world.reasons()[0]
    assert world.enforced() == []


def test_an_allow_list_that_came_later_ends_a_restored_block(world: World) -> None:
    world.desk.take([world.alert()])
    world.settings = ResponseSettings(allow=("203.0.113.0/24",))
    world.open().catch_up(world)
    assert world.enforced() == []


def test_simulated_blocks_are_recorded_and_not_enforced(tmp_path: Path) -> None:
    world = World(tmp_path, simulate=True)
    world.desk.take([world.alert()])
    assert world.ledger[1].fields["sealtrail.block.simulated"] is True
    assert world.enforced() == []
    assert [one.simulated for one in world.desk.blocks()] == [True]
    world.settings = ResponseSettings()
    world.open().catch_up(world)
    assert world.enforced() == []


def test_more_blocks_than_the_cap_in_a_minute_are_refused(tmp_path: Path) -> None:
    world = World(tmp_path, blocks_per_minute=3)
    world.desk.take([world.alert(n, f"203.0.113.{n}") for n in range(1, 6)])
    assert world.actions() == [BLOCK] * 3 + [REFUSED] * 2
    assert "more than 3" in world.reasons()[0]
    world.now += 60
    world.desk.take([world.alert(9, "203.0.113.9")])
    assert "203.0.113.9" in world.enforced()


def test_repeat_offenders_are_blocked_twice_as_long_up_to_a_day(world: World) -> None:
    lasted = []
    for number in range(1, 12):
        world.desk.take([world.alert(number)])
        (block,) = world.desk.blocks()
        lasted.append(block.until - world.now)
        world.now = block.until + 1
    assert lasted[:4] == [900, 1800, 3600, 7200]
    assert lasted[-1] == 86_400


def test_a_second_alert_for_somebody_who_is_blocked_adds_nothing(world: World) -> None:
    world.desk.take([world.alert(1), world.alert(2)])
    assert world.actions() == [BLOCK]
    world.now += 600
    world.desk.take([world.alert(3)])
    assert world.actions() == [BLOCK, BLOCK]


def test_an_ipv6_attacker_is_blocked_with_the_64(world: World) -> None:
    world.desk.take([world.alert(address="2001:db8::bad")])
    assert world.enforced() == ["2001:db8::/64"]
    assert "client.ip" not in world.ledger[1].fields
    assert world.desk.unblock("2001:db8::bad", reason="mistake", by="ops")
    assert world.enforced() == []


def test_an_operator_blocks_and_unblocks(world: World) -> None:
    block = world.desk.block("203.0.113.9", 3600, reason="ticket 1", by="ops")
    assert (block.until, block.by, block.cause) == (START + 3600, "ops", "")
    assert world.enforced() == ["203.0.113.9"]
    assert world.ledger[0].fields["event.reason"] == "ticket 1"
    assert world.desk.unblock("203.0.113.9", reason="done", by="ops")
    assert not world.desk.unblock("203.0.113.9", reason="done", by="ops")
    assert world.actions() == [BLOCK, UNBLOCK]
    assert world.enforced() == []


@pytest.mark.parametrize(
    ("address", "seconds"),
    [
        ("10.0.0.0/8", 60),
        ("nobody", 60),
        ("127.0.0.1", 60),
        ("198.51.100.1", 60),
        ("203.0.113.9", 0),
        ("203.0.113.9", 1e9),
        ("203.0.113.9", float("nan")),
    ],
)
def test_an_operator_cannot_block_what_must_not_be(tmp_path: Path, address: str, seconds: float) -> None:
    world = World(tmp_path, allow=("198.51.100.0/24",))
    with pytest.raises(UsageError):
        world.desk.block(address, seconds, reason="", by="ops")
    assert world.ledger == []


def test_a_block_that_was_undone_does_not_come_back_when_the_ledger_tells_of_it(world: World) -> None:
    world.desk.take([world.alert()])
    world.desk.unblock("203.0.113.9", reason="mistake", by="ops")
    block_only = Batch(tuple(world.ledger[:2]), {"audit": 0}, {"audit": 2})
    world.desk.handle(block_only)
    assert world.desk.blocks() == []
    world.desk.handle(world.batch(2))
    assert world.desk.blocks() == []


def test_a_follower_that_is_faster_than_the_answer_loses_nothing(world: World) -> None:
    slow = world.record

    def record(fields: Fields) -> None:
        slow(fields)
        world.desk.handle(world.batch())

    world.desk._record = record
    world.desk.take([world.alert()])
    assert [one.address for one in world.desk.blocks()] == ["203.0.113.9"]
    # Nothing is awaited any more: what the ledger told already is not expected again.
    assert world.desk._applied == world.desk._entering == set()
    after = world.open()
    after.catch_up(world)
    assert [one.address for one in after.blocks()] == ["203.0.113.9"]


def test_blocks_that_were_imported_or_forged_are_not_obeyed(world: World) -> None:
    world.desk.block("203.0.113.9", 60, reason="", by="ops")
    real = world.ledger[0].fields
    forged = [
        {**real, "event.id": "1", "sealtrail.import": True},
        {**real, "event.id": "2", "sealtrail.kind": "audit"},
    ]
    other = World(world.folder)
    other.desk.handle(Batch(tuple(Entry("audit", n, b"", f) for n, f in enumerate(forged)), {}, {"audit": 2}))
    assert other.desk.blocks() == []


def test_the_lists_are_refreshed_before_readers_call_them_stale(world: World) -> None:
    world.desk.tick()
    path = world.folder / "blocks.json"
    path.unlink()
    world.now += REFRESH_SECONDS - 0.1
    world.desk.tick()
    assert not path.exists()
    world.now += 0.1
    world.desk.tick()
    assert world.enforced() == []
    path.unlink()
    world.now -= 3600  # the clock was set back
    world.desk.tick()
    assert path.exists()


def test_a_folder_that_cannot_be_written_is_told_of(world: World, tmp_path: Path) -> None:
    desk = Desk(world.record, world.settings, spools=[tmp_path / "absent"], clock=lambda: world.now)
    desk.tick()
    assert list(desk.faults) == [str(tmp_path / "absent")]


def test_a_block_that_a_crash_repeats_is_recorded_once_and_prolongs_nothing(world: World) -> None:
    world.desk.block("203.0.113.9", 600, reason="ticket", by="ops", request="r1")
    world.now += 60
    after = world.open()
    after.catch_up(world)
    again = after.block("203.0.113.9", 600, reason="ticket", by="ops", request="r1")
    assert again.until == START + 600
    assert world.actions() == [BLOCK]


def test_a_block_that_a_crash_repeats_does_not_undo_its_undoing(world: World) -> None:
    world.desk.block("203.0.113.9", 600, reason="ticket", by="ops", request="r1")
    assert world.desk.unblock("203.0.113.9", reason="mistake", by="ops", request="r2")
    after = world.open()
    after.catch_up(world)
    assert after.block("203.0.113.9", 600, reason="ticket", by="ops", request="r1").until == world.now
    assert not after.unblock("203.0.113.9", reason="mistake", by="ops", request="r2")
    assert after.blocks() == []
    assert world.actions() == [BLOCK, UNBLOCK]


def test_a_block_may_name_the_alert_it_answers(world: World) -> None:
    world.desk.block("203.0.113.9", 600, reason="ticket", by="ops", alert="a1")
    assert world.ledger[-1].fields["sealtrail.alert.id"] == "a1"
