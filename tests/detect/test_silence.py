from __future__ import annotations

from typing import Any

import pytest

from sealtrail.detect import silence as module
from sealtrail.detect.silence import Source, Watch
from sealtrail.event import Entry


def entry(**more: Any) -> Entry:
    fields = {
        "sealtrail.kind": "request",
        "service.name": "shop",
        "sealtrail.emitter": "e1",
        **{name.replace("__", "."): value for name, value in more.items()},
    }
    return Entry("access", 0, b"", fields)


def watch(**more: Any) -> Watch:
    return Watch(**{"after": 900, "events": 10, **more})


def busy(watch: Watch, start: float = 0, end: float = 2000, every: float = 10, **more: Any) -> float:
    """Events at an even pace; the time of the last."""
    now = start
    while now < end:
        watch.hear(entry(**more), now)
        now += every
    return now - every


def test_a_service_that_sent_and_stops_is_told_once_and_told_when_it_is_back() -> None:
    one = watch()
    last = busy(one)
    assert one.due(last + 900) == []
    (silent,) = one.due(last + 901)
    assert (silent.name, silent.since, silent.events, silent.pause, silent.back) == (
        "shop",
        last,
        200,
        10,
        False,
    )
    assert one.due(last + 5000) == []
    one.hear(entry(), last + 6000)
    (back,) = one.due(last + 6001)
    assert (back.since, back.back) == (last, True)
    assert one.due(last + 6002) == []


@pytest.mark.parametrize(
    "heard",
    [
        pytest.param({"service__name": None}, id="nameless"),
        pytest.param({"sealtrail__import": True}, id="imported"),
        pytest.param({"sealtrail__kind": "system"}, id="our own"),
        pytest.param({"sealtrail__kind": "alert"}, id="alerts"),
        pytest.param({"service__name": "cron"}, id="ignored"),
        pytest.param({"service__name": ["shop"]}, id="hostile"),
    ],
)
def test_who_is_no_sender_is_never_silent(heard: dict[str, Any]) -> None:
    one = watch(ignore=["cron"])
    busy(one, **heard)
    assert one.due(1e9) == []


def test_a_job_that_ran_once_and_a_handful_of_events_promise_nothing() -> None:
    once = watch()
    busy(once, end=800, every=1)
    few = watch()
    busy(few, end=2000, every=400)
    assert once.due(1e6) == few.due(1e6) == []


def test_a_graceful_stop_of_every_process_is_no_silence_and_of_one_is() -> None:
    one = watch()
    busy(one, sealtrail__emitter="e1")
    last = busy(one, sealtrail__emitter="e2")
    one.hear(entry(sealtrail__emitter="e1", event__action="sys_shutdown"), last)
    assert [silent.name for silent in one.due(last + 1000)] == ["shop"]
    two = watch()
    last = busy(two)
    two.hear(entry(event__action="sys_shutdown"), last)
    assert two.due(last + 1e6) == []
    busy(two, last + 10, last + 3000, sealtrail__emitter="e2")  # started again
    assert two.due(last + 1e6) != []


def test_a_process_that_a_deployment_replaced_has_no_part_in_the_graceful_stop() -> None:
    one = watch()
    busy(one, 0, 2000, sealtrail__emitter="old")  # killed, and never said a word
    last = busy(one, 2000, 6000, sealtrail__emitter="new")
    one.hear(entry(sealtrail__emitter="new", event__action="sys_shutdown"), last)
    assert one.due(last + 1e6) == []


def test_the_pause_of_one_night_is_missed_once_and_forgotten_in_a_week() -> None:
    one = watch()
    day, told = 86_400, 0
    for number in range(3):
        busy(one, number * day, number * day + 50_000, every=100)
        told += sum(not silent.back for silent in one.due((number + 1) * day - 1))
    assert told == 1
    last = busy(one, 3 * day, 12 * day, every=100)
    assert [silent.name for silent in one.due(last + 1000)] == ["shop"]


def test_time_in_which_we_were_away_is_nobodys_silence() -> None:
    one = watch()
    last = busy(one)
    one.forgive(last + 10_000)
    assert one.due(last + 10_500) == []
    assert len(one.due(last + 11_000)) == 1
    two = watch()
    last = busy(two)
    two.forgive(last + 10_000)
    two.hear(entry(), last + 10_005)  # and it is no pause of theirs that would excuse more
    assert len(two.due(last + 11_000)) == 1


def test_a_silence_that_could_not_be_recorded_is_due_again() -> None:
    one = watch()
    last = busy(one)
    (silent,) = one.due(last + 1000)
    one.untold(silent)
    assert one.due(last + 1001) == [silent]


def test_nothing_is_looked_for_where_it_is_switched_off() -> None:
    one = watch(after=0)
    busy(one)
    assert one.due(1e9) == []


def test_invented_names_and_processes_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SOURCES", 3)
    monkeypatch.setattr(module, "MAX_EMITTERS", 2)
    one = watch()
    for number in range(10):
        one.hear(entry(service__name=f"s{number}"), number)
        one.hear(entry(service__name="shop", sealtrail__emitter=f"e{number}"), number)
    kept = one.sources()
    assert len(kept) == 3
    assert list(kept["shop"].running) == ["e8", "e9"]


def test_what_was_kept_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    one = watch()
    last = busy(one)
    again = watch(sources=one.sources())
    assert again.sources()["shop"] == Source(0, last, 200, {0: 10.0}, {"e1": last}, 0.0)
    assert len(again.due(last + 901)) == 1
