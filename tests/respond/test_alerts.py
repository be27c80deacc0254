from __future__ import annotations

from typing import Any

import pytest

from sealtrail.event import Entry, Fields
from sealtrail.respond import alerts as module
from sealtrail.respond.alerts import ACK, CLOSE, REOPEN, Alerts
from sealtrail.respond.table import BLOCK, REFUSED, UNBLOCK


def alert(number: int, **more: Any) -> Fields:
    return {
        "@timestamp": f"2026-01-01T00:00:{number:02}.000000Z",
        "event.id": f"alert-{number}",
        "sealtrail.kind": "alert",
        "event.action": "sealtrail.alert",
        "rule.id": "r1",
        "rule.name": "Rule",
        "message": "Rule: client.ip 203.0.113.9",
        "sealtrail.alert.level": "high",
        "sealtrail.alert.key": {"client.ip": "203.0.113.9"},
        "sealtrail.alert.count": 10,
        **more,
    }


def act(action: str, number: int, second: int = 30, **more: Any) -> Fields:
    return {
        "@timestamp": f"2026-01-01T00:00:{second:02}.000000Z",
        "sealtrail.kind": "system",
        "event.action": action,
        "user.id": "ops",
        "event.reason": "seen",
        "sealtrail.alert.id": f"alert-{number}",
        **more,
    }


def block(action: str, second: int, **more: Any) -> Fields:
    return {
        "@timestamp": f"2026-01-01T00:00:{second:02}.000000Z",
        "sealtrail.kind": "system",
        "event.action": action,
        "sealtrail.block.address": "203.0.113.9",
        **more,
    }


def fold(*events: Fields, into: Alerts | None = None) -> Alerts:
    table = Alerts() if into is None else into
    for index, fields in enumerate(events):
        table.apply(Entry("audit", index, b"", fields))
    return table


def test_an_alert_is_open_until_somebody_acknowledges_and_closes_it() -> None:
    events = [alert(1), act(ACK, 1), act(CLOSE, 1), act(REOPEN, 1)]
    states = [fold(*events[: end + 1]).all()[0].state for end in range(4)]
    assert states == ["open", "acknowledged", "closed", "open"]
    (one,) = fold(*events).all()
    assert (one.level, one.count, one.key, one.address) == (
        "high",
        10,
        {"client.ip": "203.0.113.9"},
        "audit/0",
    )
    assert [(done.action, done.by, done.address) for done in one.acts] == [
        (ACK, "ops", "audit/1"),
        (CLOSE, "ops", "audit/2"),
        (REOPEN, "ops", "audit/3"),
    ]


def test_applying_everything_twice_changes_nothing() -> None:
    events = [
        alert(1),
        act(ACK, 1),
        block(BLOCK, 31, **{"sealtrail.block.cause": "alert-1", "sealtrail.block.until": "2026-01-02"}),
        block(UNBLOCK, 32),
    ]
    once = fold(*events)
    assert fold(*events, into=fold(*events)).all() == once.all()


def test_blocks_and_their_refusals_and_ends_belong_to_the_alert_that_caused_them() -> None:
    caused = {"sealtrail.block.cause": "alert-1"}
    table = fold(
        alert(1),
        alert(2),
        block(BLOCK, 31, **caused, **{"sealtrail.block.until": "2026-01-01T01:00:00.000000Z"}),
        block(REFUSED, 32, **{"sealtrail.block.cause": "alert-2", "event.reason": "on the allow list"}),
        block(UNBLOCK, 33, **caused),
    )
    first, second = table.all()
    assert [(one.until, one.ended) for one in first.blocks] == [
        ("2026-01-01T01:00:00.000000Z", "2026-01-01T00:00:33.000000Z")
    ]
    assert [(one.refused, one.ended) for one in second.blocks] == [("on the allow list", "")]


def test_an_operators_block_may_name_the_alert_it_answers() -> None:
    named = {"sealtrail.alert.id": "alert-1", "user.id": "ops", "sealtrail.block.until": "2027"}
    (one,) = fold(alert(1), block(BLOCK, 31, **named)).all()
    assert [(b.by, b.address) for b in one.blocks] == [("ops", "203.0.113.9")]


def test_the_end_of_a_block_ends_no_block_that_had_run_out() -> None:
    caused = {"sealtrail.block.cause": "alert-1", "sealtrail.block.until": "2026-01-01T00:00:35.000000Z"}
    (one,) = fold(alert(1), block(BLOCK, 31, **caused), block(UNBLOCK, 40)).all()
    assert one.blocks[0].ended == ""


def test_acts_on_what_is_not_an_alert_and_imported_ones_change_nothing() -> None:
    table = fold(alert(1), act(CLOSE, 7), act(CLOSE, 1, **{"sealtrail.import": True}), {"event.action": ACK})
    assert [one.state for one in table.all()] == ["open"]


def test_an_imported_alert_is_not_ours_and_an_alert_about_an_import_is() -> None:
    history = {"sealtrail.import": True, "sealtrail.notes": ["alert.history", "alert.late"]}
    table = fold(alert(1, **{"sealtrail.import": True}), alert(2, **history))
    assert [(one.id, one.history, one.late) for one in table.all()] == [("alert-2", True, True)]


def test_the_oldest_closed_alert_makes_room_and_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_ALERTS", 2)
    table = fold(alert(1), alert(2), act(CLOSE, 2), alert(3), alert(4))
    assert [one.id for one in table.all()] == ["alert-3", "alert-4"]
    assert table.forgotten == 2


def test_what_was_kept_knows_which_blocks_it_has_to_end() -> None:
    caused = {"sealtrail.block.cause": "alert-1", "sealtrail.block.until": "2027"}
    kept = Alerts(fold(alert(1), block(BLOCK, 31, **caused)).all())
    kept.apply(Entry("audit", 9, b"", block(UNBLOCK, 40)))
    assert kept.all()[0].blocks[0].ended


def test_hostile_shapes_of_fields_are_no_reason_to_fail() -> None:
    odd: dict[str, Any] = {
        name: [{"a": 1}] for name in alert(1) if name.startswith(("rule", "sealtrail.a", "@"))
    }
    table = fold(alert(1, **odd), act(ACK, 1, **{"@timestamp": 7, "user.id": None}))
    assert [(one.state, one.key) for one in table.all()] == [("acknowledged", {})]


def test_a_beginning_of_an_id_names_all_that_begin_with_it() -> None:
    table = fold(alert(1), alert(11), alert(2))
    assert [one.id for one in table.named("alert-1")] == ["alert-1"]  # exact wins
    assert [one.id for one in table.named("alert")] == ["alert-1", "alert-11", "alert-2"]
