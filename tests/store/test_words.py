"""Case, words and wildcards: the same in SQL and in Python, to the letter."""

from __future__ import annotations

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.store.query.words import fold, has_phrase, is_like, like_pattern, phrase_regex, words

TEXT = st.text(st.sampled_from("aAbé_ -%\\*.İΣς\n\x00"), max_size=12)
PARTS = st.lists(TEXT, min_size=1, max_size=4).map(tuple)
DATABASE = duckdb.connect(":memory:")


def test_folding_is_what_the_database_calls_lower_for_every_character():
    every = "".join(map(chr, (*range(1, 0xD800), *range(0xE000, 0x30000))))
    assert DATABASE.execute("SELECT lower(?)", [every]).fetchone() == (fold(every),)


@given(TEXT, PARTS)
def test_a_wildcard_means_the_same_in_sql(text, parts):
    row = DATABASE.execute("SELECT ? LIKE ? ESCAPE '\\'", [text, like_pattern(parts)]).fetchone()
    assert row == (is_like(text, parts),)


@given(TEXT, PARTS)
def test_a_phrase_means_the_same_in_sql(text, parts):
    phrase = words(parts)
    if phrase:
        row = DATABASE.execute("SELECT regexp_matches(lower(?), ?)", [text, phrase_regex(phrase)]).fetchone()
        assert row == (has_phrase(text, phrase),)


@pytest.mark.parametrize(
    ("parts", "found"),
    [
        (("Time out",), (("time",), ("out",))),
        (("time", ""), (("time", ""),)),
        (("a", " b"), (("a", ""), ("b",))),
        (("", "a-b"), (("", "a"), ("b",))),
        (("!?",), ()),
    ],
)
def test_a_wildcard_belongs_to_the_word_it_touches(parts, found):
    assert words(parts) == found


def test_a_pattern_of_many_wildcards_takes_linear_time():
    assert not is_like("a" * 60_000, ("", *["a"] * 500, "b"))
