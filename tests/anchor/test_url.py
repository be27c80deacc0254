from __future__ import annotations

import pytest

from sealtrail.anchor.ours import size_of
from sealtrail.anchor.places import place
from sealtrail.anchor.standing import DivergedError
from sealtrail.anchor.url import UrlAnchor
from sealtrail.errors import UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import sign_note
from sealtrail.ledger.sign import open_key


def test_the_latest_note_is_posted_as_it_was_signed(trail, receiver):
    anchor = UrlAnchor(place(f"{receiver.url}/hook?token=s3cret"))
    trail.grow()
    note = trail.grow()
    pushed = anchor.push(trail.ours, None)
    assert pushed.size == 2
    assert anchor.push(trail.ours, pushed) == pushed  # nothing new, nothing sent
    ((method, path, headers, body),) = receiver.got
    assert (method, path, body) == ("POST", "/hook?token=s3cret", note)
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["Sealtrail-Trail"] == "audit"


def test_each_checkpoint_is_an_object_that_is_made_once(trail, receiver):
    stored: dict[str, bytes] = {}

    def bucket(method, path, body):
        if method == "GET":
            return (200, stored[path], {}) if path in stored else (404, b"", {})
        if path in stored:
            return 412, b"", {}
        stored[path] = body
        return 201, b"", {}

    receiver.answer = bucket
    anchor = UrlAnchor(place(f"{receiver.url}/bucket/{{origin}}/{{size}}"))
    notes = [trail.grow()]
    pushed = anchor.push(trail.ours, None)
    notes.append(trail.grow())
    pushed = anchor.push(trail.ours, pushed)
    assert list(stored.values()) == notes
    assert list(stored)[1] == "/bucket/acme.example/api/audit/0000000000000000002"
    assert receiver.got[0][2]["If-None-Match"] == "*"
    # What is there already is compared, after a start that has forgotten how far it was.
    assert anchor.push(trail.ours, None) == pushed
    stored[list(stored)[1]] = notes[0]
    with pytest.raises(UsageError, match="another size"):
        anchor.push(trail.ours, None)
    stored[list(stored)[1]] = b"something else"
    with pytest.raises(DivergedError, match="no checkpoint"):
        anchor.push(trail.ours, None)


def test_an_object_that_is_there_and_not_shown_is_a_failure(trail, receiver):
    receiver.answer = lambda method, *_: (412 if method == "PUT" else 403, b"", {})
    trail.grow()
    with pytest.raises(UsageError, match="does not show it"):
        UrlAnchor(place(f"{receiver.url}/{{size}}")).push(trail.ours, None)


def test_what_was_sent_contradicts_a_trail_that_was_rewritten_or_cut(trail, receiver):
    anchor = UrlAnchor(place(receiver.url))
    trail.grow(5)
    pushed = anchor.push(trail.ours, None)
    trail.rewrite(7)
    with pytest.raises(DivergedError, match="another root of the first 5") as caught:
        anchor.push(trail.ours, pushed)
    assert (caught.value.size, caught.value.root) == (5, pushed.root)
    trail.rewrite(2)
    with pytest.raises(DivergedError, match="5 entries, and 2 are signed here"):
        anchor.push(trail.ours, pushed)
    assert len(receiver.got) == 1


def test_a_receiver_that_says_no_contradicts_only_with_what_this_key_signed(trail, receiver):
    anchor = UrlAnchor(place(receiver.url))
    note = trail.grow(4)
    key = open_key(trail.data / "keys", "audit")
    receiver.answer = lambda *_: (409, b"I do not like it\x1b[31m", {})
    with pytest.raises(UsageError, match="answered 409: I do not like it") as refused:
        anchor.push(trail.ours, None)
    assert not isinstance(refused.value, DivergedError)
    assert "\x1b" not in refused.value.what
    receiver.answer = lambda *_: (409, note, {})
    with pytest.raises(UsageError, match="which fit"):
        anchor.push(trail.ours, None)
    shown = sign_note(Checkpoint(key.key.name, 4, b"\1" * 32).text, [key]).data
    receiver.answer = lambda *_: (409, shown, {})
    with pytest.raises(DivergedError, match="another root") as caught:
        anchor.push(trail.ours, None)
    assert caught.value.shown == shown
    assert size_of(caught.value.shown) == 4


@pytest.mark.parametrize(("status", "why"), [(500, "answered 500"), (301, "redirects are not followed")])
def test_what_is_not_taken_is_a_failure(trail, receiver, status, why):
    receiver.answer = lambda *_: (status, b"", {"Location": "http://127.0.0.1:9/"})
    trail.grow()
    with pytest.raises(UsageError, match=why):
        UrlAnchor(place(receiver.url)).push(trail.ours, None)
