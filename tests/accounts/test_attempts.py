from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.accounts import attempts
from sealtrail.accounts.attempts import (
    MAX_BY_ADDRESS,
    MAX_BY_NAME,
    MAX_BY_PAIR,
    WINDOW_SECONDS,
    Attempts,
    Limit,
)


def refused(held: Attempts, name: str | None, address: str) -> bool:
    found = held.begin(name, address)
    if found is None:
        return False
    assert 0 < found.wait <= WINDOW_SECONDS
    return True


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def held(now: list[float]) -> Attempts:
    return Attempts(clock=lambda: now[0])


def test_a_person_who_mistypes_too_often_waits_and_is_let_in_again(held: Attempts, now: list[float]):
    assert [refused(held, "alice", "192.0.2.1") for _ in range(MAX_BY_PAIR + 1)] == [False] * MAX_BY_PAIR + [
        True
    ]
    assert not refused(held, "alice", "192.0.2.2")
    assert not refused(held, "bob", "192.0.2.1")
    now[0] = WINDOW_SECONDS + 1
    assert not refused(held, "alice", "192.0.2.1")


def test_success_makes_up_for_the_failures_before_it(held: Attempts):
    for _ in range(20):
        for _ in range(MAX_BY_PAIR - 1):
            held.begin("alice", "192.0.2.1")
            held.begin("x", "192.0.2.7")
            held.succeeded("x", "192.0.2.7")
        held.begin("alice", "192.0.2.1")
        held.succeeded("alice", "192.0.2.1")
        if refused(held, "other", "192.0.2.1"):
            break
    else:
        pytest.fail("failures of one address are forgotten by its successes: spraying would never end")


def test_one_address_cannot_try_many_names(held: Attempts):
    tries = [refused(held, f"name{n}", "192.0.2.1") for n in range(MAX_BY_ADDRESS + 1)]
    assert tries == [False] * MAX_BY_ADDRESS + [True]


def test_many_addresses_cannot_try_one_name_without_end(held: Attempts):
    tries = [refused(held, "alice", f"address {n}") for n in range(MAX_BY_NAME + 1)]
    assert tries == [False] * MAX_BY_NAME + [True]


def test_who_is_given_a_network_of_addresses_is_one_address(held: Attempts):
    tries = [refused(held, f"name{n}", f"2001:db8:1:2::{n:x}") for n in range(MAX_BY_ADDRESS + 1)]
    assert tries == [False] * MAX_BY_ADDRESS + [True]
    assert not refused(held, "alice", "2001:db8:1:3::1")


def test_an_ipv4_address_is_the_same_however_it_is_written(held: Attempts):
    tries = [refused(held, "alice", ("192.0.2.1", "::ffff:192.0.2.1")[n % 2]) for n in range(MAX_BY_PAIR + 1)]
    assert tries == [False] * MAX_BY_PAIR + [True]


def test_an_attempt_that_names_nobody_is_limited_by_its_address_alone(held: Attempts):
    tries = [refused(held, None, "192.0.2.1") for _ in range(MAX_BY_ADDRESS + 1)]
    assert tries == [False] * MAX_BY_ADDRESS + [True]
    assert not refused(held, None, "192.0.2.2")


def test_the_limit_that_was_met_is_named_and_is_one_for_all_that_meet_it(held: Attempts):
    for number in range(MAX_BY_ADDRESS):
        held.begin(f"name{number}", "192.0.2.1")
    met = {found.limit for n in range(50) if (found := held.begin(f"other{n}", "192.0.2.1"))}
    assert met == {Limit("address", "", "192.0.2.1")}


def test_no_name_is_taken_for_a_limit_of_another_kind(held: Attempts):
    for _ in range(MAX_BY_PAIR):
        held.begin("name alice", "")
    assert not refused(held, "alice", "192.0.2.1")


def test_a_refused_attempt_does_not_make_the_wait_longer(held: Attempts, now: list[float]):
    for _ in range(MAX_BY_PAIR):
        held.begin("alice", "192.0.2.1")
    for second in range(1, int(WINDOW_SECONDS), 10):
        now[0] = float(second)
        assert refused(held, "alice", "192.0.2.1")
    now[0] = WINDOW_SECONDS + 1
    assert not refused(held, "alice", "192.0.2.1")


def test_what_is_counted_is_bounded(held: Attempts, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attempts, "MAX_COUNTED", 30)
    for n in range(100):
        refused(held, f"name{n}", f"address{n}")
    assert len(held._failures) == 30


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xy"), st.floats(0, 400)), max_size=60))
def test_never_more_than_the_limit_within_the_window(tries: list[tuple[str, str, float]]):
    now = [0.0]
    held = Attempts(clock=lambda: now[0])
    let: dict[tuple[str, str], list[float]] = {}
    for name, address, wait in tries:
        now[0] += wait
        if not refused(held, name, address):
            let.setdefault((name, address), []).append(now[0])
    for times in let.values():
        for first, later in zip(times, times[MAX_BY_PAIR:], strict=False):
            assert later - first >= WINDOW_SECONDS
