"""What every index promises of being laid beside the ledger. A mirror joins by an `Opened` of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from sealtrail.event import Batch, Entry, read
from sealtrail.event.codec import canonical
from sealtrail.event.entry import seal, suffix
from sealtrail.store.columnar import ColumnarStore
from sealtrail.store.comparing import Comparable, Segments

Opened = Callable[[Path, list[Entry]], Comparable]


def entries(trail: str, count: int) -> list[Entry]:
    ending = suffix("2026-11-24T08:00:00.000000Z", "spool")
    made = []
    for index in range(count):
        line = canonical(
            {"@timestamp": f"2026-11-24T08:00:{index % 60:02}.000000Z", "event.id": f"{trail}{index}"}
        )
        data = seal(line, ending)
        made.append(Entry(trail, index, data, read(data)))
    return made


def embedded(folder: Path, held: list[Entry]) -> Comparable:
    store = ColumnarStore.open(folder)
    ends = {entry.trail: entry.index + 1 for entry in held}
    store.handle(Batch(tuple(held), dict.fromkeys(ends, 0), ends))
    store.flush()
    store.close()
    return Segments(folder)


@pytest.fixture(params=[embedded])
def opened(request: pytest.FixtureRequest) -> Opened:
    made: Opened = request.param
    return made


def test_it_says_how_far_it_holds_every_entry(opened: Opened, tmp_path: Path) -> None:
    index = opened(tmp_path / "store", [*entries("access", 3), *entries("audit", 2)])
    assert (index.position(), index.forgotten()) == ({"access": 3, "audit": 2}, {})


def test_its_parts_have_each_row_once_and_no_row_differs(opened: Opened, tmp_path: Path) -> None:
    held = {(entry.trail, entry.index): entry for entry in [*entries("access", 300), *entries("audit", 2)]}
    index = opened(tmp_path / "store", list(held.values()))
    keys = []
    for part in index.parts():
        of = [key for key in part.held() if key is not None]
        assert part.place
        assert part.differences(range(len(of)), [held[key] for key in of]) == {}
        keys += of
    assert sorted(keys) == sorted(held)
    assert list(index.troubles()) == []


def test_a_row_that_is_another_entrys_differs_and_in_which_columns_is_told(
    opened: Opened, tmp_path: Path
) -> None:
    first, second = entries("access", 2)
    index = opened(tmp_path / "store", [first, second])
    (part,) = index.parts()
    row = part.held().index(("access", 1))
    other = Entry("access", 1, b"", {**second.fields, "event.id": "other", "nobody.knows": 1})
    found = part.differences([row], [other])
    assert "event.id" in found[row]
    assert len(found[row]) > 1
