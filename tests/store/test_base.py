"""A hit knows its address."""

from __future__ import annotations

from sealtrail.store.base import Hit, Place


def test_a_hit_has_an_address_and_a_place_and_no_producer_can_set_them():
    hit = Hit("audit", 7, 5, {"user.id": "a", "sealtrail.trail": "forged", "sealtrail.index": 0})
    assert hit.address == "audit/7"
    assert hit.place == Place(5, "audit", 7)
    assert hit.row() == {"user.id": "a", "sealtrail.trail": "audit", "sealtrail.index": 7}


def test_places_are_ordered_by_time_then_trail_then_index():
    places = [Place(1, "audit", 0), Place(0, "audit", 9), Place(1, "access", 5), Place(1, "access", 10)]
    assert sorted(places) == [
        Place(0, "audit", 9),
        Place(1, "access", 5),
        Place(1, "access", 10),
        Place(1, "audit", 0),
    ]
