from __future__ import annotations

import pytest

from sealtrail.capture.identity.session_cookie import session_hash
from sealtrail.capture.pseudonym import Pseudonyms


@pytest.fixture
def pseudonyms(tmp_path):
    return Pseudonyms("a key", tmp_path)


def test_a_session_is_found_by_the_whole_name_of_its_cookie(pseudonyms):
    wanted = pseudonyms.of("session", "s1")
    assert session_hash(pseudonyms, "a=1; session=s1; b=2", "session") == wanted
    assert session_hash(pseudonyms, 'session="s1"', "session") == wanted
    assert session_hash(pseudonyms, "xsession=s1; session2=s1; session", "session") == ""
    assert session_hash(pseudonyms, "", "session") == ""


def test_time_and_signature_of_a_signed_session_do_not_count(pseudonyms):
    def of(value):
        return session_hash(pseudonyms, f"session={value}", "session")

    assert of("eyJhIjoxfQ.Zx.sig1") == of("eyJhIjoxfQ.Zy.sig2") != of("eyJhIjoyfQ.Zx.sig1")
    assert of(".eJyrVko.Zx.sig1") == of(".eJyrVko.Zy.sig2") != of(".eJyrVkq.Zx.sig1")
    assert of("a.b") != of("a.c")


def test_all_of_a_long_session_counts(pseudonyms):
    assert pseudonyms.of_session("a" * 2000 + "b") != pseudonyms.of_session("a" * 2000 + "c")
