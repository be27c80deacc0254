from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from sealtrail.event import Fields
from sealtrail.event.entry import stamp
from sealtrail.respond import table as table_module
from sealtrail.respond.table import BLOCK, MEMORY_SECONDS, REFUSED, UNBLOCK, Snapshot, Table


def at(seconds: float) -> str:
    return stamp(datetime.fromtimestamp(seconds, UTC))


def event(
    action: str = BLOCK, address: str = "203.0.113.9", *, now: float = 0, until: float = 60, **more: object
) -> Fields:
    return {
        "event.action": action,
        "event.id": f"e{now}",
        "@timestamp": at(now),
        "sealtrail.block.address": address,
        "sealtrail.block.until": at(until),
        "sealtrail.block.cause": f"c{now}",
        **{name.replace("__", "."): value for name, value in more.items()},
    }


def test_a_block_is_active_until_it_ends() -> None:
    table = Table()
    assert table.apply(event(until=60))
    assert [one.address for one in table.active(59.9)] == ["203.0.113.9"]
    assert table.get("203.0.113.9", 60) is None
    assert table.active(60) == []


def test_applying_an_event_twice_changes_nothing() -> None:
    table = Table()
    for _ in range(2):
        table.apply(event())
    assert table.step("203.0.113.9", 30) == 1
    assert len(table.active(30)) == 1


def test_an_unblock_ends_it_early_and_a_refusal_begins_nothing() -> None:
    table = Table()
    table.apply(event())
    table.apply(event(UNBLOCK))
    table.apply(event(REFUSED, "198.51.100.1", now=5))
    assert table.active(1) == []
    assert table.was_decided("c5")
    assert not table.was_decided("c6")


def test_other_events_are_none_of_its_business() -> None:
    assert not Table().apply({"event.action": "sealtrail.started"})


def test_repeat_offenders_are_remembered_for_a_day() -> None:
    table = Table()
    for number in range(3):
        table.apply(event(now=number * 100, until=number * 100 + 60))
    assert table.step("203.0.113.9", 300) == 3
    assert table.step("203.0.113.9", 260 + MEMORY_SECONDS) == 0
    late = 300 + 2 * MEMORY_SECONDS
    table.apply(event(now=late, until=late + 60))
    assert table.step("203.0.113.9", late + 61) == 1


def test_an_operators_block_makes_nobody_an_offender() -> None:
    table = Table()
    table.apply(event(sealtrail__block__cause=""))
    assert table.step("203.0.113.9", 1) == 0
    assert len(table.active(1)) == 1


def test_a_table_survives_being_written_down() -> None:
    table = Table()
    table.apply(event(now=1, sealtrail__block__simulated=True, user__id="ops", event__reason="why"))
    table.apply(event(REFUSED, now=2))
    kept = msgspec.json.decode(msgspec.json.encode(table.snapshot()), type=Snapshot)
    again = Table(kept)
    assert again.active(2) == table.active(2)
    assert again.active(2)[0].simulated
    assert again.was_decided("c2")
    assert again.step("203.0.113.9", 2) == 1


def test_a_block_without_a_readable_end_is_none() -> None:
    table = Table()
    table.apply({**event(), "sealtrail.block.until": "for ever"})
    table.apply({**event(now=2), "sealtrail.block.address": ""})
    assert table.active(0) == []


def test_nothing_grows_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAX_ACTIVE", "MAX_OFFENDERS", "MAX_CAUSES"):
        monkeypatch.setattr(table_module, name, 3)
    table = Table()
    for number in range(10):
        table.apply(event(address=f"203.0.113.{number}", now=number, until=100 - number))
    kept = table.snapshot()
    assert (len(kept.active), len(kept.offenders), len(kept.causes)) == (3, 3, 3)
    # Which is missed least: the one that would have ended first.
    assert "203.0.113.0" in [one.address for one in kept.active]
