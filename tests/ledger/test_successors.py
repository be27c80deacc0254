"""A restored folder's trails go on from what was copied; every way in which that can be untrue shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from sealtrail.ledger.note import base64_text
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report, TrailReport
from sealtrail.ledger.verify import verify

SECOND = ("access-2", "audit-2")


def link(made, trail: str, **changed: object) -> None:
    """The first entry of a successor, as the pipeline writes it; `changed` is what a liar changes."""
    before = trail.removesuffix("-2")
    reader = LedgerReader(made.data, volume_entries=1024)
    size = reader.sizes()[before]
    said = {
        "event__action": "sealtrail.successor",
        "sealtrail__head__trail": before,
        "sealtrail__head__size": size,
        "sealtrail__head__root": base64_text(reader.root(before, size)),
        "sealtrail__head__note": reader.checkpoint(before).decode(),
    }
    reader.close()
    made.system(trail, **{**said, **changed})


@pytest.fixture
def restored(grown, tmp_path: Path):
    """A copy of a grown installation, uncommitted tail and all, with successors that have entries."""
    grown.write("audit", 3)
    shutil.copytree(grown.data, tmp_path / "restored")
    made = type(grown)(tmp_path / "restored", SECOND)
    for trail in SECOND:
        link(made, trail)
        made.logs[trail].publish()
    made.write("audit-2", 20)
    made.write("access-2", 5)
    made.sign()
    yield made
    made.close()


def trail(report: Report, name: str) -> TrailReport:
    return next(found for found in report.trails if found.trail == name)


def test_successors_are_intact_and_say_what_they_go_on_from(restored):
    report = restored.verify()
    assert report.verdict == "intact", report.lines()
    assert [(t.trail, t.follows, t.followed_by) for t in report.trails] == [
        ("access", "", "access-2"),
        ("access-2", "access", ""),
        ("audit", "", "audit-2"),
        ("audit-2", "audit", ""),
    ]
    size = trail(report, "audit").size + 3
    assert (
        f"audit-2 goes on after {size:,} entries of it; audit-2/0 vouches for the last 3, which are under no "
        "checkpoint of its own" in trail(report, "audit").notes
    )


def test_the_original_goes_on_and_checkpoints_from_before_the_copy_hold_for_both(restored, grown):
    kept = [grown.notes(name)[-1] for name in ("access", "audit")]
    grown.write("access", 50)
    grown.sign()
    for installation in (grown, restored):
        report = installation.verify(checkpoints=kept)
        assert (report.verdict, trail(report, "audit").anchored_to > 0) == ("intact", True), report.lines()


def test_what_the_original_signed_after_the_copy_is_not_in_the_restored_folder(restored, grown):
    grown.write("audit", 50)
    grown.sign()
    report = restored.verify(checkpoints=[grown.notes("audit")[-1]])
    assert report.verdict == "tampered"
    assert "audit-2 went on from here" in trail(report, "audit").problems[0].what


def test_a_checkpoint_kept_of_a_successor_anchors_what_it_goes_on_from(restored):
    report = restored.verify(checkpoints=[restored.notes("audit-2")[-1]])
    assert (report.verdict, report.anchored) == ("intact", True)
    for name in ("access", "audit"):
        assert trail(report, name).anchored_to == trail(report, name).size > 0


def test_an_entry_appended_to_a_trail_that_was_gone_on_from_is_a_fork(restored, grown):
    original = type(grown)(restored.data)  # the folder's old trails, opened as nobody should
    original.write("audit", 1)
    original.close()
    problem = trail(restored.verify(), "audit").problems[0]
    assert "it was appended to after audit-2/0 went on from" in problem.what


def test_a_predecessor_that_is_missing_is_missed(restored):
    shutil.rmtree(restored.folder("access"))
    (restored.data / "keys" / "access.vkey").unlink()
    report = restored.verify()
    assert report.verdict == "tampered"
    assert "the trail is missing" in trail(report, "access").problems[0].what


def test_a_predecessor_that_is_cut_and_signed_again_shows(restored, grown, tmp_path):
    shutil.rmtree(restored.folder("audit"))
    short = type(grown)(tmp_path / "short")
    short.close()
    shutil.copytree(short.folder("audit"), restored.folder("audit"))
    for suffix in ("key", "vkey"):
        shutil.copy(short.data / "keys" / f"audit.{suffix}", restored.data / "keys" / f"audit.{suffix}")
    report = restored.verify()
    assert (report.verdict, trail(report, "audit").problems[0].index) == ("tampered", 0)


def liar(grown, tmp_path: Path, **changed: object) -> Report:
    shutil.copytree(grown.data, tmp_path / "restored")
    made = type(grown)(tmp_path / "restored", SECOND)
    link(made, "access-2")
    link(made, "audit-2", **changed)
    made.sign()
    made.close()
    return verify(tmp_path / "restored", workers=1, volume_entries=1024)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"event__action": "user.login"}, "it does not begin with the last checkpoint of audit"),
        ({"sealtrail__head__trail": "access"}, "it does not begin with the last checkpoint of audit"),
        ({"sealtrail__head__root": base64_text(bytes(32))}, "names another root for its first"),
        ({"sealtrail__head__size": 7}, "it was appended to after audit-2/0"),
        ({"sealtrail__head__size": 10**6}, "audit-2/0 goes on after 1,000,000 entries"),
        ({"sealtrail__head__note": "nothing\n"}, "what it names as the last checkpoint of audit is not"),
    ],
)
def test_a_link_that_is_not_true_shows(grown, tmp_path, changed, what):
    report = liar(grown, tmp_path, **changed)
    assert report.verdict == "tampered"
    assert any(what in problem.what for found in report.trails for problem in found.problems), report.lines()


def test_a_link_that_names_an_older_or_another_trails_checkpoint_shows(grown, tmp_path):
    for at, note in enumerate((grown.notes("audit")[-2], grown.notes("access")[-1])):
        (tmp_path / str(at)).mkdir()
        report = liar(grown, tmp_path / str(at), sealtrail__head__note=note.decode())
        assert "as the last checkpoint of audit is not" in trail(report, "audit-2").problems[0].what


def test_a_successor_alone_says_that_its_predecessor_was_not_checked(restored):
    report = verify(restored.folder("audit-2"), workers=1, volume_entries=1024)
    assert report.verdict == "intact"
    assert "it goes on from audit, which was not checked" in report.trails[0].notes
