"""A `.tlog-proof` of ours, checked by verifiers that other people wrote; and each change, refused."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main
from sealtrail.ledger.reader import LedgerReader

VERIFIERS = ("go", "tlog-scales", "sigstore", "@sigstore/verify")


def question(proof: str, entry: bytes, key: str) -> dict[str, Any]:
    return {"proof": proof, "entry": base64.b64encode(entry).decode(), "key": key}


@pytest.fixture(scope="module")
def trail(foreign: object, writer: Callable[..., Any]) -> Any:
    made = writer("audit")
    made.grow(300)
    return made


@pytest.fixture(scope="module")
def receipts(trail: Any) -> list[dict[str, Any]]:
    """One for each entry."""
    reader = LedgerReader(trail.data)
    made = [question(reader.prove("audit", n), reader.entry("audit", n), trail.vkey) for n in range(300)]
    reader.close()
    return made


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_the_receipt_of_every_entry_is_accepted(foreign, receipts, verifier):
    assert foreign.ask(verifier, receipts) == [""] * 300


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_what_sealtrail_prove_writes_is_accepted(foreign, trail, tmp_path, verifier):
    proof, entry = tmp_path / "17.tlog-proof", tmp_path / "17.json"
    arguments = ["prove", "audit/17", "--data", str(trail.data), "-o", str(proof), "--with-entry", str(entry)]
    ran = CliRunner().invoke(main, arguments)
    assert ran.exit_code == 0, ran.output
    assert foreign.ask(verifier, [question(proof.read_text(), entry.read_bytes(), trail.vkey)]) == [""]


def flipped(text: str, at: int) -> str:
    return text[:at] + ("B" if text[at] == "A" else "A") + text[at + 1 :]


def changes(good: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The receipt of entry 200 of 300, with one thing changed."""
    proof = good["proof"]
    lines = proof.split("\n")
    swapped = "\n".join([*lines[:2], lines[3], lines[2], *lines[4:]])
    entry = base64.b64decode(good["entry"])
    edited = base64.b64encode(entry.replace(b"200", b"201")).decode()
    return {
        "the entry": {**good, "entry": edited},
        "a bit of a hash": {**good, "proof": flipped(proof, proof.index(lines[3]) + 5)},
        "two hashes swapped": {**good, "proof": swapped},
        "a hash too few": {**good, "proof": "\n".join([*lines[:2], *lines[3:]])},
        "a hash too many": {**good, "proof": "\n".join([*lines[:3], lines[2], *lines[3:]])},
        "the index": {**good, "proof": proof.replace("index 200\n", "index 201\n")},
        "an index behind the end": {**good, "proof": proof.replace("index 200\n", "index 300\n")},
        "the root": {**good, "proof": flipped(proof, proof.index("\n300\n") + 8)},
        "the size": {**good, "proof": proof.replace("\n300\n", "\n299\n")},
        "a bit of the signature": {**good, "proof": flipped(proof, len(proof) - 20)},
    }


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_each_change_of_a_receipt_is_refused(foreign, receipts, verifier):
    changed = changes(receipts[200])
    assert all(one != receipts[200] for one in changed.values())
    said = dict(zip(changed, foreign.ask(verifier, list(changed.values())), strict=True))
    assert [what for what, why in said.items() if not why] == []


@pytest.mark.parametrize("verifier", VERIFIERS)
def test_a_receipt_under_another_key_or_another_trails_checkpoint_is_refused(
    foreign, receipts, writer, verifier
):
    other = writer("access")
    other.grow(300)
    reader = LedgerReader(other.data)
    replayed = reader.prove("access", 200)
    reader.close()
    good = receipts[200]
    asked = [{**good, "proof": replayed}, {**good, "key": other.vkey}]
    assert all(foreign.ask(verifier, asked))
