from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.console.marking import marked


def test_what_was_found_is_marked_wherever_it_stands() -> None:
    assert marked("/?q=1 UNION SELECT 2 UNION", ["UNION"]) == [
        ("/?q=1 ", False),
        ("UNION", True),
        (" SELECT 2 ", False),
        ("UNION", True),
    ]
    assert marked("abc", []) == [("abc", False)]
    assert marked("", ["a"]) == []


@given(st.text("ab<", max_size=30), st.lists(st.text("ab<", max_size=3), max_size=5))
def test_the_pieces_are_the_value_and_each_mark_was_asked_for(value: str, found: list[str]) -> None:
    pieces = marked(value, found)
    assert "".join(piece for piece, _ in pieces) == value
    assert any(is_found for _, is_found in pieces) == any(one and one in value for one in found)
