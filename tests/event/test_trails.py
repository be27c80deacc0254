"""Which trail is which: bases, generations and their order."""

from __future__ import annotations

import pytest

from sealtrail.event import TRAILS, base_of, generation_of, predecessor, trail_name, trail_order


@pytest.mark.parametrize(
    ("trail", "base", "generation", "before"),
    [
        ("audit", "audit", 1, ""),
        ("access", "access", 1, ""),
        ("audit-2", "audit", 2, "audit"),
        ("access-3", "access", 3, "access-2"),
        ("audit-10", "audit", 10, "audit-9"),
        ("audit-9999", "audit", 9999, "audit-9998"),
    ],
)
def test_a_successor_is_named_after_its_base(trail: str, base: str, generation: int, before: str) -> None:
    assert (base_of(trail), generation_of(trail), predecessor(trail)) == (base, generation, before)
    assert trail_name(base, generation) == trail


@pytest.mark.parametrize(
    "trail",
    [
        "audit-1",
        "audit-02",
        "audit-0",
        "audit-",
        "audit-10000",
        "audit-2-2",
        "shop-2",
        "xaudit-2",
        "audit-٣",
        "",
    ],
)
def test_what_only_looks_like_a_successor_is_a_trail_of_its_own(trail: str) -> None:
    assert (base_of(trail), generation_of(trail), predecessor(trail)) == (trail, 1, "")


def test_trails_are_ordered_as_a_commit_writes_them() -> None:
    named = ["zoo", "audit-10", "access-2", "audit-2", "audit", "access-10", "access", "abc"]
    assert sorted(named, key=trail_order) == [
        "access",
        "access-2",
        "access-10",
        "audit",
        "audit-2",
        "audit-10",
        "abc",
        "zoo",
    ]
    assert sorted(TRAILS, key=trail_order) == list(TRAILS)
