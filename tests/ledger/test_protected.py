from __future__ import annotations

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from sealtrail.errors import LedgerError
from sealtrail.ledger.protected import lock, unlock

SEED = bytes(range(32))
WORD = b"nine green boats"
TEXT = lock("acme.example/audit+00000000+AAAA", Ed25519PrivateKey.from_private_bytes(SEED), WORD)


def test_a_key_comes_back_by_its_passphrase_alone():
    assert unlock(TEXT, WORD) == SEED
    assert unlock(TEXT, b"nine green boat") is None
    assert unlock(TEXT, b"") is None
    assert SEED.hex() not in TEXT


def test_the_same_key_is_another_file_each_time():
    assert (
        lock("a", Ed25519PrivateKey.from_private_bytes(SEED), WORD).splitlines()[2:] != TEXT.splitlines()[2:]
    )


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_opens_it(tmp_path):
    (tmp_path / "audit.key").write_text(TEXT)
    (tmp_path / "word").write_bytes(WORD + b"\n")
    asked = [
        "openssl",
        "pkey",
        "-in",
        tmp_path / "audit.key",
        "-passin",
        f"file:{tmp_path / 'word'}",
        "-outform",
        "DER",
    ]
    done = subprocess.run(asked, capture_output=True, check=True)
    assert done.stdout.endswith(SEED)


@pytest.mark.parametrize(
    "text",
    [
        "",
        TEXT[:200],
        TEXT.replace("\nMIGe", "\nMIGf"),
        X25519PrivateKey.generate()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(WORD))
        .decode(),
    ],
    ids=["empty", "cut", "changed", "other"],
)
def test_what_is_no_such_key_is_refused(text):
    with pytest.raises(LedgerError):
        unlock(text, WORD)
