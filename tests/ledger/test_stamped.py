"""Timestamps beside a trail: whole, over what was signed, by whom was named. Anything else is tampering."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest

from sealtrail.ledger import stamped
from sealtrail.ledger.checkpoint import Checkpoint, history_notes
from sealtrail.ledger.layout import timestamp_name
from sealtrail.ledger.token import Asking, Authority


def stamp(authority, folder, size, over=None):
    """Have the checkpoint of `size` entries stamped, and keep the token beside the trail."""
    notes = [note for note, _ in history_notes((folder / "checkpoints").read_bytes())]
    told = next(
        one for one in (Checkpoint.from_note(note)[0] for note in notes) if one.size == (over or size)
    )
    data = authority.reply(Asking.over(told.text).data)
    path = folder / timestamp_name(size, sha256(data).digest())
    path.write_bytes(data)
    return path


@pytest.fixture
def trail(authority, installation):
    """(installation, sizes of two checkpoints of the audit trail), each stamped."""
    for _ in range(2):
        installation.write("audit", 3)
        installation.sign()
    sizes = [Checkpoint.from_note(note)[0].size for note in installation.notes()][1:]
    for size in sizes:
        stamp(authority, installation.folder(), size)
    return installation, sizes


@pytest.fixture
def trusted(authority):
    return [Authority(authority.root.read_bytes(), "root.pem")]


def audit(report):
    return next(one for one in report.trails if one.trail == "audit")


def test_entries_existed_no_later_than_the_timestamps_say_and_are_not_anchored_by_that(trail, trusted):
    installation, sizes = trail
    report = installation.verify(authorities=trusted)
    found = audit(report)
    assert (report.verdict, report.anchored) == ("intact", False)
    assert found.timestamped_to == sizes[-1] == found.size
    assert abs(datetime.now(UTC) - datetime.fromisoformat(found.existed_by)) < timedelta(minutes=5)
    assert any(f"{sizes[0]} existed no later than" in note for note in found.notes)
    assert f"{sizes[1]} existed no later than {found.existed_by}" in "\n".join(report.lines())
    (document,) = (one for one in report.document()["trails"] if one["trail"] == "audit")
    assert document["timestamped_to"] == sizes[-1]
    access = next(one for one in report.trails if one.trail == "access")
    assert "no timestamp is beside this trail" in access.notes


def test_without_a_certificate_they_fit_and_are_not_believed(trail):
    installation, _ = trail
    report = installation.verify()
    assert report.verdict == "intact"
    assert audit(report).existed_by == ""
    assert any("2 timestamps fit, unverified" in note for note in audit(report).notes)


def test_a_timestamp_that_does_not_fit_is_tampering(trail, trusted, authority):
    installation, sizes = trail
    folder = installation.folder()
    (first, second) = sorted(folder.glob("timestamp-*"))
    for wrong, why in (
        (lambda: first.write_bytes(first.read_bytes()[:-1] + b"x"), "not the timestamp that was kept"),
        (lambda: first.replace(named(folder, sizes[1], first)), "over another checkpoint"),
        (lambda: first.replace(named(folder, 999_999, first)), "is not in the history"),
        (lambda: named(folder, sizes[0], b"x").write_bytes(b"x"), "not a timestamp"),
        (lambda: stamp(authority.other, folder, sizes[0]), "not made by root.pem"),
    ):
        kept = first.read_bytes()
        wrong()
        report = installation.verify(authorities=trusted)
        assert report.verdict == "tampered", why
        assert any(why in problem.what for problem in audit(report).problems), audit(report).problems
        for path in folder.glob("timestamp-*"):
            if path != second:
                path.unlink()
        first.write_bytes(kept)
    assert installation.verify(authorities=trusted).verdict == "intact"


def named(folder, size, data):
    """The name that a token with these bytes has for a size."""
    content = data if isinstance(data, bytes) else data.read_bytes()
    return folder / timestamp_name(size, sha256(content).digest())


def test_a_trail_that_was_rewritten_or_cut_and_signed_again_contradicts_its_timestamps(
    trail, build, authority
):
    installation, sizes = trail
    other = build("other")
    for count in (3, 3):
        other.write("audit", count)
        other.sign()
    for path in installation.folder().glob("timestamp-*"):
        (other.folder() / path.name).write_bytes(path.read_bytes())
    report = other.verify()
    assert report.verdict == "tampered"
    assert any("over another checkpoint" in problem.what for problem in audit(report).problems)
    assert sizes


def test_a_timestamp_from_the_future_is_tampering(trail, trusted, monkeypatch):
    installation, _ = trail
    monkeypatch.setattr(stamped, "AHEAD", timedelta(hours=-1))
    report = installation.verify(authorities=trusted)
    assert report.verdict == "tampered"
    assert any("still to come" in problem.what for problem in audit(report).problems)
