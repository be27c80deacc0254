from __future__ import annotations

import socket
import threading

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.remote import Held, RemoteSigner, answer, read_line
from sealtrail.ledger.sign import TrailKey

KEY = TrailKey("acme.example/audit", b"1" * 32)
ROOT, OTHER = b"\1" * 32, b"\2" * 32


def text(size: int, root: bytes = ROOT, origin: str = KEY.key.name) -> bytes:
    return Checkpoint(origin, size, root).text


@pytest.fixture
def held(tmp_path):
    return Held(KEY, tmp_path / "audit.signed")


def test_a_log_that_grows_is_signed_for_and_what_was_signed_is_remembered(held, tmp_path):
    for size in (0, 5, 5, 9):
        assert KEY.key.verifies(text(size), held.sign(text(size)))
    assert (tmp_path / "audit.signed").read_bytes() == text(9)
    again = Held(KEY, tmp_path / "audit.signed")
    for refused in (text(8), text(9, OTHER)):
        with pytest.raises(LedgerError) as caught:
            again.sign(refused)
        assert caught.value.code == "ledger.signer"
    assert KEY.key.verifies(text(9), again.sign(text(9)))


@pytest.mark.parametrize(
    "asked", [text(3, origin="other.example/audit"), b"", b"any text\n", text(3) + b"more\n", text(3)[:-1]]
)
def test_nothing_but_a_checkpoint_of_the_log_is_signed(held, asked, tmp_path):
    with pytest.raises(LedgerError):
        held.sign(asked)
    assert not (tmp_path / "audit.signed").exists()


def test_what_cannot_be_remembered_is_not_signed(tmp_path):
    class Full(Disk):
        def datasync(self, fd: int) -> None:
            raise OSError(28, "No space left on device")

    with pytest.raises(LedgerError) as caught:
        Held(KEY, tmp_path / "audit.signed", Full()).sign(text(3))
    assert caught.value.code == "ledger.io"


def test_a_state_of_another_log_is_refused(tmp_path):
    (tmp_path / "audit.signed").write_bytes(text(3, origin="other.example/audit"))
    with pytest.raises(LedgerError):
        Held(KEY, tmp_path / "audit.signed")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"key",
        b"key nothing",
        b"sign audit",
        b"sign audit !",
        b"sign audit AA==",
        b"\xff",
        b"key audit more",
    ],
)
def test_a_question_that_cannot_be_answered_gets_a_no(held, line):
    assert answer(line, {"audit": held}.__getitem__).startswith(b"no ")


class Other:
    """What answers at a socket as it is told, one answer a connection."""

    def __init__(self, path, *answers: bytes) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen()
        self._answers = answers
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for said in self._answers:
            line, _ = self._socket.accept()
            with line:
                read_line(line)
                line.sendall(said)

    def end(self) -> None:
        self._thread.join(10)
        self._socket.close()


def test_a_signature_that_is_not_good_goes_no_further(tmp_path):
    vkey = f"ok {KEY.key.text}\n".encode()
    bad = f"ok {base64_text(bytes(64))}\n".encode()
    other = Other(tmp_path / "s", vkey, bad, b"no, not that one\n", b"ok nonsense!\n", b"no end")
    signer = RemoteSigner(tmp_path / "s", "audit", patience=0)
    assert signer.key == KEY.key
    for word in ("is not good", "not that one|no answer", "base64", "cannot be reached"):
        with pytest.raises(LedgerError, match=word) as caught:
            signer.sign(text(3))
        assert caught.value.code == "ledger.signer"
    other.end()


def test_a_key_of_another_trail_is_not_taken(tmp_path):
    other = Other(tmp_path / "s", f"ok {KEY.key.text}\n".encode(), b"ok no key\n")
    for trail in ("access", "audit"):
        with pytest.raises(LedgerError):
            RemoteSigner(tmp_path / "s", trail, patience=0)
    other.end()


def test_a_signer_that_is_not_there_is_waited_for(tmp_path):
    slept: list[float] = []
    with pytest.raises(LedgerError, match="cannot be reached"):
        RemoteSigner(tmp_path / "nobody", "audit", patience=1.0, sleep=slept.append)
    assert len(slept) == 9
