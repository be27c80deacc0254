from __future__ import annotations

from sealtrail.ledger.recent import Recent


def test_what_was_used_last_stays():
    dropped: list[str] = []
    recent: Recent[int, str] = Recent(2, dropped.append)
    recent.put(1, "one")
    recent.put(2, "two")
    assert recent.get(1) == "one"
    recent.put(3, "three")
    assert dropped == ["two"]
    assert [recent.get(n) for n in (1, 2, 3)] == ["one", None, "three"]


def test_weights_count_and_one_value_may_be_heavier_than_all():
    dropped: list[str] = []
    recent: Recent[int, str] = Recent(10, dropped.append)
    recent.put(1, "one", 4)
    recent.put(2, "two", 4)
    recent.put(3, "huge", 100)
    assert dropped == ["one", "two"]
    assert recent.get(3) == "huge"
    recent.put(4, "small", 1)
    assert dropped == ["one", "two", "huge"]


def test_a_value_put_again_replaces_the_old_one():
    dropped: list[str] = []
    recent: Recent[int, str] = Recent(2, dropped.append)
    recent.put(1, "old")
    recent.put(1, "new")
    assert (recent.get(1), dropped) == ("new", ["old"])
    recent.forget(lambda key: key == 1)
    assert (recent.get(1), dropped) == (None, ["old", "new"])
