"""Timestamps by OpenSSL's authority, over the text of a checkpoint."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.ledger.token import MAX_TOKEN_BYTES, Asking, Authority, Token, stamped_by

pytest.importorskip("rfc3161_client", reason="this environment is older than the lock: `make setup`")

TEXT = b"acme.example/api/audit\n7\nAAAA\n"


@pytest.fixture(scope="module")
def trusted(authority):
    return Authority(authority.root.read_bytes(), "root.pem")


@pytest.fixture(scope="module")
def asked(authority):
    asking = Asking.over(TEXT)
    return asking, authority.reply(asking.data)


def test_a_token_is_by_its_authority_over_this_text_and_for_this_question(
    authority, trusted, asked, tmp_path
):
    asking, data = asked
    token = Token(data)
    trusted.check(token, TEXT, asking.nonce)
    assert stamped_by([Authority(authority.other.root.read_bytes()), trusted], token, TEXT) is trusted
    assert abs(datetime.now(UTC) - token.made) < timedelta(minutes=5)
    assert datetime.fromisoformat(token.moment) == token.made
    (tmp_path / "token").write_bytes(data)
    (tmp_path / "text").write_bytes(TEXT)
    assert authority.verifies(tmp_path / "token", tmp_path / "text")


def test_what_does_not_fit_is_refused(authority, trusted, asked):
    asking, data = asked
    token = Token(data)
    with pytest.raises(TamperedError, match="another checkpoint"):
        trusted.check(token, TEXT + b"x")
    with pytest.raises(TamperedError, match=r"root\.pem: Nonce mismatch"):
        trusted.check(token, TEXT, asking.nonce + 1)
    other = Authority(authority.other.root.read_bytes(), "other.pem")
    with pytest.raises(TamperedError, match=r"not made by other\.pem"):
        stamped_by([other], token, TEXT)
    with pytest.raises(TamperedError, match="no authority"):
        stamped_by([], token, TEXT)


def test_the_certificate_of_the_authority_itself_may_be_given_with_its_root(authority, trusted, asked):
    _, data = asked
    both = authority.root.read_bytes() + (authority.folder / "tsa.pem").read_bytes()
    Authority(both).check(Token(data), TEXT)
    wrong = authority.root.read_bytes() + (authority.other.folder / "tsa.pem").read_bytes()
    with pytest.raises(TamperedError, match="does not match"):
        Authority(wrong).check(Token(data), TEXT)


@pytest.mark.parametrize("pem", [b"", b"not a certificate", None])
def test_without_a_root_nothing_can_be_trusted(authority, pem):
    with pytest.raises(UsageError, match="no root certificate"):
        Authority((authority.folder / "tsa.pem").read_bytes() if pem is None else pem)


@settings(max_examples=100)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_token_are_refused(data):
    with pytest.raises(LedgerError):
        Token(data)


def test_no_byte_that_is_changed_raises_anything_else(trusted, asked):
    _, data = asked
    for place in range(0, len(data), 7):
        changed = bytearray(data)
        changed[place] ^= 0x40
        with suppress(LedgerError):
            trusted.check(Token(bytes(changed)), TEXT)
    with pytest.raises(LedgerError, match="more than"):
        Token(b"0" * (MAX_TOKEN_BYTES + 1))
