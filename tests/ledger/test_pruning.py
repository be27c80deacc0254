from __future__ import annotations

import pytest

from sealtrail.errors import NotFoundError
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.proof import check_consistency
from sealtrail.ledger.prune import prune_volumes
from sealtrail.ledger.reader import LedgerReader


def record(installation, end: int, root: bytes | None = None, first: int = 0, **more: object) -> None:
    """A prune of access, as the collector says it."""
    reader = LedgerReader(installation.data, volume_entries=1024)
    installation.system(
        "audit",
        event__action="sealtrail.prune",
        event__reason="retention of 400 days",
        sealtrail__range__trail="access",
        sealtrail__range__first=first,
        sealtrail__range__end=end,
        sealtrail__range__root=base64_text(reader.root("access", end) if root is None else root),
        **more,
    )
    reader.close()
    installation.sign()


def test_a_report_says_what_went_when_under_which_rule_and_by_whom(grown):
    record(grown, 1024, user__id="rita")
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    report = grown.verify()
    assert report.verdict == "intact", report.lines()
    (said,) = [note for note in report.trails[0].notes if "were pruned" in note]
    assert said.startswith("entries 0 to 1,023 were pruned, as audit/")
    assert "retention of 400 days, by rita, on 2026-" in said


def test_only_the_latest_of_many_prunes_are_told_in_full(grown):
    for _ in range(7):
        record(grown, 1024)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    notes = [note for note in grown.verify().trails[0].notes if "prune" in note][1:]
    assert len(notes) == 6
    assert notes[0] == "2 earlier prunes on record"


@pytest.mark.parametrize("root", [bytes(32), b"short"])
def test_a_prune_that_cut_other_entries_than_are_left_of_is_tampering(grown, root):
    record(grown, 1024, root)
    prune_volumes(grown.folder("access"), 1024, volume_entries=1024)
    assert any("another root for the first 1,024" in p.what for p in grown.verify().trails[0].problems), (
        grown.verify().lines()
    )


def test_consistency_from_below_the_cut_is_proved_at_the_borders_of_bundles_and_refused_between(grown):
    whole = LedgerReader(grown.data, volume_entries=1024)
    size = whole.sizes()["access"]
    roots = {old: whole.root("access", old) for old in (256, 300, 768, 1024, 1500, 2048, 2100, size)}
    whole.close()
    record(grown, 2048)
    prune_volumes(grown.folder("access"), 2048, volume_entries=1024)
    reader = LedgerReader(grown.data, volume_entries=1024)
    for old in (256, 768, 1024, 2048, 2100):
        proof = reader.consistency("access", old, size)
        check_consistency(old, size, roots[old], roots[size], proof)
    for old in (300, 1500):
        with pytest.raises(NotFoundError, match="kept from 2,048") as refused:
            reader.consistency("access", old, size)
        assert "multiples of 256" in refused.value.hint
    reader.close()
