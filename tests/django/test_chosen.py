"""Which models a setting means."""

from __future__ import annotations

import pytest

from sealtrail.errors import UsageError


def test_a_model_comes_with_its_proxies_parents_and_pairs(shop):
    from sealtrail.django.chosen import Chosen

    bars, tags = Chosen("auth.Bar"), Chosen(["auth.Tag"])
    assert bars.senders() == (shop.Bar,)
    assert bars.table("AUTH_PLACE") == "auth_place"
    assert not bars.takes(shop.Place)
    assert set(Chosen(["auth.place"]).senders()) == {shop.Place, shop.Inn}
    assert tags.takes(shop.Tag.places.through)
    assert tags.table("public.auth_tag_places") == "auth_tag_places"
    assert tags.table("auth_user") is None


def test_a_table_of_pairs_is_not_told_of_when_its_rows_are_deleted(shop):
    from sealtrail.django.chosen import Chosen

    tags = Chosen(["auth.Tag"])
    tags.models()
    assert tags.is_told_of_deletions("auth_tag")
    assert not tags.is_told_of_deletions("auth_tag_places")


def test_models_and_columns_are_left_out(shop):
    from sealtrail.django.chosen import Chosen

    chosen = Chosen("all", ["auth.Bar", "auth.Place.seen", "auth.Tag.main"])
    assert chosen.senders() == (None,)
    assert (chosen.takes(shop.Bar), chosen.takes(shop.Inn)) == (False, True)
    assert chosen.table("auth_bar") is None
    assert chosen.leaves_out(shop.Inn, "seen")
    assert chosen.leaves_out(shop.Tag, "main_id")
    assert not chosen.leaves_out(shop.Tag, "key")


@pytest.mark.parametrize("label", ["auth.Nothing", "nowhere.User", "User", "auth.User.nothing", "auth.No.x"])
def test_what_is_no_model_or_column_is_refused(project, label):
    from sealtrail.django.chosen import Chosen

    with pytest.raises(UsageError):
        Chosen("all", [label]).models()
