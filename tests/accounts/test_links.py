from __future__ import annotations

import threading

import pytest

from sealtrail.accounts import links
from sealtrail.accounts.links import VALID_SECONDS, Links


def test_a_link_is_good_once():
    held = Links()
    token = held.new("alice", "viewer", "v1")
    link = held.use(token)
    assert link is not None
    assert (link.name, link.role, link.version) == ("alice", "viewer", "v1")
    assert held.use(token) is None
    assert held.use("") is None


def test_a_link_is_good_for_ten_minutes():
    now = [0.0]
    held = Links(clock=lambda: now[0])
    early, late = held.new("a", "viewer"), held.new("b", "viewer")
    now[0] = VALID_SECONDS
    assert held.use(early) is not None
    now[0] += 1
    assert held.use(late) is None


def test_of_many_who_try_at_once_one_gets_in():
    held = Links()
    token = held.new("a", "admin")
    gate, got = threading.Barrier(8), []

    def use() -> None:
        gate.wait()
        got.append(held.use(token) is not None)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(got) == 1


def test_unused_links_are_bounded(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(links, "MAX_LINKS", 2)
    held = Links()
    tokens = [held.new(name, "viewer") for name in "abc"]
    assert [held.use(token) is not None for token in tokens] == [False, True, True]


def test_the_links_of_a_name_become_void_and_without_one_all():
    held = Links()
    tokens = [held.new(name, "viewer") for name in ("alice", "bob", "carol")]
    assert held.void("bob") == 1
    assert held.use(tokens[1]) is None
    assert held.use(tokens[0]) is not None
    assert held.void() == 1
    assert held.use(tokens[2]) is None
