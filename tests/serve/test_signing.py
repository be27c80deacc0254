from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.verify import verify
from sealtrail.serve.backup import backup
from sealtrail.serve.folder import Folder
from sealtrail.serve.restoring import restore
from sealtrail.serve.signers import rotate
from sealtrail.serve.signing import SignerServer, address, signers
from sealtrail.serve.tidiness import keys as doctored


@contextmanager
def signing(tmp_path: Path) -> Iterator[SignerServer]:
    """A signer of its own folder, at a socket with a short name: the system allows no long ones."""
    (tmp_path / "signer").mkdir(mode=0o700, exist_ok=True)
    with SignerServer(tmp_path / "signer", tmp_path / "s") as server:
        thread = threading.Thread(target=server.serve)
        thread.start()
        yield server
        server.stop()
        thread.join()


def test_a_collector_signs_with_keys_that_it_cannot_read(collecting, line, tmp_path):
    data, settings = tmp_path / "data", f"[ledger]\nsigner = 'unix:{tmp_path / 's'}'\n"
    with signing(tmp_path):
        with collecting(settings) as collector:
            collector.submit("key:1", [line(n) for n in range(5)])
            with pytest.raises(Exception, match="held by another process"):
                rotate(data, ["audit"], "ann")
        assert sorted(path.name for path in (data / "keys").glob("*.*key")) == ["access.vkey", "audit.vkey"]
        assert (tmp_path / "s").stat().st_mode & 0o777 == 0o660
        assert verify(data, workers=1).verdict == "intact"
        assert {finding.state for finding in doctored(Folder(data))} == {"ok"}
        backup(data, tmp_path / "copy")
        with collecting(settings) as collector:
            collector.submit("key:1", [line(9)])
    with signing(tmp_path):  # started anew, it knows what it signed
        done = restore(tmp_path / "copy", tmp_path / "restored")
        assert done.successors == ("access-2", "audit-2")
        assert verify(tmp_path / "restored", workers=1).verdict == "intact"
        # A copy that is put in place of the folder would sign a fork: it is not signed for.
        (data / "trails").rename(tmp_path / "newer")
        (tmp_path / "copy" / "trails").rename(data / "trails")

        def go_on() -> None:
            with collecting(settings) as collector:
                collector.submit("key:1", [line(7)])
                collector.pipeline.mark().result()

        with pytest.raises(LedgerError) as caught:
            go_on()
        assert caught.value.code == "ledger.signer"


def test_a_private_key_beside_a_signer_is_refused(collecting, tmp_path):
    with collecting():
        pass
    settings = f"[ledger]\nsigner = 'unix:{tmp_path / 's'}'\n"
    with signing(tmp_path), pytest.raises(LedgerError, match="another process holds"), collecting(settings):
        pass


def test_two_signers_do_not_share_a_socket_and_a_dead_ones_is_taken_over(tmp_path):
    with signing(tmp_path), pytest.raises(LedgerError) as caught, signing(tmp_path):
        pass
    assert caught.value.code == "ledger.locked"
    with SignerServer(tmp_path / "signer", tmp_path / "s"):
        (tmp_path / "s").rename(tmp_path / "t")
    (tmp_path / "t").rename(tmp_path / "s")
    with signing(tmp_path):
        pass
    (tmp_path / "s").write_text("a file")
    with pytest.raises(UsageError, match="not a socket"), signing(tmp_path):
        pass


@pytest.mark.parametrize("text", ["/run/s", "unix:s", "tcp://h:1", "unix:"])
def test_an_address_is_that_of_a_socket(text):
    with pytest.raises(UsageError):
        address(text)
    assert signers("") is None


def test_the_command_serves_until_it_is_told_to_end(tmp_path):
    asked = [
        "signer",
        "serve",
        "--keys",
        "k",
        "--listen",
        f"unix:{tmp_path / 's'}",
    ]
    code = "from sealtrail.cli.main import main; main()"
    child = subprocess.Popen(
        [sys.executable, "-c", code, *asked], cwd=tmp_path, stderr=subprocess.PIPE, text=True
    )
    assert child.stderr is not None
    said = [child.stderr.readline() for _ in range(3)]
    assert "audit+" in "".join(said)
    give = signers(f"unix:{tmp_path / 's'}")
    assert give is not None
    assert give("audit").key.text in "".join(said)
    os.kill(child.pid, signal.SIGTERM)
    assert child.wait(20) == 0
    child.stderr.close()
    assert not (tmp_path / "s").exists()
