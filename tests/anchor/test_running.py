from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from sealtrail.anchor.folder import FolderAnchor
from sealtrail.anchor.places import place
from sealtrail.anchor.running import DIVERGED_SECONDS, MOST_SECONDS, Anchoring
from sealtrail.anchor.standing import DivergedError, Pushed


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Told:
    """What was told of divergences."""

    def __init__(self) -> None:
        self.said: list[tuple[str, DivergedError]] = []

    def __call__(self, where: str, error: DivergedError) -> None:
        self.said.append((where, error))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


@pytest.fixture
def anchoring(trail, elsewhere, tmp_path):
    def made(anchor=None):
        clock, told = Clock(), Told()
        one = Anchoring(
            anchor or FolderAnchor(place(str(elsewhere))), [trail.ours], tmp_path / "state", told, clock=clock
        )
        return one, clock, told

    return made


def test_what_is_signed_is_pushed_once_and_told(trail, elsewhere, anchoring):
    one, _, told = anchoring()
    (stands,) = one.standing()
    assert (stands.size, stands.at, stands.since) == (0, "", "")
    for size in (1, 2):
        trail.grow()
        one.turn()
        one.turn()
        (stands,) = one.standing()
        assert (stands.size, stands.since, stands.diverged) == (size, "", False)
        assert stands.at
    assert not told.said
    assert (elsewhere / "acme.example/api/audit.checkpoints").exists()


def test_a_failure_is_told_with_its_beginning_and_tried_again_after_a_growing_pause(
    trail, elsewhere, anchoring
):
    one, clock, told = anchoring()
    trail.grow()
    elsewhere.rmdir()
    one.turn()
    (first,) = one.standing()
    assert first.since
    assert "is it mounted?" in first.why
    tries, pauses = 0, []
    at = clock.now
    while clock.now < 4000:
        clock.now += 1
        before = one._trails[0].due
        one.turn()
        if one._trails[0].due != before:
            tries += 1
            pauses.append(clock.now - at)
            at = clock.now
    assert pauses[:4] == [2, 4, 8, 16]
    assert max(pauses) == MOST_SECONDS
    (later,) = one.standing()
    assert later.since == first.since
    elsewhere.mkdir()
    clock.now += MOST_SECONDS
    one.turn()
    (back,) = one.standing()
    assert (back.size, back.since, back.why) == (1, "", "")
    assert not told.said


def test_a_contradiction_is_told_each_time_it_is_seen_and_ends_when_it_is_put_right(
    trail, elsewhere, anchoring, caplog
):
    one, clock, told = anchoring()
    trail.grow()
    one.turn()
    path = elsewhere / "acme.example/api/audit.checkpoints"
    whole = path.read_bytes()
    path.write_bytes(b"")
    trail.grow()
    for _ in range(3):
        one.turn()  # nothing is due in between
        clock.now += DIVERGED_SECONDS
    (stands,) = one.standing()
    assert stands.diverged
    assert stands.size == 1
    assert "cut off" in stands.why
    assert [where for where, _ in told.said] == [str(elsewhere)] * 3
    assert caplog.text.count("contradicts") == 1
    path.write_bytes(whole)
    one.turn()
    (stands,) = one.standing()
    assert (stands.size, stands.diverged, stands.since) == (2, False, "")


def test_how_far_it_was_is_known_after_a_restart(trail, elsewhere, anchoring):
    one, _, _ = anchoring()
    trail.grow(3)
    one.start()
    one.stop()  # the last checkpoint goes out before it ends
    (stands,) = anchoring()[0].standing()
    assert stands.size == 3
    (elsewhere / "acme.example/api/audit.checkpoints").unlink()
    again, _, told = anchoring()
    again.turn()
    assert again.standing()[0].diverged
    assert "gone" in told.said[0][1].what


def test_a_state_file_that_is_no_state_counts_as_none(trail, anchoring, tmp_path):
    one, _, _ = anchoring()
    one._trails[0].path.parent.mkdir()
    one._trails[0].path.write_text('{"size": "many"}')
    again, _, _ = anchoring()
    trail.grow()
    again.turn()
    assert again.standing()[0].size == 1


class Odd:
    """Raises what it is told."""

    name, id, kind, every = "odd", "0", "url", 60.0

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0

    def push(self, ours, before):
        self.asked += 1
        if self.error is not None:
            raise self.error
        return Pushed(1, "")


def test_a_place_that_is_asked_rarely_is_not_asked_more_often_but_at_the_end(trail, anchoring):
    odd = Odd()
    one, clock, _ = anchoring(odd)
    for _ in range(3):
        trail.grow()
        one.turn()
    assert odd.asked == 1
    one.turn(last=True)
    assert odd.asked == 2
    clock.now = 61
    trail.grow()
    one.turn()
    assert odd.asked == 3


def test_no_error_ends_the_thread(trail, anchoring):
    odd = Odd()
    one, clock, told = anchoring(odd)
    for error, why in (
        (OSError(errno.ESTALE, os.strerror(errno.ESTALE), "/mnt"), "/mnt: Stale file handle"),
        (ZeroDivisionError("by nought"), "ZeroDivisionError: by nought"),
    ):
        odd.error = error
        trail.grow()
        clock.now += MOST_SECONDS
        one.turn()
        assert one.standing()[0].why == why
    assert not told.said
