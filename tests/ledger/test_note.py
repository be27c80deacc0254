from __future__ import annotations

import struct

import pytest

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger.note import (
    COSIGNATURE_V1,
    Note,
    VerifyKey,
    base64_bytes,
    cosigned_bytes,
    sign_note,
    verify_note,
)
from sealtrail.ledger.sign import TrailKey

# The example of Go's note package: its key, its text and its signature.
GO_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
).encode()


def test_a_note_signed_by_other_software_is_verified():
    key = VerifyKey.from_text(GO_KEY)
    note = Note.from_bytes(GO_NOTE)
    assert verify_note(note, [key]) == (key,)
    assert key.text == GO_KEY
    assert note.data == GO_NOTE


def test_one_changed_character_of_the_text_is_tampering():
    key = VerifyKey.from_text(GO_KEY)
    with pytest.raises(TamperedError, match="not good"):
        verify_note(Note.from_bytes(GO_NOTE.replace(b"answer", b"Answer")), [key])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "name+00000000",
        GO_KEY.replace("c74f20a3", "c74f20a4"),
        GO_KEY.replace("c74f20a3", "C74F20A3"),
        GO_KEY.replace("PeterNeumann", "Peter Neumann"),
        GO_KEY.replace("10TW", "10TX"),
        GO_KEY + "=",
        "x+00000000+",
    ],
)
def test_a_key_that_does_not_agree_with_itself_is_refused(text):
    with pytest.raises(LedgerError) as caught:
        VerifyKey.from_text(text)
    assert caught.value.code == "ledger.format"


@pytest.mark.parametrize("text", ["QQ", "QQ=", "QR==", "QQ==\n", " QQ==", "QQ==QQ==", "QÄ=="])
def test_lax_base64_is_refused(text):
    with pytest.raises(LedgerError):
        base64_bytes(text)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"text\n",
        b"text\n\n",
        b"\n\n" + GO_NOTE.split(b"\n\n")[1],
        GO_NOTE[:-1],
        GO_NOTE + b"\n",
        GO_NOTE.replace(b"you", b"y\x00u"),
        GO_NOTE.replace(b"you", b"y\tu"),
        GO_NOTE.replace(b"you", b"y\xffu"),
        GO_NOTE.replace("— ".encode(), b"- "),
        GO_NOTE.replace(b" x08go", b"  x08go"),
        GO_NOTE + b"trailing\n",
        b"t\n\n" + "— n QUJDRA==\n".encode(),
    ],
)
def test_a_note_of_another_form_is_refused(data):
    with pytest.raises(LedgerError) as caught:
        Note.from_bytes(data)
    assert caught.value.code == "ledger.format"


def test_a_note_of_a_megabyte_or_of_a_hundred_and_one_signatures_is_refused():
    with pytest.raises(LedgerError, match="limit"):
        Note.from_bytes(b"x" * 1_000_001)
    line = GO_NOTE.split(b"\n\n")[1]
    with pytest.raises(LedgerError, match="101 signatures"):
        Note.from_bytes(b"t\n\n" + line * 101)


def test_signatures_by_unknown_keys_say_nothing():
    ours, theirs = TrailKey("a/b", b"1" * 32), TrailKey("c/d", b"2" * 32)
    note = Note.from_bytes(sign_note(b"hello\n", [theirs, ours]).data)
    assert verify_note(note, [ours.key]) == (ours.key,)
    with pytest.raises(TamperedError, match="no known key"):
        verify_note(note, [TrailKey("c/d", b"3" * 32).key])


def test_a_bad_signature_by_a_known_key_counts_against_a_good_one():
    ours, theirs = TrailKey("a/b", b"1" * 32), TrailKey("c/d", b"2" * 32)
    good = sign_note(b"hello\n", [ours])
    bad = sign_note(b"other\n", [theirs])
    with pytest.raises(TamperedError):
        verify_note(Note(good.text, good.signatures + bad.signatures), [ours.key, theirs.key])


def test_a_text_with_a_blank_line_is_not_signed():
    for text in (b"a\n\nb\n", b"a", b"\na\n"):
        with pytest.raises(LedgerError):
            sign_note(text, [TrailKey("a/b", b"1" * 32)])


def test_a_cosignature_covers_its_time():
    private = TrailKey("witness.example/w", b"4" * 32)
    key = VerifyKey("witness.example/w", COSIGNATURE_V1, private.key.public)
    text = b"log\n1\nAAAA\n"
    payload = struct.pack(">Q", 1_764_000_000) + private.sign(cosigned_bytes(text, 1_764_000_000))
    assert key.verifies(text, payload)
    assert not key.verifies(text, struct.pack(">Q", 1_764_000_001) + payload[8:])
    assert not key.verifies(text, payload[8:])


def test_a_key_of_a_type_we_do_not_know_verifies_nothing():
    key = VerifyKey("witness.example/pq", 6, b"x" * 1312)
    assert VerifyKey.from_text(key.text) == key
    assert not key.verifies(b"a\n", b"x" * 2428)
