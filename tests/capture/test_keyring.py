import fcntl
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from sealtrail.capture import keyring
from sealtrail.capture.pseudonym import Pseudonyms, hashes_of
from sealtrail.scrub.policy import key_id
from sealtrail.spool.layout import NOWHERE, PSEUDONYM_KEY_FILE


def test_after_a_rotation_the_new_key_signs_and_the_old_ones_are_known(tmp_path):
    first = keyring.signing(tmp_path)
    keys = keyring.rotate(tmp_path)
    assert keys[1:] == (first,)
    assert keyring.signing(tmp_path) == keys[0] != first
    assert keyring.known("", (), tmp_path) == keys
    assert [path.name for path in tmp_path.iterdir()] == [PSEUDONYM_KEY_FILE]
    assert stat.S_IMODE((tmp_path / PSEUDONYM_KEY_FILE).stat().st_mode) == 0o600


def test_a_process_that_has_begun_goes_on_with_its_key(tmp_path):
    running = Pseudonyms("", tmp_path)
    before = running.of("user", "alice"), running.scrubbed("alice")
    keyring.rotate(tmp_path)
    assert (running.of("user", "alice"), running.scrubbed("alice")) == before
    assert Pseudonyms("", tmp_path).scrubbed("alice") != before[1]


def test_a_value_is_found_again_across_a_rotation(tmp_path):
    old = Pseudonyms("", tmp_path)
    marks = [old.scrubbed("a@b.de"), old.of_name("Alice")]
    keyring.rotate(tmp_path)
    keys = keyring.known("", (), tmp_path)
    found = dict(hashes_of(keys, "a@b.de"))
    assert [f"{key}:{hashes['scrubbed']}" for key, hashes in found.items()][1] == marks[0]
    assert [hashes["user.hash"] for _, hashes in hashes_of(keys, " alice ")][1] == marks[1]


def test_keys_of_the_environment_come_before_those_of_the_folder(tmp_path):
    kept = keyring.signing(tmp_path)
    assert keyring.known("new", ("old",), tmp_path) == (b"new", b"old", kept)
    assert keyring.known("", (), tmp_path / "none") == ()
    assert not (tmp_path / "none").exists()


def test_what_was_rotated_away_long_ago_is_forgotten(tmp_path):
    for _ in range(keyring.MAX_KEYS + 3):
        keys = keyring.rotate(tmp_path)
    assert len(keys) == keyring.MAX_KEYS
    assert len({key_id(key) for key in keys}) > keyring.MAX_KEYS - 3


def test_a_rotation_that_fails_leaves_the_keys_as_they_were(tmp_path, monkeypatch):
    keyring.signing(tmp_path)
    before = (tmp_path / PSEUDONYM_KEY_FILE).read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        keyring.rotate(tmp_path)
    assert (tmp_path / PSEUDONYM_KEY_FILE).read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == [PSEUDONYM_KEY_FILE]


def test_an_empty_key_file_still_gives_a_key_and_says_so(tmp_path, caplog):
    (tmp_path / PSEUDONYM_KEY_FILE).touch()
    assert keyring.signing(tmp_path)
    assert "empty" in caplog.text


def test_where_no_key_can_be_kept_all_of_a_process_uses_one_and_says_so_once(caplog):
    first, second = Pseudonyms("", NOWHERE), Pseudonyms("", NOWHERE)
    assert first.of_name("alice") == second.of_name("alice")
    assert len(caplog.records) <= 1


def test_of_rotations_at_once_none_loses_the_key_of_another(tmp_path):
    keyring.signing(tmp_path)
    with ThreadPoolExecutor(4) as pool:
        made = [future.result()[0] for future in [pool.submit(keyring.rotate, tmp_path) for _ in range(12)]]
    assert set(made) < set(keyring.known("", (), tmp_path))
    assert len(set(made)) == 12


def test_who_empties_the_folder_keeps_nobody_from_a_rotation(tmp_path):
    keyring.signing(tmp_path)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        assert len(keyring.rotate(tmp_path)) == 2
    finally:
        os.close(descriptor)


def test_a_key_that_was_cut_short_makes_no_hash_and_is_rotated_away(tmp_path, caplog):
    path = tmp_path / PSEUDONYM_KEY_FILE
    path.write_bytes(b"0badc0de\n")
    assert len(keyring.signing(tmp_path)) == len(keyring.signing(tmp_path)) == 32
    assert caplog.text.count("cut short") == 1
    newest, old = keyring.rotate(tmp_path)
    assert old == b"0badc0de"
    assert keyring.signing(tmp_path) == newest


@pytest.mark.parametrize("what", ["a pipe", "a folder", "everybody's"])
def test_a_file_that_could_block_or_be_anybodys_is_not_read(tmp_path, caplog, what):
    path = tmp_path / PSEUDONYM_KEY_FILE
    if what == "a pipe":
        os.mkfifo(path)
    elif what == "a folder":
        path.mkdir()
    else:
        path.write_bytes(b"k" * 64)
        path.chmod(0o666)
    key = keyring.signing(tmp_path)
    assert key != b"k" * 64
    assert keyring.signing(tmp_path) == key
    assert len(caplog.records) == 1
    with pytest.raises(OSError):
        keyring.rotate(tmp_path)
