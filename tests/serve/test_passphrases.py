from __future__ import annotations

import os

import pytest

from sealtrail.errors import LedgerError
from sealtrail.serve.passphrases import Passphrases
from sealtrail.settings import LedgerSettings


def written(path, data: bytes, mode: int = 0o600) -> str:
    path.write_bytes(data)
    path.chmod(mode)
    return str(path)


def found(environment: dict[str, str], file: str = "") -> bytes | None:
    return Passphrases(LedgerSettings(passphrase_file=file), environment)()


def test_the_nearest_place_wins(tmp_path):
    (tmp_path / "credentials").mkdir()
    written(tmp_path / "credentials" / "sealtrail-passphrase", b"credential\n", 0o440)
    setting = written(tmp_path / "setting", b"setting\n")
    environment = {
        "SEALTRAIL_SIGNER_PASSPHRASE_FILE": written(tmp_path / "file", b"file\r\nmore\n"),
        "SEALTRAIL_SIGNER_PASSPHRASE": "value",
        "CREDENTIALS_DIRECTORY": str(tmp_path / "credentials"),
    }
    for expected in (b"file", b"value", b"credential"):
        assert found(environment, setting) == expected
        environment.pop(next(iter(environment)))
    assert found({"CREDENTIALS_DIRECTORY": str(tmp_path)}, setting) == b"setting"
    assert found({}) is None


def test_a_pipe_is_read_once(tmp_path):
    reader, writer = os.pipe()
    os.write(writer, b"from a pipe\n")
    os.close(writer)
    passphrase = Passphrases(LedgerSettings(), {"SEALTRAIL_SIGNER_PASSPHRASE_FILE": f"/dev/fd/{reader}"})
    assert passphrase() == passphrase() == b"from a pipe"
    assert "pipe" not in repr(passphrase)
    os.close(reader)


@pytest.mark.parametrize(
    ("data", "mode", "word"),
    [(b"x\n", 0o640, "read by others"), (b"\nx\n", 0o600, "is empty"), (b"x" * 2000, 0o600, "more than")],
)
def test_a_file_that_cannot_hold_a_passphrase_is_refused(tmp_path, data, mode, word):
    with pytest.raises(LedgerError, match=word) as caught:
        found({}, written(tmp_path / "file", data, mode))
    assert caught.value.code == "ledger.passphrase"


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(LedgerError) as caught:
        found({"SEALTRAIL_SIGNER_PASSPHRASE_FILE": str(tmp_path / "nowhere")})
    assert caught.value.code == "ledger.passphrase"
