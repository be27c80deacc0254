from __future__ import annotations

import base64
import json

import pytest

from sealtrail.errors import LedgerError, TamperedError
from sealtrail.ledger.merkle import leaf_hash, leaf_hashes, root_of
from sealtrail.ledger.proof import (
    TlogProof,
    check_consistency,
    check_inclusion,
    prove_consistency,
    prove_inclusion,
)

LEAVES = leaf_hashes([bytes([n]) for n in range(40)])


def node(level: int, index: int) -> bytes:
    return root_of(LEAVES[index << level : (index + 1) << level])


def test_every_entry_of_every_small_tree_has_a_proof():
    for size in range(1, 41):
        for index in range(size):
            proof = prove_inclusion(index, size, node)
            check_inclusion(index, size, LEAVES[index], proof, root_of(LEAVES[:size]))


def test_every_small_tree_is_consistent_with_every_later_one():
    for new in range(1, 41):
        for old in range(1, new + 1):
            proof = prove_consistency(old, new, node)
            check_consistency(old, new, root_of(LEAVES[:old]), root_of(LEAVES[:new]), proof)


def test_a_proof_of_another_place_size_or_leaf_is_refused():
    proof, root = prove_inclusion(5, 13, node), root_of(LEAVES[:13])
    for index, size, leaf, hashes in (
        (4, 13, LEAVES[5], proof),
        (5, 13, LEAVES[4], proof),
        (5, 13, LEAVES[5], proof[:-1]),
        (5, 13, LEAVES[5], [*proof, root]),
        (5, 13, LEAVES[5], [root, *proof]),
        (13, 13, LEAVES[5], proof),
        (-1, 13, LEAVES[5], proof),
    ):
        with pytest.raises(TamperedError):
            check_inclusion(index, size, leaf, hashes, root)


def test_a_node_does_not_pass_for_a_leaf():
    with pytest.raises(TamperedError):
        check_inclusion(0, 4, leaf_hash(LEAVES[0] + LEAVES[1]), [node(1, 1)], root_of(LEAVES[:4]))


def test_proofs_are_not_made_of_what_cannot_be():
    for index, size in ((0, 0), (-1, 3), (3, 3)):
        with pytest.raises(ValueError, match="not in a tree"):
            prove_inclusion(index, size, node)
    for old, new in ((0, 3), (4, 3)):
        with pytest.raises(ValueError, match="beginning"):
            prove_consistency(old, new, node)


CHECKPOINT = b"a/b\n1\nAAAA\n\n" + "— a/b AAAAAAA=\n".encode()


@pytest.mark.parametrize("extra", [None, b"", b"why"])
def test_a_proof_file_reads_back(extra):
    proof = TlogProof(73, (LEAVES[0], LEAVES[1]), CHECKPOINT, extra)
    assert TlogProof.from_text(proof.text) == proof
    assert proof.text.startswith("c2sp.org/tlog-proof@v1\n")


def test_a_proof_file_of_another_form_is_refused():
    text = TlogProof(73, (LEAVES[0],), CHECKPOINT).text
    for bad in (
        "",
        text.replace("@v1", "@v2"),
        text.replace("index 73", "index 073"),
        text.replace("index 73", "index -1"),
        text.replace("index 73", "at 73"),
        text.replace("index 73\n", ""),
        text.replace("\n\n", "\n", 1),
        text.replace("index 73", "index 73\nAAAA"),
        TlogProof(73, (LEAVES[0],) * 64, CHECKPOINT).text,
        "c2sp.org/tlog-proof@v1\n\n",
    ):
        with pytest.raises(LedgerError):
            TlogProof.from_text(bad)


def _hashes(value):
    return [base64.b64decode(text) for text in value or ()]


@pytest.mark.corpus
def test_all_vectors_of_transparency_dev_are_judged_as_they_say(corpora):
    cases = sorted((corpora / "vectors" / "merkle").rglob("*.json"))
    good = 0
    for path in cases:
        case = json.loads(path.read_text())
        proof = _hashes(case["proof"])
        try:
            if "leafIdx" in case:
                leaf, root = (base64.b64decode(case[name] or "") for name in ("leafHash", "root"))
                check_inclusion(case["leafIdx"], case["treeSize"], leaf, proof, root)
            else:
                roots = [base64.b64decode(case[name] or "") for name in ("root1", "root2")]
                check_consistency(case["size1"], case["size2"], *roots, proof)
        except TamperedError:
            assert case["wantErr"], path
        else:
            assert not case["wantErr"], path
            good += 1
    assert (len(cases), good) == (196, sum(not json.loads(p.read_text())["wantErr"] for p in cases))
    assert good > 5
