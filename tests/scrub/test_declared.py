from functools import partial
from urllib.parse import parse_qs, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.scrub.declared import without
from sealtrail.scrub.policy import Policy, keyed

NAMES = frozenset({"shop_key"})
GONE = "[redacted:api-key]"


@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("shop_key=hush", f"shop_key={GONE}"),
        ("a=1&shop_key=hu;sh&b=2", f"a=1&shop_key={GONE}&b=2"),
        ("Shop%5FKey=hush&shop_key=hush", f"Shop%5FKey={GONE}&shop_key={GONE}"),
        ("a=1;shop_key=hush;b=2", f"a=1;shop_key={GONE}"),
        ("shop_key=", "shop_key="),
        ("shop_key", "shop_key"),
        ("my_shop_key=x;y&shop=1", "my_shop_key=x;y&shop=1"),
        ("", ""),
    ],
)
def test_what_stands_under_a_declared_name_goes_and_nothing_else(query, kept):
    made, found = without(query, NAMES)
    assert made == kept
    assert found == (("url.query:api-key",) if kept != query else ())
    assert without(made, NAMES) == (made, ())


def test_the_policy_says_what_stands_in_its_place():
    assert without("shop_key=hush", NAMES, policy=Policy(mode="drop"))[0] == "shop_key="
    assert without("shop_key=hush", NAMES, policy=Policy(rules={"api-key": "keep"})) == ("shop_key=hush", ())
    hashed = without("shop_key=hush", NAMES, policy=Policy(mode="hmac", digest=partial(keyed, b"k" * 32)))[0]
    assert "hush" not in hashed
    assert hashed.startswith("shop_key=[redacted:api-key:")


NAMED = st.sampled_from(["shop_key", "SHOP_KEY", "a", "shop_ke"])


@given(st.lists(st.tuples(NAMED, st.text(max_size=8)), max_size=4))
def test_no_value_of_a_declared_name_is_left_for_any_reader(pairs):
    query = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    read = parse_qs(without(query, NAMES)[0])
    for name, values in read.items():
        if name.casefold() in NAMES:
            assert set(values) == {GONE}
        else:
            assert values == [value for other, value in pairs if other == name and value]
