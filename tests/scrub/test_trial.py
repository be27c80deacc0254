import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail import scrub
from sealtrail.errors import UsageError
from sealtrail.scrub.trial import FORMS, tried


def test_a_text_is_kept_as_a_message_is():
    found = tried("password=hunter2 of alice")
    assert (found.form, found.kept, found.notes) == (
        "text",
        *scrub.text("password=hunter2 of alice"),
    )


def test_an_object_or_a_list_is_taken_for_json_and_anything_else_for_text():
    assert tried('{"password": "hunter2"}').kept == {"password": "[redacted:password]"}
    assert tried("[1, 2]").form == "json"
    assert tried("[pool] connected").form == "text"
    assert tried("42").form == "text"


def test_notes_speak_of_the_field_that_is_named():
    assert tried("pin=4821", field="event.reason").notes == ("event.reason:pin",)
    assert tried('{"pin": "4821"}', field="log").notes == ("log.pin:pin",)


@pytest.mark.parametrize(
    ("form", "text", "kept"),
    [
        ("query", "page=2&token=abcdef", "page=2&token=[redacted:token]"),
        ("url", "/a?token=abcdef", "/a?token=[redacted:token]"),
        ("headers", "X-Page: 2\nCookie: a=b\nplain", "X-Page: 2\nCookie: [redacted:session]\nplain"),
        ("text", '{"a": 1}', '{"a": 1}'),
    ],
)
def test_each_form_is_read_as_the_part_of_a_request_it_is(form, text, kept):
    assert tried(text, form).kept == kept


def test_what_is_said_to_be_json_and_is_not_is_refused_with_advice():
    with pytest.raises(UsageError) as caught:
        tried("{", "json")
    assert caught.value.code == "usage.argument"
    assert caught.value.hint


@pytest.mark.parametrize("form", ["text", "query", "url", "headers"])
def test_what_is_too_long_is_said_to_be_cut(form):
    assert tried("x" * (scrub.MAX_TEXT + 1), form).cut
    assert not tried("x", form).cut
    assert tried(json.dumps({"a": "x" * 10_000})).cut


@given(st.sampled_from(FORMS), st.text(max_size=40))
def test_no_input_makes_it_raise_but_what_is_no_json(form, text):
    if form == "json":
        text = json.dumps({"a": text})
    assert tried(text, form).form in FORMS


def test_nesting_that_no_reader_follows_is_no_json():
    assert tried("[" * 100_000).form == "text"
