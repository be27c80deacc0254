"""Timestamps from OpenSSL's authority over HTTP, and OpenSSL's word on what is kept."""

from __future__ import annotations

import pytest

from sealtrail.anchor.places import address
from sealtrail.anchor.stamping import StampAnchor
from sealtrail.errors import UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import timestamp_of
from sealtrail.ledger.token import Authority, Token

REPLY = {"Content-Type": "application/timestamp-reply"}


@pytest.fixture
def stamping(receiver, authority):
    receiver.answer = lambda _, __, body: (200, authority.reply(body), REPLY)
    where = address(f"{receiver.url}/tsr", "timestamp-url", plain=True)
    return StampAnchor(where, Authority(authority.root.read_bytes(), "root.pem"), 60.0)


def test_a_checkpoint_is_stamped_and_openssl_verifies_what_is_kept(
    trail, receiver, authority, stamping, tmp_path
):
    note = trail.grow(5)
    pushed = stamping.push(trail.ours, None)
    assert pushed.size == 5
    assert stamping.push(trail.ours, pushed) == pushed  # no news, no question
    ((method, path, headers, _),) = receiver.got
    assert (method, path, headers["Content-Type"]) == ("POST", "/tsr", "application/timestamp-query")
    (kept,) = trail.folder.glob("timestamp-*")
    found = timestamp_of(kept.name)
    assert found is not None
    assert found[0] == 5
    assert kept.stat().st_mode & 0o777 == 0o600
    text = tmp_path / "text"
    text.write_bytes(Checkpoint.from_note(note)[0].text)
    assert b"".join(note.splitlines(keepends=True)[:3]) == text.read_bytes()  # `head -n 3`
    assert authority.verifies(kept, text)
    assert Token(kept.read_bytes()).made.tzinfo is not None
    text.write_bytes(b"another text")
    assert not authority.verifies(kept, text)


def test_what_is_no_token_of_ours_is_not_kept(trail, receiver, authority, stamping):
    trail.grow()
    again = authority.reply(query_over(trail))
    for answer, why in (
        (lambda *_: (200, b"", REPLY), "not a timestamp that can be read"),
        (lambda *_: (200, b"<html>", {"Content-Type": "text/html"}), "answered 200 with text/html"),
        (lambda *_: (503, b"", REPLY), "answered 503"),
        (lambda _, __, body: (200, authority.other.reply(body), REPLY), "not made by root.pem"),
        (lambda *_: (200, again, REPLY), "Nonce mismatch"),
    ):
        receiver.answer = answer
        with pytest.raises(UsageError, match=why) as refused:
            stamping.push(trail.ours, None)
        assert refused.value.code == "remote.answer"
    assert not list(trail.folder.glob("timestamp-*"))


def query_over(trail) -> bytes:
    from sealtrail.ledger.token import Asking

    return Asking.over(Checkpoint.from_note(trail.ours.note())[0].text).data
