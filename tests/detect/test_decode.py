from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.detect.decode import MAX_DECODED, decoded


@pytest.mark.parametrize(
    ("target", "wanted"),
    [
        ("/a/b?c=d", "/a/b?c=d"),
        ("/a+b?c=d+e", "/a+b?c=d e"),
        ("/?q=%27%20or%201", "/?q=' or 1"),
        ("/?q=%2527", "/?q='"),
        ("/?q=%252527", "/?q='"),
        ("/?q=%25252527", "/?q=%27"),
        ("/%2e%2e/%2E%2E/etc", "/../../etc"),
        ("/?q=union/**/select/*x*/1", "/?q=union select 1"),
        ("/?q=/*!50000union*/ select", "/?q= union select"),
        ("/?q=%u0027%uff07%ud800", "/?q=''\ufffd"),
        ("/?q=a%0a%0d%09b%00c", "/?q=a b c"),
        ("/?q=%ff%fe%zz%", "/?q=\ufffd\ufffd%zz%"),
        ("", ""),
    ],
)
def test_what_was_wrapped_is_unwrapped(target: str, wanted: str) -> None:
    assert decoded(target) == wanted


@given(st.text("ab'\" ;<>=()/", max_size=20), st.integers(0, 2))
def test_an_attack_looks_the_same_however_often_it_was_encoded(text: str, more: int) -> None:
    wrapped = quote(text)
    for _ in range(more):
        wrapped = quote(wrapped)
    assert decoded(f"/?q={wrapped}") == decoded(f"/?q={quote(text)}")


@given(st.text(max_size=200))
def test_nothing_makes_it_fail_and_it_does_not_grow(text: str) -> None:
    assert len(decoded(text)) <= len(text)


def test_a_target_without_end_is_cut() -> None:
    assert len(decoded("/" + "a" * 100_000)) == MAX_DECODED
