from __future__ import annotations

import shutil

from sealtrail.ledger.sign import TrailKey, open_key, read_vkey


def test_a_kept_checkpoint_anchors(grown):
    kept = [grown.notes(name)[2] for name in grown.trails]
    report = grown.verify(checkpoints=kept)
    assert (report.verdict, report.anchored) == ("intact", True)
    assert "NOT anchored" not in "\n".join(report.lines())


def test_a_kept_checkpoint_of_one_trail_anchors_the_other_through_its_heads(grown):
    report = grown.verify(checkpoints=[grown.notes("audit")[3]])
    access = report.trails[0]
    assert report.anchored
    assert 0 < access.anchored_to < access.size


def test_a_kept_checkpoint_may_have_a_size_the_history_lost(grown):
    kept = grown.notes()[2]
    report = grown.verify(checkpoints=[kept, kept])
    assert report.verdict == "intact"


def test_a_log_rewritten_by_the_holder_of_the_key_is_intact_until_a_kept_checkpoint_is_given(
    installation, tmp_path
):
    installation.write("audit", 40)
    installation.sign()
    kept = installation.notes()[-1]
    installation.close()
    shutil.rmtree(installation.data / "trails")
    installation.open()
    installation.write("audit", 60)
    installation.sign()
    assert installation.verify().verdict == "intact"
    report = installation.verify(checkpoints=[kept])
    assert (report.verdict, report.anchored) == ("tampered", False)


def test_a_log_cut_short_and_signed_again_is_found_by_a_kept_checkpoint(installation):
    installation.write("audit", 40)
    installation.sign()
    kept = installation.notes()[-1]
    installation.close()
    shutil.rmtree(installation.data / "trails")
    installation.open()
    installation.write("audit", 3)
    installation.sign()
    report = installation.verify(checkpoints=[kept])
    assert "cut off" in report.trails[1].problems[0].what


def test_a_replaced_key_is_found_by_a_kept_checkpoint(installation):
    installation.write("audit", 4)
    installation.sign()
    kept = installation.notes()[-1]
    origin = kept.decode().split("\n")[0].rpartition("/")[0]
    installation.close()
    shutil.rmtree(installation.data)
    installation.data.mkdir()
    for name in installation.trails:
        open_key(installation.data / "keys", name, origin=origin)
    installation.open()
    installation.write("audit", 4)
    installation.sign()
    assert installation.verify(checkpoints=[kept]).verdict == "tampered"


def test_a_kept_checkpoint_of_another_log_leaves_the_question_open(grown, build):
    other = build("other")
    other.write("audit", 1)
    other.sign()
    report = grown.verify(checkpoints=[other.notes()[-1]])
    assert report.verdict == "unchecked"
    assert "no such log is here" in " ".join(report.notes)


def test_a_given_key_is_trusted_instead_of_the_one_in_the_folder(grown):
    keys = [read_vkey(path) for path in (grown.data / "keys").glob("*.vkey")]
    report = grown.verify(keys=keys)
    assert report.verdict == "intact"
    assert {trail.key_source for trail in report.trails} == {"given"}


def test_a_given_key_of_other_bytes_is_a_contradiction(grown):
    name = read_vkey(grown.data / "keys" / "audit.vkey").name
    report = grown.verify(keys=[TrailKey(name, b"x" * 32).key])
    assert report.trails[1].problems


def test_a_given_key_of_another_log_leaves_the_question_open(grown):
    assert grown.verify(keys=[TrailKey("elsewhere/audit", b"x" * 32).key]).verdict == "unchecked"
