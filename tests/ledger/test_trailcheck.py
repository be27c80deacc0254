from __future__ import annotations

import shutil
from pathlib import Path


def _files(root: Path) -> list[str]:
    kept = [p for p in sorted(root.rglob("*")) if p.is_file() and p.suffix != ".key"]
    return [str(path.relative_to(root)) for path in kept]


def test_one_flipped_bit_in_any_file_is_tampering_and_the_file_or_entry_is_named(grown, tmp_path):
    names = _files(grown.data)
    assert {Path(name).name.partition("-")[0] for name in names} >= {
        "access.vkey",
        "checkpoint",
        "checkpoints",
        "sealed",
        "volume",
        "active",
    }
    for name in names:
        original = (grown.data / name).read_bytes()
        assert original, name
        trail = name.split("/")[1].partition(".")[0]
        # The end of an active file is the last signed entry, so all of it counts.
        for at in {0, 1, len(original) // 3, len(original) // 2, len(original) - 2, len(original) - 1}:
            for bit in (0, 5):
                data = bytearray(original)
                data[at] ^= 1 << bit
                (grown.data / name).write_bytes(data)
                report = grown.verify()
                assert report.verdict == "tampered", (name, at, bit)
                named = grown.places(report)
                # The file, an entry in it, or the other one of the two that no longer agree.
                assert any(place == name or place.startswith(f"{trail}/") for place in named) or (
                    name.endswith("/sealed") and any(place.endswith(".zst") for place in named)
                ), (name, named)
        (grown.data / name).write_bytes(original)
    assert grown.verify().verdict == "intact"


def test_a_truncated_or_missing_file_is_tampering(grown):
    for name in _files(grown.data):
        path = grown.data / name
        original = path.read_bytes()
        for keep in (len(original) // 2, len(original) - 1, 0):
            path.write_bytes(original[:keep])
            assert grown.verify().verdict == "tampered", (name, keep)
        path.unlink()
        if path.suffix == ".vkey":
            # Nothing contradicts, but nothing can be believed either.
            assert grown.verify().verdict == "unchecked"
        else:
            assert grown.verify().verdict == "tampered", name
        path.write_bytes(original)


# --- checkpoints


def test_a_checkpoint_taken_out_of_the_history_shows(grown):
    for gone in range(len(grown.notes())):
        kept = grown.notes()
        removed = kept.pop(gone)
        grown.write_history(kept)
        report = grown.verify()
        assert report.verdict == "tampered", gone
        grown.write_history([*kept[:gone], removed, *kept[gone:]])
    assert grown.verify().verdict == "intact"


def test_two_consecutive_checkpoints_taken_out_show(grown):
    kept = grown.notes()
    grown.write_history(kept[:2] + kept[4:])
    report = grown.verify()
    assert report.verdict == "tampered"
    assert grown.places(report) == {"trails/audit/checkpoints"}


def test_swapped_checkpoints_show(grown):
    kept = grown.notes()
    kept[1], kept[2] = kept[2], kept[1]
    grown.write_history(kept)
    assert grown.verify().verdict == "tampered"


def test_a_stale_checkpoint_put_back_shows(grown):
    folder = grown.folder()
    (folder / "checkpoint").write_bytes(grown.notes()[1])
    assert grown.places(grown.verify()) == {"trails/audit/checkpoint"}


def test_a_checkpoint_one_behind_the_history_is_what_a_crash_leaves(grown):
    folder = grown.folder()
    (folder / "checkpoint").write_bytes(grown.notes()[-2])
    assert grown.verify().verdict == "intact"


def test_a_history_behind_the_checkpoint_shows(grown):
    grown.write_history(grown.notes()[:-1])
    assert "trails/audit/checkpoints" in grown.places(grown.verify())


def test_a_checkpoint_of_the_other_trail_shows(grown):
    shutil.copy(grown.folder("access") / "checkpoint", grown.folder("audit") / "checkpoint")
    assert grown.verify().verdict == "tampered"


def test_both_trails_cannot_change_places(grown):
    trails = grown.data / "trails"
    (trails / "access").rename(trails / "other")
    (trails / "audit").rename(trails / "access")
    (trails / "other").rename(trails / "audit")
    keys = grown.data / "keys"
    (keys / "access.vkey").rename(keys / "other.vkey")
    (keys / "audit.vkey").rename(keys / "access.vkey")
    (keys / "other.vkey").rename(keys / "audit.vkey")
    assert grown.verify().verdict == "tampered"


def test_a_trail_rolled_back_to_an_earlier_whole_state_contradicts_the_other(installation, tmp_path):
    installation.write("access", 50)
    installation.write("audit", 50)
    installation.sign()
    shutil.copytree(installation.folder("access"), tmp_path / "before")
    installation.write("access", 50)
    installation.sign()
    installation.sign()
    installation.close()
    shutil.rmtree(installation.folder("access"))
    shutil.copytree(tmp_path / "before", installation.folder("access"))
    report = installation.verify()
    assert report.verdict == "tampered"
    assert installation.indexes(report, "access") == [51]


def test_a_trail_that_is_gone_is_missed(grown):
    shutil.rmtree(grown.folder("audit"))
    report = grown.verify()
    assert report.verdict == "tampered"
    assert any("the trail is missing" in problem.what for problem in report.trails[1].problems)


def test_a_key_without_a_trail_leaves_the_question_open(installation):
    shutil.rmtree(installation.folder("audit"))
    assert installation.verify().verdict == "unchecked"


def test_a_head_that_is_still_to_be_signed_is_what_a_crash_leaves(grown):
    grown.heads()
    assert grown.verify().verdict == "intact"


def test_checkpoint_and_history_cut_back_together_contradict_the_entries(grown):
    folder = grown.folder()
    kept = grown.notes()[:-1]
    grown.write_history(kept)
    (folder / "checkpoint").write_bytes(kept[-1])
    report = grown.verify()
    # The head at the very end may be unsigned after a crash; the one before it may not.
    assert report.verdict == "intact"
    kept = kept[:-1]
    grown.write_history(kept)
    (folder / "checkpoint").write_bytes(kept[-1])
    assert grown.verify().verdict == "tampered"


def test_a_trail_rewritten_and_signed_again_contradicts_what_the_other_recorded(installation):
    """The holder of one key starts that trail anew, with as many entries as before."""
    installation.write("access", 50)
    installation.write("audit", 50)
    installation.sign()
    installation.write("audit", 5)
    installation.sign()
    size = installation.logs["access"].size
    installation.close()
    shutil.rmtree(installation.folder("access"))
    installation.open()
    installation.write("access", size + 7)
    installation.logs["access"].publish()
    report = installation.verify()
    assert report.verdict == "tampered"
    assert any("another root" in problem.what for problem in report.trails[0].problems)


def test_a_trail_under_the_name_of_another_is_named_by_its_key(grown):
    shutil.rmtree(grown.folder("audit"))
    grown.folder("access").rename(grown.folder("audit"))
    (grown.data / "keys" / "access.vkey").rename(grown.data / "keys" / "audit.vkey")
    assert "keys/audit.vkey" in grown.places(grown.verify())
