from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sealtrail.outgoing.redirect import led_here, sent_on


def test_the_call_to_the_target_is_what_follows_a_redirect_whatever_its_encoding():
    assert sent_on("https://a/x", "/caf%C3%A9?q=a b", 0) == ("https://a/caf%C3%A9?q=a b", False)
    assert led_here("https://a:443/café?q=a%20b") == 1
    assert led_here("https://a/caf%C3%A9?q=a%20b") == 0


def test_a_call_to_elsewhere_follows_nothing():
    sent_on("https://a/x", "//b/y", 3)
    assert led_here("https://c/y") == 0
    assert sent_on("https://a/x", "//b/y", 3) == ("https://b/y", True)
    assert led_here("https://b/y") == 4


@given(st.text(), st.text())
def test_no_location_makes_it_raise(url, location):
    sent_on(url, location, 0)
    led_here(url)
