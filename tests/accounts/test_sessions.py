from __future__ import annotations

import pytest

from sealtrail.accounts import sessions
from sealtrail.accounts.sessions import ABSOLUTE_SECONDS, IDLE_SECONDS, Sessions


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def held(clock: Clock) -> Sessions:
    return Sessions(clock=clock)


def test_a_token_finds_its_session_and_no_other_does(held: Sessions):
    token, session = held.open("alice", "viewer", "v1")
    assert held.find(token) == session
    assert held.find(token[:-1]) is None
    assert held.find("") is None
    assert held.find("\udc80") is None
    assert len(token) >= 43


def test_the_token_is_not_kept(held: Sessions):
    token, _ = held.open("alice", "viewer")
    assert token not in repr(vars(held))


def test_a_session_ends_when_nobody_uses_it(held: Sessions, clock: Clock):
    token, _ = held.open("alice", "viewer")
    clock.now += IDLE_SECONDS
    assert held.find(token) is not None
    clock.now += IDLE_SECONDS + 1
    assert held.find(token) is None


def test_looking_again_for_the_same_request_is_no_sign_of_life(held: Sessions, clock: Clock):
    token, _ = held.open("alice", "viewer")
    for _ in range(3):
        clock.now += IDLE_SECONDS / 3
        assert held.find(token, again=True) is not None
    clock.now += 1
    assert held.find(token, again=True) is None
    assert held.find(token) is None


def test_a_session_ends_after_a_day_of_work_however_much_it_is_used(held: Sessions, clock: Clock):
    token, _ = held.open("alice", "viewer")
    end = clock.now + ABSOLUTE_SECONDS
    while clock.now + IDLE_SECONDS <= end:
        clock.now += IDLE_SECONDS
        assert held.find(token) is not None
    clock.now = end + 1
    assert held.find(token) is None


def test_a_session_that_was_closed_is_closed_once(held: Sessions):
    token, session = held.open("alice", "viewer")
    assert held.close(token) is not None
    assert held.close(token) is None
    assert held.find(token) is None
    assert session.name == "alice"


def test_the_session_that_was_idle_the_longest_makes_room(held: Sessions, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 3)
    tokens = [held.open(name, "viewer")[0] for name in "abc"]
    held.find(tokens[0])
    tokens.append(held.open("d", "viewer")[0])
    assert [held.find(token) is not None for token in tokens] == [True, False, True, True]


def test_the_sessions_of_a_name_end_and_without_one_all(held: Sessions):
    tokens = {name: [held.open(name, "viewer")[0] for _ in range(2)] for name in ("alice", "bob", "link:bob")}
    assert [one.name for one in held.end("bob")] == ["bob", "bob"]
    assert [held.find(tokens[name][0]) is not None for name in tokens] == [True, False, True]
    assert len(held.end()) == 4
    assert held.find(tokens["alice"][1]) is None
