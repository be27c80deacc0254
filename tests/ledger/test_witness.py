"""A witness's judgement, as a table; and the property that two pasts are never both granted."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.merkle import EMPTY_ROOT, leaf_hash, root_of
from sealtrail.ledger.note import Note, sign_note
from sealtrail.ledger.proof import NodeHash, prove_consistency, range_hash
from sealtrail.ledger.sign import TrailKey
from sealtrail.ledger.witness import (
    Granted,
    Refused,
    Request,
    granted,
    origin_in,
    signature_lines,
    size_in,
    stated,
)

LOG = TrailKey("log.example/audit", b"l" * 32)
OTHER = TrailKey("log.example/audit", b"o" * 32)
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(40)]
FORK = [*LEAVES[:10], *(leaf_hash(b"other %d" % number) for number in range(10, 40))]


def nodes(leaves: list[bytes]) -> NodeHash:
    return lambda level, index: root_of(leaves[index << level : (index + 1) << level])


def checkpoint(size: int, leaves: list[bytes] = LEAVES) -> Checkpoint:
    return Checkpoint(LOG.key.name, size, range_hash(0, size, nodes(leaves)))


def note(size: int, leaves: list[bytes] = LEAVES, key: TrailKey = LOG) -> bytes:
    return sign_note(checkpoint(size, leaves).text, [key]).data


def proof(old: int, new: int, leaves: list[bytes] = LEAVES) -> tuple[bytes, ...]:
    return tuple(prove_consistency(old, new, nodes(leaves))) if 0 < old < new else ()


def ask(old: int, new: int, last: int | None, **more: object) -> Granted | Refused:
    leaves = more.get("leaves", LEAVES)
    path = more.get("proof", proof(old, new, leaves))  # type: ignore[arg-type]
    data = Request(old, path, more.get("note", note(new, leaves))).data  # type: ignore[arg-type]
    return granted(data, [LOG.key], None if last is None else checkpoint(last))


@pytest.mark.parametrize(
    ("old", "new", "last"), [(0, 7, None), (0, 0, None), (0, 7, 0), (7, 20, 7), (20, 20, 20), (16, 33, 16)]
)
def test_what_begins_with_all_that_was_cosigned_is_granted(old, new, last):
    verdict = ask(old, new, last)
    assert isinstance(verdict, Granted)
    assert verdict.checkpoint == checkpoint(new)
    assert verdict.note.data == note(new)


def test_another_old_size_is_told_the_one_that_was_cosigned():
    for old, last in ((5, 7), (0, 7), (9, 7)):
        verdict = ask(old, 20, last)
        assert (verdict.status, verdict.body) == (409, b"%d\n" % last)
    assert ask(5, 20, None).body == b"0\n"


def test_an_old_size_above_the_new_one_is_a_bad_request():
    assert ask(21, 20, 21).status == 400


def test_another_root_for_the_same_size_is_refused_and_convicts():
    verdict = ask(20, 20, 20, leaves=FORK)
    assert (verdict.status, verdict.forked) == (422, True)
    assert ask(5, 20, 20, leaves=FORK).forked


@pytest.mark.parametrize(
    "path", [(), proof(7, 20)[:-1], (*proof(7, 20), b"x" * 32), (b"y" * 32, *proof(7, 20)[1:])]
)
def test_a_proof_that_does_not_lead_there_is_refused(path):
    assert ask(7, 20, 7, proof=path).status == 422


def test_a_fork_behind_what_was_cosigned_is_refused_whatever_it_proves():
    assert ask(16, 30, 16, leaves=FORK).status == 422


def test_from_nothing_there_is_nothing_to_prove():
    assert ask(0, 20, None, proof=(b"x" * 32,)).status == 422
    assert ask(20, 20, 20, proof=(b"x" * 32,)).status == 422


def test_an_empty_tree_has_one_root():
    wrong = sign_note(Checkpoint(LOG.key.name, 0, b"x" * 32).text, [LOG]).data
    assert EMPTY_ROOT != b"x" * 32
    assert ask(0, 0, None, note=wrong).status == 422


def test_an_unknown_log_is_not_found_and_an_unknown_key_forbidden():
    stranger = TrailKey("other.example/audit", b"l" * 32)
    text = Checkpoint(stranger.key.name, 0, EMPTY_ROOT).text
    assert ask(0, 0, None, note=sign_note(text, [stranger]).data).status == 404
    assert ask(0, 7, None, note=note(7, key=OTHER)).status == 403


def test_a_bad_signature_by_a_known_key_is_forbidden_also_beside_a_good_one():
    good = Note.from_bytes(note(7))
    bad = Note(good.text, (Note.from_bytes(note(8)).signatures[0], good.signatures[0]))
    assert ask(0, 7, None, note=bad.data).status == 403


def test_signatures_by_others_are_ignored_and_not_kept():
    both = sign_note(checkpoint(7).text, [OTHER, LOG])
    verdict = ask(0, 7, None, note=both.data)
    assert isinstance(verdict, Granted)
    assert verdict.note.data == note(7)


def test_extension_lines_are_cosigned_with_the_rest():
    text = checkpoint(7).text + b"extension\n"
    verdict = ask(0, 7, None, note=sign_note(text, [LOG]).data)
    assert isinstance(verdict, Granted)
    assert verdict.note.text == text
    assert verdict.checkpoint == checkpoint(7)


_WHOLE = Request(7, proof(7, 20), note(20)).data


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"old 7",
        b"old 7\n\n",
        _WHOLE.replace(b"old 7", b"old 07"),
        _WHOLE.replace(b"old 7", b"old -7"),
        _WHOLE.replace(b"old 7", b"old 9223372036854775808"),
        _WHOLE.replace(b"old 7", b"new 7"),
        _WHOLE.replace(b"old 7", "old \u0667".encode()),
        _WHOLE.replace(b"old 7\n", b"old 7\n!!!\n"),
        _WHOLE.replace(b"old 7\n", b"old 7\n" + base64.b64encode(b"x" * 31) + b"\n"),
        _WHOLE.replace(b"old 7\n", b"old 7\n" + (base64.b64encode(b"x" * 32) + b"\n") * 64),
        _WHOLE[:-1],
        _WHOLE.replace(b"\n20\n", b"\n020\n"),
        _WHOLE.replace(b"\n20\n", b"\n\n"),
    ],
)
def test_what_is_no_request_is_a_bad_one(data):
    assert granted(data, [LOG.key], checkpoint(7)).status == 400


def test_a_request_says_whose_log_it_is_about():
    assert origin_in(_WHOLE) == LOG.key.name
    assert origin_in(b"nothing") == ""


@given(st.binary(max_size=300))
def test_no_bytes_break_the_judge(data):
    assert isinstance(granted(data, [LOG.key], None), Refused)


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(min_size=1),
)
def test_a_request_reads_as_it_was_written(old, hashes, rest):
    request = Request(old, tuple(hashes), rest)
    assert Request.from_bytes(request.data) == request


@given(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=8))
def test_two_pasts_are_never_both_granted(asked):
    """However a log asks, all that is granted is the beginning of the last that is granted."""
    last, seen = None, []
    for size, fork in asked:
        leaves = FORK if fork else LEAVES
        old = last.size if last is not None else 0
        path = proof(old, size, leaves)
        verdict = granted(Request(old, path, note(size, leaves)).data, [LOG.key], last)
        if isinstance(verdict, Granted):
            last = verdict.checkpoint
            seen.append(last)
    ends = [tree for tree in (LEAVES, FORK) if all(one == checkpoint(one.size, tree) for one in seen)]
    assert ends


def test_an_answer_is_read_line_by_line():
    line = Note.from_bytes(note(7)).signatures[0]
    assert signature_lines(line.text.encode() * 2) == (line, line)
    for wrong in (b"", line.text.encode()[:-1], b"\xff\n", b"\n", line.text.encode() + b"\n"):
        with pytest.raises(LedgerError):
            signature_lines(wrong)


def test_a_size_and_a_checkpoint_have_one_form():
    assert size_in("0") == 0
    for wrong in ("", "00", "+1", "1 ", "٧", "9" * 30):
        with pytest.raises(LedgerError):
            size_in(wrong)
    for text in (b"a\n1\n", b"a\n\nb\n", b"a\n1\nAAAA\n"):
        with pytest.raises(LedgerError):
            stated(Note(text, ()))
