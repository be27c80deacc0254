from __future__ import annotations

import hashlib

import pytest

from sealtrail.ledger.merkle import (
    EMPTY_ROOT,
    CompactRange,
    climb,
    leaf_hash,
    leaf_hashes,
    node_hash,
    parents,
    root_of,
)

# Entries and roots that implementations of RFC 6962 share.
ENTRIES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = ["6e340b9c", "fac54203", "aeb6bcfe", "d37ee418", "4e3bbb1f", "76e67dad", "ddb89be4"]
LAST = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def test_roots_are_those_of_rfc_6962():
    for size, start in enumerate(ROOTS, 1):
        assert root_of(leaf_hashes(ENTRIES[:size])).hex().startswith(start)
    assert root_of(leaf_hashes(ENTRIES)).hex() == LAST


def test_the_empty_root_is_the_hash_of_nothing():
    assert root_of([]) == EMPTY_ROOT == hashlib.sha256(b"").digest()


def test_leaves_and_nodes_cannot_be_confused():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")
    assert node_hash(left, right) != leaf_hash(left + right)
    assert node_hash(left, right) == hashlib.sha256(b"\x01" + left + right).digest()
    assert leaf_hash(b"a") == hashlib.sha256(b"\x00a").digest()


def test_an_odd_leaf_is_not_duplicated():
    leaves = leaf_hashes([b"a", b"b", b"c"])
    assert root_of(leaves) != root_of([*leaves, leaves[-1]])
    assert parents(leaves) == [node_hash(*leaves[:2])]


def test_climbing_eight_levels_gives_tile_hashes():
    leaves = leaf_hashes([bytes([n % 256]) for n in range(600)])
    assert climb(leaves, 8) == [root_of(leaves[:256]), root_of(leaves[256:512])]


def test_a_range_takes_whole_subtrees_where_they_fit_and_nowhere_else():
    leaves = leaf_hashes([bytes([n]) for n in range(12)])
    tree = CompactRange()
    tree.extend([root_of(leaves[:4]), root_of(leaves[4:8])], 2)
    tree.extend(leaves[8:11])
    assert tree.root() == root_of(leaves[:11])
    with pytest.raises(ValueError, match="level 2"):
        tree.extend([leaves[0]], 2)


def test_a_copy_grows_by_itself():
    tree = CompactRange()
    tree.extend(leaf_hashes([b"a", b"b", b"c"]))
    twin = tree.copy()
    twin.extend([leaf_hash(b"d")])
    assert (tree.size, twin.size) == (3, 4)
    assert tree.root() == root_of(leaf_hashes([b"a", b"b", b"c"]))
    assert [level for level, _ in tree.peaks()] == [1, 0]
