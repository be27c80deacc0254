from __future__ import annotations

import ast
import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sealtrail.errors import SealtrailError
from sealtrail.ledger import standalone
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.consistency import prove_consistency_of
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.note import VerifyKey, sign_note
from sealtrail.ledger.proof import TlogProof
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.rotation import prepare
from sealtrail.ledger.sign import TrailKey, open_key
from sealtrail.ledger.standalone import L, P, Tampered, main, root_with, roots_with, signs
from sealtrail.ledger.verify import verify

SOURCE = Path(standalone.__file__)
OLDEST = (3, 8)

# RFC 8032, section 7.1, tests 1, 2, 3 and SHA(abc): key, message, signature.
RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        (
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        ),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]


# --- the file itself


def test_it_imports_the_standard_library_alone_and_is_read_in_ten_minutes():
    tree = ast.parse(SOURCE.read_text(), feature_version=OLDEST)
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names <= sys.stdlib_module_names
    lines = [line for line in SOURCE.read_text().splitlines() if line.strip()]
    assert len(lines) < 370


def pythons() -> list[Path]:
    """Interpreters from 3.8 on, the oldest first, one of each version."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("3.*/bin/python"))
    found = {}
    for minor in range(OLDEST[1], sys.version_info[1]):
        on_path = shutil.which(f"python3.{minor}")
        candidates = [path for path in pyenv if path.parts[-3].startswith(f"3.{minor}.")]
        for path in [*candidates, *([Path(on_path)] if on_path else [])]:
            if subprocess.run([path, "--version"], capture_output=True).returncode == 0:
                found.setdefault(minor, path)
    return list(found.values())


def test_the_oldest_python_that_is_here_runs_it(exported):
    older = pythons()
    if not older:
        pytest.skip("there is no Python here that is older than our own")
    line = ["-W", "error", "-I", SOURCE, exported.log, "--key", exported.key, "--checkpoint", exported.kept]
    done = subprocess.run([older[0], *line], capture_output=True, text=True)
    assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, "intact", "")


# --- signatures


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032_are_good_and_one_bit_away_from_them_is_not(key, message, signature):
    public, text, whole = bytes.fromhex(key), bytes.fromhex(message), bytes.fromhex(signature)
    assert signs(public, text, whole)
    assert not signs(public, text + b"\x00", whole)
    for at in (0, 255, 256, 500):
        bad = bytearray(whole)
        bad[at // 8] ^= 1 << at % 8
        assert not signs(public, text, bytes(bad))


def test_a_signature_has_one_form_only():
    key, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    s = int.from_bytes(signature[32:], "little")
    assert not signs(key, message, signature[:32] + (s + L).to_bytes(32, "little"))
    assert not signs(key, message, signature + b"\x00")
    assert not signs(key, message, signature[:-1])
    assert not signs(key + b"\x00", message, signature)


def test_points_that_could_be_written_in_two_ways_are_no_points():
    for number in (P, P + 1, 2**255 - 1, 1 | 1 << 255):  # y >= p, and x = 0 with a sign
        assert standalone.point_of(number.to_bytes(32, "little")) == ()
    assert standalone.point_of((2).to_bytes(32, "little")) == ()  # no x fits


@settings(max_examples=20, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.integers(0, 511), st.booleans())
def test_it_judges_signatures_as_openssl_does(seed, text, bit, flip):
    signer = TrailKey("a/b", seed)
    signature = bytearray(signer.sign(text))
    signature[bit // 8] ^= flip << bit % 8
    expected = signer.key.verifies(text, bytes(signature))
    assert signs(signer.key.public, text, bytes(signature)) == expected == (not flip)


# --- proofs


@pytest.mark.corpus
def test_all_vectors_of_transparency_dev_are_judged_as_they_say(corpora):
    def judged(case: dict[str, Any]) -> bool:
        proof = [base64.b64decode(text) for text in case["proof"] or ()]
        roots = [base64.b64decode(case.get(name) or "") for name in ("leafHash", "root", "root1", "root2")]
        try:
            if "leafIdx" in case:
                found = root_with(case["leafIdx"], case["treeSize"], roots[0], proof)
                return found == roots[1] and len(found) == 32  # as every root of a Checkpoint
            if not 0 < case["size1"] <= case["size2"]:
                return False
            return roots_with(case["size1"], case["size2"], proof, roots[2]) == (roots[2], roots[3])
        except Tampered:
            return False

    cases = [json.loads(path.read_text()) for path in (corpora / "vectors" / "merkle").rglob("*.json")]
    assert len(cases) == 196
    assert [case["desc"] for case in cases if judged(case) == case["wantErr"]] == []


# --- what it says of logs and receipts, beside what the product says


class Exported:
    """A log, its key, a checkpoint that was kept, a receipt and its entry, as an auditor is handed them."""

    def __init__(self, folder: Path, data: Path) -> None:
        self.folder, self.log = folder, folder / "log"
        self.key, self.kept = folder / "key.vkey", folder / "kept"
        self.receipt, self.entry = folder / "1700.tlog-proof", folder / "1700.json"
        self.consistency = folder / "consistency"
        if data.is_dir():
            reader = LedgerReader(data, volume_entries=1024)
            export_tlog(reader, "access", self.log)
            self.receipt.write_text(reader.prove("access", 1700))
            self.entry.write_bytes(reader.entry("access", 1700))
            self.consistency.write_bytes(prove_consistency_of(reader, "access", 1202))
            reader.close()
            shutil.copy(data / "keys" / "access.vkey", self.key)
            self.signer = open_key(data / "keys", "access")
            self._keep(data / "trails" / "access" / "checkpoints", 2)

    def _keep(self, history: Path, number: int) -> None:
        notes = history.read_bytes().split(b"\n\n")
        self.kept.write_bytes(notes[2 * number] + b"\n\n" + notes[2 * number + 1] + b"\n")

    def copy(self, folder: Path) -> Exported:
        shutil.copytree(self.folder, folder)
        twin = Exported(folder, folder / "none")
        twin.signer = self.signer
        return twin

    def sign(self, size: int, root: bytes, origin: str = "") -> None:
        """Sign another checkpoint with the log's own key."""
        checkpoint = Checkpoint(origin or self.signer.key.name, size, root)
        (self.log / "checkpoint").write_bytes(sign_note(checkpoint.text, [self.signer]).data)


@pytest.fixture(scope="session")
def exported(settled, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(tmp_path_factory.mktemp("exported"), settled.data)


VERDICTS = ("intact", "tampered", "unchecked")


def ours(path: Path, key: Path | None, kept: list[Path], entry: Path | None = None) -> str:
    line = [str(path), *(["--key", str(key)] if key else []), *(["--entry", str(entry)] if entry else [])]
    return VERDICTS[main([*line, *(word for one in kept for word in ("--checkpoint", str(one)))])]


def products(path: Path, key: Path | None, kept: list[Path], entry: Path | None = None) -> str:
    try:
        return verify(
            path,
            keys=[VerifyKey.from_text(key.read_text().strip())] if key else [],
            checkpoints=[one.read_bytes() for one in kept],
            entry=entry.read_bytes() if entry else None,
            workers=1,
        ).verdict
    except SealtrailError:
        return "unchecked"


def test_both_call_a_good_log_intact_and_say_whether_it_is_anchored(exported, capsys):
    for kept, word in (([], "NOT anchored"), ([exported.kept], "anchored up to 1202")):
        assert ours(exported.log, exported.key, kept) == "intact"
        assert word in capsys.readouterr().out
        assert products(exported.log, exported.key, kept) == "intact"


def test_both_say_when_nothing_says_who_signed(exported):
    assert ours(exported.log, None, []) == products(exported.log, None, []) == "unchecked"


def test_both_accept_a_receipt_with_its_entry_and_no_other(exported, tmp_path):
    other = tmp_path / "other"
    other.write_bytes(exported.entry.read_bytes() + b" ")
    for entry, verdict in ((exported.entry, "intact"), (other, "tampered"), (None, "unchecked")):
        assert ours(exported.receipt, exported.key, [], entry) == verdict
        assert products(exported.receipt, exported.key, [], entry) == verdict


def test_neither_takes_a_file_that_is_nothing(exported, tmp_path):
    for text in (b"", b"old", b"old 1\n", b"c2sp.org/tlog-proof@v1\n", b"\xff\n\n"):
        (tmp_path / "file").write_bytes(text)
        assert ours(tmp_path / "file", exported.key, []) == "unchecked"
        assert products(tmp_path / "file", exported.key, []) == "unchecked"


def plant(log: Exported, draw: Any) -> None:
    """One fault in the export: where and which is drawn."""
    files = sorted(path for path in log.log.rglob("*") if path.is_file())
    fault = draw(st.sampled_from(["flip", "cut", "delete", "grow", "swap", "entry", "resign", "origin"]))
    path = draw(st.sampled_from(files))
    data = path.read_bytes()
    at = draw(st.integers(0, len(data) - 1))
    if fault == "flip":
        path.write_bytes(data[:at] + bytes([data[at] ^ 1 << draw(st.integers(0, 7))]) + data[at + 1 :])
    elif fault == "cut":
        path.write_bytes(data[:at])
    elif fault == "delete":
        path.unlink()
    elif fault == "grow":
        path.write_bytes(data + data[:at] + b"\x00")
    elif fault == "swap":
        other = draw(st.sampled_from([one for one in files if one.read_bytes() != data]))
        path.write_bytes(other.read_bytes())
        other.write_bytes(data)
    elif fault == "entry":  # an entry and the tile over it, together
        bundle = log.log / "tile" / "entries" / "001"
        edited = bytearray(bundle.read_bytes())
        edited[2 + draw(st.integers(0, 20))] ^= 1
        bundle.write_bytes(edited)
        leaves = [standalone.leaf_hash(one) for one in standalone.bundle(log.log, 1, 256)]
        (log.log / "tile" / "0" / "001").write_bytes(b"".join(leaves))
    elif fault == "resign":
        root = draw(st.binary(min_size=32, max_size=32))
        log.sign(draw(st.integers(0, 3000)), root)
    else:
        log.sign(2550, bytes(32), "example.com/another")


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_both_call_every_tampered_log_tampered(exported, tmp_path_factory, data):
    log = exported.copy(tmp_path_factory.mktemp("planted") / "copy")
    plant(log, data.draw)
    kept = data.draw(st.sampled_from([[], [log.kept]]))
    assert ours(log.log, log.key, kept) == "tampered"
    assert products(log.log, log.key, kept) == "tampered"
    shutil.rmtree(log.folder)


def test_a_log_cut_and_signed_again_is_caught_by_what_was_kept_and_by_nothing_else(
    exported, tmp_path, capsys
):
    log = exported.copy(tmp_path / "copy")
    for path in sorted((log.log / "tile").rglob("*"), reverse=True):
        if path.is_file() and path.parent.name != "entries":
            path.unlink()
    entries = [one for number in range(4) for one in standalone.bundle(log.log, number, 256)]
    leaves = [standalone.leaf_hash(one) for one in entries]
    roots = [standalone.root_of(leaves[at : at + 256]) for at in range(0, 1024, 256)]
    for number in range(4):
        part = leaves[256 * number : 256 * (number + 1)]
        (log.log / "tile" / "0" / f"{number:03d}").write_bytes(b"".join(part))
    (log.log / "tile" / "1" / "000.p").mkdir(exist_ok=True)
    (log.log / "tile" / "1" / "000.p" / "4").write_bytes(b"".join(roots))
    log.sign(1024, standalone.root_of(leaves))
    assert ours(log.log, log.key, []) == products(log.log, log.key, []) == "intact"
    assert "NOT anchored" in capsys.readouterr().out
    assert ours(log.log, log.key, [log.kept]) == products(log.log, log.key, [log.kept]) == "tampered"
    assert "cut off" in capsys.readouterr().out


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_both_refuse_every_changed_receipt(exported, tmp_path_factory, data):
    text = bytearray(exported.receipt.read_bytes())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("receipt") / "file"
    path.write_bytes(text)
    verdict = ours(path, exported.key, [], exported.entry)
    assert verdict == products(path, exported.key, [], exported.entry) != "intact"


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_both_refuse_every_changed_consistency_proof(exported, tmp_path_factory, data):
    text = bytearray(exported.consistency.read_bytes())
    text[data.draw(st.integers(0, len(text) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path_factory.mktemp("consistency") / "file"
    path.write_bytes(text)
    verdict = ours(path, exported.key, [exported.kept])
    assert verdict == products(path, exported.key, [exported.kept]) != "intact"


def test_both_accept_a_consistency_proof_with_the_checkpoint_it_begins_with_and_no_other(exported):
    latest = exported.log / "checkpoint"
    for kept, verdict in (([exported.kept], "intact"), ([], "unchecked"), ([latest], "unchecked")):
        assert ours(exported.consistency, exported.key, kept) == verdict
        assert products(exported.consistency, exported.key, kept) == verdict


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "alone", "held"),
    [("good", "intact", "intact"), ("rewritten", "intact", "tampered"), ("truncated", "intact", "tampered")],
)
def test_the_sample_logs_are_judged_as_they_are_called(corpora, tmp_path, capsys, name, alone, held):
    folder, key = corpora / "vectors", tmp_path / "key"
    key.write_text("example.com/apilog+f66706f5+AU15HuUgZZcWf6sTbRYnir9scOYZMnbyZJAmC3nplxEk\n")
    kept = [folder / "ledger_good.checkpoint-600"]
    assert ours(folder / f"ledger_{name}", key, []) == products(folder / f"ledger_{name}", key, []) == alone
    assert "NOT anchored" in capsys.readouterr().out
    assert (
        ours(folder / f"ledger_{name}", key, kept) == products(folder / f"ledger_{name}", key, kept) == held
    )


def test_an_old_key_signs_nothing_behind_its_hand_over(installation, tmp_path, capsys):
    """Whoever stole it later can sign the log: who knows of the hand-over is not taken in."""
    installation.write("audit", 10)
    installation.sign()
    keys, log = installation.data / "keys", installation.logs["audit"]
    stolen = open_key(keys, "audit")
    signer = prepare(keys, "audit", log.key)
    names = {"sealtrail__key__old": stolen.key.text, "sealtrail__key__new": signer.key.text}
    installation.system("audit", event__action="sealtrail.key.rotate", **names)
    reader = LedgerReader(installation.data, volume_entries=1024)
    log.hand_over(signer, log.size - 1, reader.entry("audit", log.size - 1))
    installation.write("audit", 10)
    log.publish()
    export_tlog(reader, "audit", tmp_path / "log")
    reader.close()
    (tmp_path / "key").write_text(stolen.key.text)
    assert ours(tmp_path / "log", tmp_path / "key", []) == "intact"
    checkpoint, _ = Checkpoint.from_note((tmp_path / "log" / "checkpoint").read_bytes())
    (tmp_path / "log" / "checkpoint").write_bytes(sign_note(checkpoint.text, [stolen]).data)
    assert ours(tmp_path / "log", tmp_path / "key", []) == "tampered"
    assert products(tmp_path / "log", tmp_path / "key", []) == "tampered"
    assert "and may" in capsys.readouterr().out


@pytest.mark.parametrize(("entries", "verdict"), [(4, "unchecked"), (40, "tampered")], ids=["short", "long"])
def test_a_log_beside_the_one_that_was_handed_over_is_not_intact(
    build, installation, tmp_path, entries, verdict
):
    """A retired key that was stolen signs other entries, and shows the true hand-overs with them."""
    installation.write("audit", 10)
    installation.sign()
    keys = installation.data / "keys"
    stolen = open_key(keys, "audit")
    installation.rotate()
    reader = LedgerReader(installation.data, volume_entries=1024)
    (one,) = reader.handovers("audit")
    reader.close()
    other = build("other")
    other.write("audit", entries)
    other.sign()
    reader = LedgerReader(other.data, volume_entries=1024)
    made = export_tlog(reader, "audit", tmp_path / "log")
    reader.close()
    assert (made.size > one.size) == (entries == 40)
    # Behind the hand-over only the new key can sign; even that makes no second past of what it took over.
    signer = stolen if made.size < one.size else open_key(keys, "audit")
    text = Checkpoint(stolen.key.name, made.size, made.root).text
    (tmp_path / "log" / "checkpoint").write_bytes(sign_note(text, [signer]).data)
    for known in (one.old, one.new):
        (tmp_path / "key").write_text(known.text)
        (tmp_path / "log" / "handovers").unlink(missing_ok=True)
        if signer.key == known:
            assert ours(tmp_path / "log", tmp_path / "key", []) == "intact"
        (tmp_path / "log" / "handovers").write_bytes(one.data)
        assert ours(tmp_path / "log", tmp_path / "key", []) == verdict
        assert products(tmp_path / "log", tmp_path / "key", []) == verdict


def test_hand_overs_that_name_no_key_are_tampering_and_no_crash(exported, tmp_path):
    shutil.copytree(exported.log, tmp_path / "log")
    note = (exported.log / "checkpoint").read_bytes()
    entry = b'{"sealtrail.key.old":7,"sealtrail.key.new":7}'
    (tmp_path / "log" / "handovers").write_text(TlogProof(0, (), note, entry).text + "\n")
    assert ours(tmp_path / "log", exported.key, []) == "tampered"
