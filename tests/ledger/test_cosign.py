from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.cosign import ALGORITHMS, WitnessKey, open_witness_key
from sealtrail.ledger.merkle import EMPTY_ROOT
from sealtrail.ledger.note import Note, Signature, VerifyKey, base64_text, cosigned, cosigned_at, verify_note

TEXT = f"log.example/audit\n0\n{base64_text(EMPTY_ROOT)}\n".encode()


@pytest.fixture(params=ALGORITHMS)
def key(request):
    return WitnessKey("witness.example/w", ALGORITHMS[request.param], b"s" * 32)


def test_a_cosignature_is_good_for_its_text_and_time_alone(key):
    line = key.cosign(TEXT, 1_700_000_000)
    assert cosigned_at(line.payload) == 1_700_000_000
    public = VerifyKey.from_text(key.key.text)
    assert public == key.key
    assert verify_note(Note(TEXT, (line,)), [public]) == (public,)
    assert not public.verifies(TEXT.replace(b"\n0\n", b"\n1\n"), line.payload)
    assert not public.verifies(TEXT.replace(b"log", b"lag"), line.payload)
    assert not public.verifies(TEXT, b"\0" + line.payload[1:-1] + bytes((line.payload[-1] ^ 1,)))
    assert not public.verifies(TEXT, (1_700_000_001).to_bytes(8, "big") + line.payload[8:])
    assert not public.verifies(TEXT, line.payload[:-1])
    assert not public.verifies(TEXT, b"")


def test_a_post_quantum_cosignature_names_the_cosigner_and_the_whole_tree():
    key = WitnessKey("w.example", ALGORITHMS["ml-dsa-44"], b"s" * 32).key
    assert cosigned(key, TEXT, 5) == (
        b"subtree/v1\n\0\x09w.example" + bytes(7) + b"\x05\x11log.example/audit" + bytes(16) + EMPTY_ROOT
    )


@pytest.mark.parametrize(
    "text", [b"", b"a\n", b"a\nx\n\n", b"a\n1\nAAAA\n", b"a\n1\n\xff\n", b"a" * 256 + TEXT]
)
def test_a_post_quantum_cosignature_speaks_of_checkpoints_only(text):
    key = WitnessKey("w.example", ALGORITHMS["ml-dsa-44"], b"s" * 32)
    with pytest.raises(LedgerError):
        key.cosign(text, 5)
    assert not key.key.verifies(text, bytes(2428))


def test_a_signature_line_reads_as_it_was_written(key):
    line = key.cosign(TEXT, 7)
    assert Signature.from_text(line.text) == line


def test_a_key_is_made_once_and_private(tmp_path):
    made = open_witness_key(tmp_path, "w.example/1", "ml-dsa-44")
    assert open_witness_key(tmp_path).key == made.key
    assert (tmp_path / "witness.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "witness.vkey").read_text() == f"{made.key.text}\n"
    (tmp_path / "witness.vkey").unlink()
    open_witness_key(tmp_path)
    assert (tmp_path / "witness.vkey").read_text() == f"{made.key.text}\n"


def test_another_name_or_algorithm_is_another_witness(tmp_path):
    open_witness_key(tmp_path, "w.example/1")
    for name, algorithm in (("w.example/2", ""), ("", "ml-dsa-44")):
        with pytest.raises(UsageError, match=r"made for w\.example/1"):
            open_witness_key(tmp_path, name, algorithm)


def test_a_key_that_others_can_read_is_refused(tmp_path):
    open_witness_key(tmp_path)
    (tmp_path / "witness.key").chmod(0o640)
    with pytest.raises(LedgerError, match="can be read by others"):
        open_witness_key(tmp_path)


def test_a_secret_is_read_in_its_one_form_and_never_repeated(key):
    text = key.secret_text()
    assert WitnessKey.from_secret_text(text).key == key.key
    assert text not in repr(key)
    wrong = key.key.id.hex()
    for bad in (
        "",
        text[:-1],
        text.replace(wrong, "00000000"),
        text.replace("PRIVATE", "public"),
        text + "A",
    ):
        with pytest.raises(LedgerError) as caught:
            WitnessKey.from_secret_text(bad)
        assert text[-20:] not in str(caught.value)


def test_a_name_that_cannot_be_hashed_is_refused():
    with pytest.raises(LedgerError):
        WitnessKey("w" * 256, ALGORITHMS["ed25519"], b"s" * 32)
