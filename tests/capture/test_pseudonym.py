import hashlib
import hmac
import stat
import subprocess
import sys

from sealtrail.capture.pseudonym import Pseudonyms
from sealtrail.spool.layout import PSEUDONYM_KEY_FILE


def test_a_hash_is_hmac_sha_256_of_purpose_and_value(tmp_path):
    expected = hmac.new(b"k", b"user\0alice", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms("k", tmp_path).of("user", "alice") == expected
    long_key = "k" * 100
    expected = hmac.new(long_key.encode(), b"user\0alice", hashlib.sha256).hexdigest()[:32]
    assert Pseudonyms(long_key, tmp_path).of("user", "alice") == expected


def test_purposes_keep_hashes_apart(tmp_path):
    hashes = Pseudonyms("k", tmp_path)
    assert hashes.of("user", "x") != hashes.of("session", "x")


def test_names_hash_alike_however_they_are_written(tmp_path):
    hashes = Pseudonyms("k", tmp_path)
    assert len({hashes.of_name(name) for name in ("Alice", " alice ", "ALICE", "\uff21lice")}) == 1
    assert hashes.of_name("alice") != hashes.of_name("bob")


def test_a_token_hashes_alike_with_its_scheme_and_without(tmp_path):
    hashes = Pseudonyms("k", tmp_path)
    assert hashes.of_token("Bearer abc") == hashes.of_token("abc") == hashes.of("token", "abc")


def test_no_token_is_remembered(tmp_path):
    hashes = Pseudonyms("k", tmp_path)
    for number in range(3000):
        hashes.of_token(f"Bearer planted-{number}")
    assert "planted" not in repr(vars(hashes))
    assert len(hashes._tokens) <= 1024


def test_the_kept_key_is_private_and_makes_hashes_comparable(tmp_path):
    first = Pseudonyms("", tmp_path / "spool").of("user", "alice")
    key = tmp_path / "spool" / PSEUDONYM_KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert Pseudonyms("", tmp_path / "spool").of("user", "alice") == first
    assert [path.name for path in key.parent.iterdir()] == [PSEUDONYM_KEY_FILE]
    assert Pseudonyms("", tmp_path / "other").of("user", "alice") != first


def test_processes_that_start_together_agree_on_one_key(tmp_path):
    code = "import sys, pathlib; from sealtrail.capture.pseudonym import Pseudonyms as P; input()"
    code += "; print(P('', pathlib.Path(sys.argv[1])).of('user', 'alice'))"
    command = [sys.executable, "-c", code, str(tmp_path / "spool")]
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe) for _ in range(4)]
    for process in processes:
        process.stdin.write(b"\n")
        process.stdin.flush()
    assert len({process.communicate()[0] for process in processes}) == 1
    assert [process.returncode for process in processes] == [0] * 4


def test_a_folder_that_cannot_keep_a_key_still_gives_hashes(tmp_path, caplog):
    (tmp_path / "spool").touch()
    hashes = Pseudonyms("", tmp_path / "spool")
    assert hashes.of("user", "alice") == hashes.of("user", "alice")
    assert len(caplog.records) == 1


def test_values_of_any_characters_hash(tmp_path):
    assert len(Pseudonyms("k", tmp_path).of_name("\ud800")) == 32
