import pytest

from sealtrail.capture.marks import MAX_LIST, Marks


def test_a_plain_name_leaves_no_mark():
    marks = Marks()
    assert marks.keyword("user.id", "u1") == "u1"
    assert (marks.notes, marks.redacted, marks.truncated) == ((), (), ())


def test_a_name_may_be_an_address_and_not_another_secret():
    marks = Marks()
    assert marks.keyword("user.id", "alice@example.com") == "alice@example.com"
    assert marks.keyword("user.id", "AKIAZ3MVLQ7XN2PKD8WT") == "[redacted:aws-key]"
    assert marks.redacted == ("user.id:aws-key",)


def test_free_text_may_not():
    assert Marks().text("event.reason", "to alice@example.com") == "to [redacted:email]"


@pytest.mark.parametrize(
    ("value", "made"),
    [(None, ()), ("admin", ("admin",)), (["a", 1], ("a", "1")), ({"a": 1}, ("a",)), (5, ()), (b"x", ("x",))],
)
def test_a_list_of_names_is_taken_from_whatever_iterates(value, made):
    assert Marks().keywords("user.roles", value) == made


def test_an_endless_list_ends():
    def endless():
        while True:
            yield "a"

    marks = Marks()
    assert len(marks.keywords("user.roles", endless())) == MAX_LIST
    assert marks.truncated == ("user.roles",)


def test_what_is_cut_is_marked_by_its_field():
    marks = Marks()
    assert len(marks.keyword("user.id", "x" * 10_000)) == 256
    marks.details("sealtrail.details", {"a": "x" * 100_000})
    assert set(marks.truncated) == {"user.id", "sealtrail.details"}


def test_none_stays_none_in_details():
    assert Marks().details("sealtrail.details", None) is None
