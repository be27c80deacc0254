from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.note import VerifyKey
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.verify import verify


@pytest.fixture
def exported(grown, tmp_path):
    """An exported log, the options to verify it with, and its files."""
    reader = LedgerReader(grown.data, volume_entries=1024)
    target = tmp_path / "exported"
    export_tlog(reader, "access", target)
    reader.close()
    files = sorted(path for path in target.rglob("*") if path.is_file())
    return target, {"keys": [read_vkey(grown.data / "keys" / "access.vkey")], "workers": 1}, files


def test_an_exported_log_is_intact(exported, grown):
    target, options, _ = exported
    report = verify(target, **options)
    assert (report.verdict, report.trails[0].size) == ("intact", grown.logs["access"].published)


def test_an_exported_log_without_a_key_is_unchecked(exported):
    assert verify(exported[0], workers=1).verdict == "unchecked"


def test_a_flipped_bit_in_any_exported_file_is_tampering(exported):
    target, options, files = exported
    for path in files:
        original = path.read_bytes()
        for at in (0, len(original) // 2, len(original) - 1):
            data = bytearray(original)
            data[at] ^= 2
            path.write_bytes(data)
            assert verify(target, **options).verdict == "tampered", (path, at)
        path.write_bytes(original)
    assert verify(target, **options).verdict == "intact"


def test_an_edited_entry_is_named_exactly(exported):
    target, options, _ = exported
    path = target / "tile/entries/001"
    data = bytearray(path.read_bytes())
    data[2 + 5] ^= 1
    path.write_bytes(data)
    problem = verify(target, **options).trails[0].problems[0]
    assert (problem.index, problem.place.endswith("/audit/256")) == (256, False)


def test_a_missing_or_short_file_is_tampering(exported):
    target, options, files = exported
    for path in files:
        original = path.read_bytes()
        path.write_bytes(original[:-1])
        assert verify(target, **options).verdict == "tampered", path
        path.unlink()
        assert verify(target, **options).verdict == "tampered", path
        path.write_bytes(original)


def test_a_partial_tile_of_a_wrong_width_is_tampering(exported):
    target, options, files = exported
    partial = next(path for path in files if path.parent.name.endswith(".p") and "tile/0" in str(path))
    partial.write_bytes(partial.read_bytes() + bytes(32))
    assert verify(target, **options).verdict == "tampered"


def test_entries_and_tiles_replaced_together_do_not_lead_to_the_signed_root(exported, grown, build, tmp_path):
    target, options, _ = exported
    other = build("other")
    other.grow()
    reader = LedgerReader(other.data, volume_entries=1024)
    export_tlog(reader, "access", tmp_path / "forged")
    reader.close()
    (tmp_path / "forged" / "checkpoint").write_bytes((target / "checkpoint").read_bytes())
    report = verify(tmp_path / "forged", **options)
    assert report.verdict == "tampered"
    assert "do not lead to the root" in report.lines()[0]


@pytest.fixture
def vectors(corpora: Path) -> tuple[Path, dict[str, object]]:
    key = VerifyKey.from_text("example.com/apilog+f66706f5+AU15HuUgZZcWf6sTbRYnir9scOYZMnbyZJAmC3nplxEk")
    return corpora / "vectors", {"keys": [key], "workers": 1}


@pytest.mark.corpus
def test_the_good_log_is_intact_and_anchored_by_its_earlier_checkpoint(vectors):
    folder, options = vectors
    kept = (folder / "ledger_good.checkpoint-600").read_bytes()
    assert not verify(folder / "ledger_good", **options).anchored
    report = verify(folder / "ledger_good", checkpoints=[kept], **options)
    assert (report.verdict, report.anchored) == ("intact", True)


@pytest.mark.corpus
@pytest.mark.parametrize(("name", "word"), [("rewritten", "rewritten"), ("truncated", "cut off")])
def test_a_log_signed_again_is_caught_by_the_kept_checkpoint_and_by_nothing_else(vectors, name, word):
    folder, options = vectors
    kept = (folder / "ledger_good.checkpoint-600").read_bytes()
    alone = verify(folder / f"ledger_{name}", **options)
    assert (alone.verdict, alone.anchored) == ("intact", False)
    assert "NOT anchored" in "\n".join(alone.lines())
    report = verify(folder / f"ledger_{name}", checkpoints=[kept], **options)
    assert report.verdict == "tampered"
    assert word in report.lines()[0]
