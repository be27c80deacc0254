from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.ledger.held import copied_entry, copy_held, is_copied, members, ranges_of, remove_copies
from sealtrail.ledger.reader import LedgerReader


@given(st.sets(st.integers(0, 60)))
def test_ranges_name_the_same_indexes_and_as_few_as_there_can_be(indexes):
    ranges = ranges_of(indexes)
    assert list(members(ranges)) == sorted(indexes)
    assert all(end < first for (_, end), (first, _) in pairwise(ranges))


def test_copies_are_the_entries_and_go_again(grown):
    holds = grown.data / "holds"
    reader = LedgerReader(grown.data, volume_entries=1024)
    held = ((3, 5), (1030, 1031))
    assert not is_copied(holds, reader, "access", held, volume_entries=1024)
    for _ in range(2):  # whoever is interrupted does it again
        copy_held(holds, reader, "access", held, volume_entries=1024)
    assert sorted(str(path.relative_to(holds)) for path in holds.rglob("*.json")) == [
        "access/volume-000000/3.json",
        "access/volume-000000/4.json",
        "access/volume-000001/1030.json",
    ]
    assert is_copied(holds, reader, "access", held, volume_entries=1024)
    assert copied_entry(holds, "access", 1030, volume_entries=1024) == reader.entry("access", 1030)
    (holds / "access/volume-000000/4.tlog-proof").unlink()
    assert not is_copied(holds, reader, "access", held, volume_entries=1024)
    (holds / "access/volume-000000/3.json").write_bytes(b"{}")
    assert not is_copied(holds, reader, "access", ((3, 4),), volume_entries=1024)
    remove_copies(holds, "access", (*held, (5000, 5001)), volume_entries=1024)
    assert [path for path in holds.rglob("*") if path.is_file()] == []
    reader.close()
