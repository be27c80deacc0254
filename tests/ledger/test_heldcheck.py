"""What a report says of copies; tests/serve/test_sparing.py has those that a collector makes."""

from __future__ import annotations

from sealtrail.ledger.held import copy_held
from sealtrail.ledger.reader import LedgerReader


def say(installation, action: str, held: list[list[int]]) -> None:
    installation.system(
        "audit",
        event__action=action,
        sealtrail__range__trail="access",
        sealtrail__range__first=0,
        sealtrail__range__end=0,
        sealtrail__details={"held": held},
    )


def test_what_was_said_to_be_copied_is_demanded_until_it_was_disposed_of(grown):
    reader = LedgerReader(grown.data, volume_entries=1024)
    copy_held(grown.data / "holds", reader, "access", ((3, 5),), volume_entries=1024)
    reader.close()
    say(grown, "sealtrail.prune", [[3, 6]])
    assert grown.verify().verdict == "intact"  # unsigned: it may be anybody's
    grown.sign()
    assert grown.places(grown.verify()) == {"holds/access/volume-000000/5.json"}
    say(grown, "sealtrail.disposal", [[5, 6]])
    grown.sign()
    report = grown.verify()
    assert report.verdict == "intact", report.lines()
    assert "2 pruned entries under legal hold kept as copies, each with its proof" in report.trails[0].notes
    # Said again after a disposal it is demanded again: the order is that of the trail.
    say(grown, "sealtrail.prune", [[5, 6]])
    grown.sign()
    assert grown.verify().verdict == "tampered"


def test_a_range_without_end_costs_no_more_than_the_trail_is_long(grown):
    say(grown, "sealtrail.prune", [[-5, 2], [2**51, 2**52]])
    grown.sign()
    places = grown.places(grown.verify())
    assert places == {f"holds/access/volume-000000/{index}.json" for index in (0, 1)}


def test_a_copy_under_a_checkpoint_that_the_trail_never_signed_is_none(grown, build):
    other = build("other")
    other.grow()
    for source in (grown, other):
        reader = LedgerReader(source.data, volume_entries=1024)
        copy_held(grown.data / "holds", reader, "access", ((3, 4),), volume_entries=1024)
        reader.close()
    say(grown, "sealtrail.prune", [[3, 4]])
    grown.sign()
    (problem,) = grown.verify().trails[0].problems
    assert "its copy is not proved" in problem.what
