"""Values of an application's log: the same object where it is clean, a copy where it is not."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.capture.foreign import LOST, clean_label, clean_text, clean_value, exception_of, printed

SECRET = "correct-horse-battery"


class Hostile:
    def __str__(self) -> str:
        raise RuntimeError(SECRET)

    __repr__ = __str__


class Text(str):  # noqa: SLOT000 - as hostile as a value can be
    def _raise(self, *_: object) -> str:
        raise RuntimeError("no")

    __str__ = __getitem__ = encode = isascii = _raise


@dataclasses.dataclass
class Account:
    name: str
    password: str

    def __str__(self) -> str:
        return self.name


@pytest.mark.parametrize("value", ["fine", 3, 2.5, True, None, ["a", {"b": 1}], {"x": (1, 2)}, b"raw"])
def test_what_is_clean_is_the_very_object(value):
    made, found = clean_value("anything", value)
    assert made is value
    assert not found


def test_a_secret_name_hides_its_value_and_the_original_stays():
    mine = {"user": "ann", "login": {"password": SECRET}, "list": [f"token={SECRET}"]}
    before = repr(mine)
    made, found = clean_value("payload", mine)
    assert SECRET not in repr(made)
    assert made["user"] == "ann"
    assert repr(mine) == before
    assert "log.payload.login.password:password" in found


def test_a_value_under_a_secret_name_of_its_own_goes():
    assert clean_value("api_key", SECRET)[0] == "[redacted:api-key]"


def test_rules_that_are_kept_leave_their_findings():
    assert clean_value("to", "ann@example.org", keep=("email",))[0] == "ann@example.org"
    assert "ann@" not in clean_value("to", "ann@example.org")[0]


def test_a_secret_that_only_the_repr_of_an_object_shows_is_hidden():
    made, found = clean_value("account", Account("ann", SECRET))
    assert made == "ann"
    assert not found


def test_an_object_that_shows_no_secret_stays_itself():
    value = object()
    assert clean_value("thing", value)[0] is value


def test_what_is_too_large_to_be_looked_at_is_kept_only_in_part():
    value = [*("fine" for _ in range(400)), f"password={SECRET}"]
    made, _ = clean_value("many", value)
    assert made is not value
    assert len(made) <= 256


@pytest.mark.parametrize(
    "make",
    [Hostile, lambda: [Hostile()], lambda: {"a": Hostile()}, lambda: Text("x"), lambda: {Text("k"): 1}],
)
def test_values_whose_own_code_raises_do_no_harm(make):
    made, _ = clean_value("thing", make())
    assert SECRET not in repr(made)


def test_a_text_that_raises_is_lost_rather_than_shown():
    assert clean_text(Text("x")) in {("x", ()), (LOST, ("log:unprintable",))}


@given(
    st.recursive(
        st.text() | st.integers() | st.none(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
def test_any_value_is_taken_and_never_changed(value):
    before = repr(value)
    clean_value("value", value)
    clean_text(value)
    assert repr(value) == before


def test_a_label_is_text_that_can_be_written_and_holds_no_secret():
    assert clean_label("shop.pay") == "shop.pay"
    assert clean_label(None) == ""
    assert clean_label("\ud800") == "\\ud800"
    assert clean_label("\ud800" * 300).isascii()
    assert SECRET not in clean_label(f"token={SECRET}")
    assert clean_label("ann@example.org", frozenset({"email"})) == "ann@example.org"
    assert "ann@" not in clean_label("ann@example.org")


@pytest.mark.parametrize("value", [1234, "1234", "hunter2"])
def test_even_the_shortest_value_goes_where_its_name_is_secret(value):
    assert clean_value("pin", value)[0] == "[redacted:pin]"
    assert clean_value("count", value)[0] is value


def test_exceptions_are_known_in_each_form_that_logging_takes():
    error = ValueError("x")
    assert exception_of(error) == (ValueError, error, None)
    assert exception_of((ValueError, error, None)) == (ValueError, error, None)
    assert exception_of((None, None, None)) is None
    assert exception_of(True) is None
    assert exception_of(("a", "b")) is None


def test_an_exception_whose_text_raises_is_printed_all_the_same():
    class BadError(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

    assert "BadError" in printed((BadError, BadError(), None))
