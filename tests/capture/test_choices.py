from __future__ import annotations

import pytest

from sealtrail.capture.choices import ALL, ALL_FIELDS, chosen, chosen_fields
from sealtrail.errors import UsageError


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (True, ALL),
        (False, set()),
        ("user", {"user"}),
        (["user", "session"], {"user", "session"}),
        ((), set()),
    ],
)
def test_all_nothing_or_names(given, meant):
    assert chosen(given) == meant


def test_a_name_that_is_none_is_refused_with_those_there_are():
    with pytest.raises(UsageError, match="'users'") as refused:
        chosen(["users", "session"])
    assert "signals" in str(refused.value.hint)


def test_fields_of_an_api_are_chosen_alike():
    assert chosen_fields(True) == ALL_FIELDS
    assert chosen_fields(False) == set()
    assert chosen_fields("request") == {"request"}
    assert chosen_fields("request_body") == {"request_body"}
    with pytest.raises(UsageError, match="api_fields has no 'body'"):
        chosen_fields(["body"])
