from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.alert import Alert
from sealtrail.detect.rule import Head
from sealtrail.event import canonical, check, decode, is_reserved
from sealtrail.respond.alert import SEVERITY, alert_event, time_text

HEAD = Head(
    "rule-1",
    "Brute force",
    "bf",
    "high",
    "",
    ("attack.t1110", "attack.t1110.001", "owasp-api.api2-2023"),
    "",
    1,
)


def alert(**changes: object) -> Alert:
    given_ = {
        "id": "04303c9b-b0a7-8a93-b1a4-1caa4b4ba3f5",
        "head": HEAD,
        "key": {"client.ip": "203.0.113.9"},
        "count": 10,
        "time": 1_772_442_009_000_000,
        "rise": 1_772_442_000_000_000,
        "events": ("audit/1", "audit/2"),
    }
    return Alert(**{**given_, **changes})  # type: ignore[arg-type]


def test_an_alert_becomes_an_event_that_the_collector_may_write() -> None:
    fields = alert_event(alert())
    check(fields, reserved=True)
    assert is_reserved(fields)
    assert fields["@timestamp"] == "2026-03-02T09:00:09.000000Z"
    assert fields["sealtrail.alert.rise"] == "2026-03-02T09:00:00.000000Z"
    assert fields["event.severity"] == 75
    assert fields["threat.technique.id"] == ["T1110", "T1110.001"]
    assert fields["client.ip"] == "203.0.113.9"
    assert fields["sealtrail.alert.key"] == {"client.ip": "203.0.113.9"}
    assert fields["sealtrail.alert.events"] == ["audit/1", "audit/2"]
    assert (fields["rule.id"], fields["rule.name"]) == ("rule-1", "Brute force")


def test_the_same_alert_gives_the_same_bytes() -> None:
    assert canonical(alert_event(alert())) == canonical(alert_event(alert()))
    assert alert_event(alert())["sealtrail.emitter"] == "alert:04303c9b-b0a7-8a93-b1a4-1caa4b4ba3f5"


def test_history_and_lateness_are_marked() -> None:
    fields = alert_event(alert(late=True, history=True))
    assert fields["sealtrail.notes"] == ["alert.late", "alert.history"]
    assert fields["sealtrail.import"] is True
    assert "sealtrail.notes" not in alert_event(alert())


def test_who_it_was_stands_where_a_search_looks() -> None:
    fields = alert_event(alert(key={"user.id": "u1", "user.hash": "h", "my.key": "x"}))
    assert (fields["user.id"], fields["user.hash"]) == ("u1", "h")
    assert "my.key" not in fields
    assert "client.ip" not in fields


@pytest.mark.parametrize("level", SEVERITY)
def test_every_level_has_a_severity_and_worse_is_higher(level: str) -> None:
    assert 0 <= SEVERITY[level] <= 100
    assert sorted(SEVERITY.values()) == list(SEVERITY.values())


@given(
    key=st.dictionaries(
        st.sampled_from(["user.id", "client.ip", "x"]), st.text(st.characters(exclude_categories=["Cs"]))
    )
)
def test_any_key_gives_an_event_that_reads_back(key: dict[str, str]) -> None:
    line = canonical(alert_event(alert(key=key)))
    assert decode(line)["sealtrail.alert.key"] == key


def test_times_before_the_epoch_are_times_too() -> None:
    assert time_text(-1) == "1969-12-31T23:59:59.999999Z"
