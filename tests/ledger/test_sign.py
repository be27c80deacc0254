from __future__ import annotations

import os

import pytest

from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.note import VerifyKey
from sealtrail.ledger.sign import TrailKey, is_locked, no_passphrase, open_key, public_of, read_vkey


def test_a_key_is_made_once_and_found_again(tmp_path):
    key = open_key(tmp_path / "keys", "audit")
    again = open_key(tmp_path / "keys", "audit")
    assert again.key == key.key == read_vkey(tmp_path / "keys" / "audit.vkey")
    assert key.key.name.startswith("sealtrail.local/")
    assert key.key.name.endswith("/audit")


def test_all_trails_of_an_installation_share_its_name(tmp_path):
    audit, access = (open_key(tmp_path / "keys", trail) for trail in ("audit", "access"))
    assert audit.key.name.rpartition("/")[0] == access.key.name.rpartition("/")[0]
    assert audit.key.public != access.key.public


def test_a_given_origin_is_taken_and_cannot_change(tmp_path):
    assert (
        open_key(tmp_path / "keys", "audit", origin="acme.example/api").key.name == "acme.example/api/audit"
    )
    with pytest.raises(UsageError, match="origin"):
        open_key(tmp_path / "keys", "audit", origin="acme.example/other")


def test_keys_are_for_the_owner_alone(tmp_path):
    open_key(tmp_path / "keys", "audit")
    modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.rglob("*")}
    assert modes == {"keys": 0o700, "audit.key": 0o600, "audit.vkey": 0o600}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_that_others_can_read_is_refused(tmp_path, mode):
    open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys" / "audit.key").chmod(mode)
    with pytest.raises(LedgerError, match="read by others") as caught:
        open_key(tmp_path / "keys", "audit")
    assert caught.value.code == "ledger.key"


def test_a_key_behind_a_link_is_refused(tmp_path):
    open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys" / "audit.key").rename(tmp_path / "moved")
    (tmp_path / "keys" / "audit.key").symlink_to(tmp_path / "moved")
    with pytest.raises(LedgerError):
        open_key(tmp_path / "keys", "audit")


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_keys_in_a_folder_that_others_can_write_in_are_refused(tmp_path, mode):
    open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys").chmod(mode)
    with pytest.raises(LedgerError, match="others can write") as caught:
        open_key(tmp_path / "keys", "audit")
    assert caught.value.code == "ledger.key"


def test_a_pipe_in_place_of_a_key_is_refused_and_waited_for_by_nobody(tmp_path):
    open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys" / "audit.key").unlink()
    os.mkfifo(tmp_path / "keys" / "audit.key", 0o600)
    with pytest.raises(LedgerError, match="not a file"):
        open_key(tmp_path / "keys", "audit")


def test_what_was_planted_where_a_key_is_written_is_not_written_into(tmp_path):
    planted = tmp_path / "keys" / "audit.key.tmp"
    planted.parent.mkdir(mode=0o700)
    planted.touch(mode=0o666)
    planted.chmod(0o666)
    with planted.open() as reader:
        open_key(tmp_path / "keys", "audit")
        assert reader.read() == ""
    assert (tmp_path / "keys" / "audit.key").stat().st_mode & 0o777 == 0o600


def under(word: bytes):
    return lambda: word


def test_a_key_under_a_passphrase_opens_with_it_alone(tmp_path):
    made = open_key(tmp_path / "keys", "audit", passphrase=under(b"nine green boats"))
    path = tmp_path / "keys" / "audit.key"
    assert is_locked(path)
    assert public_of(path) == made.key
    assert "PRIVATE+KEY" not in path.read_text()
    assert open_key(tmp_path / "keys", "audit", passphrase=under(b"nine green boats")).key == made.key
    for wrong in (under(b"nine green boat"), no_passphrase):
        with pytest.raises(LedgerError) as caught:
            open_key(tmp_path / "keys", "audit", passphrase=wrong)
        assert (caught.value.code, caught.value.exit_code) == ("ledger.passphrase", 2)
        assert "nine green" not in str(caught.value)


def test_a_file_that_names_another_key_than_it_holds_is_refused(tmp_path):
    word = under(b"nine green boats")
    for at in ("a", "b"):
        open_key(tmp_path / at, "audit", origin="x.example", passphrase=word)
    texts = [(tmp_path / at / "audit.key").read_text() for at in ("a", "b")]
    (tmp_path / "a" / "audit.key").write_text(texts[1].split("\n")[0] + "\n" + texts[0].split("\n", 1)[1])
    (tmp_path / "a" / "audit.vkey").unlink()
    with pytest.raises(LedgerError) as caught:
        open_key(tmp_path / "a", "audit", passphrase=word)
    assert caught.value.code == "ledger.passphrase"


@pytest.mark.parametrize("keep", [1, 40, 120, 300])
def test_a_key_under_a_passphrase_that_was_cut_short_is_refused(tmp_path, keep):
    word = under(b"nine green boats")
    open_key(tmp_path / "keys", "audit", passphrase=word)
    path = tmp_path / "keys" / "audit.key"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(LedgerError) as caught:
        open_key(tmp_path / "keys", "audit", passphrase=word)
    assert caught.value.code in {"ledger.key", "ledger.passphrase"}


def test_the_public_half_is_made_again_after_a_crash_between_the_two(tmp_path):
    key = open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys" / "audit.vkey").unlink()
    assert open_key(tmp_path / "keys", "audit").key == key.key
    assert read_vkey(tmp_path / "keys" / "audit.vkey") == key.key


def test_halves_of_two_keys_are_refused(tmp_path):
    open_key(tmp_path / "a", "audit", origin="x.example")
    open_key(tmp_path / "b", "audit", origin="x.example")
    (tmp_path / "a" / "audit.vkey").write_bytes((tmp_path / "b" / "audit.vkey").read_bytes())
    with pytest.raises(LedgerError, match="not the public half"):
        open_key(tmp_path / "a", "audit")


def test_the_key_of_another_trail_is_refused(tmp_path):
    open_key(tmp_path / "keys", "audit")
    (tmp_path / "keys" / "audit.key").rename(tmp_path / "keys" / "access.key")
    with pytest.raises(LedgerError, match="belongs to"):
        open_key(tmp_path / "keys", "access")


def test_a_secret_reads_back_and_shows_in_no_error_and_no_repr(tmp_path):
    key = TrailKey("a/audit", b"s" * 32)
    text = key.secret_text()
    assert text.startswith("PRIVATE+KEY+a/audit+")
    assert TrailKey.from_secret_text(text).key == key.key
    secret = text.rpartition("+")[2]
    assert secret not in repr(key)
    for bad in (text[:-2], text.replace("+a/", "+b/"), text[12:], text + "A", "PRIVATE+KEY+a"):
        with pytest.raises(LedgerError) as caught:
            TrailKey.from_secret_text(bad)
        assert secret[4:20] not in str(caught.value)
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "audit.key").write_text(text[:-2])
    (tmp_path / "keys" / "audit.key").chmod(0o600)
    with pytest.raises(LedgerError) as caught:
        open_key(tmp_path / "keys", "audit")
    assert secret[4:20] not in str(caught.value)
    assert caught.value.code == "ledger.key"


def test_the_form_is_that_of_other_note_software():
    # A key pair that Go's note package prints in its documentation.
    secret = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
    public = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
    key = TrailKey.from_secret_text(secret)
    assert key.key == VerifyKey.from_text(public)
    assert key.secret_text() == secret


@pytest.mark.parametrize("data", [b"", b"\xff\n", b"a+b\n"])
def test_a_file_that_is_no_public_key_is_refused(tmp_path, data):
    (tmp_path / "x.vkey").write_bytes(data)
    with pytest.raises(LedgerError):
        read_vkey(tmp_path / "x.vkey")


def test_a_public_key_stands_on_one_line_with_an_end(tmp_path):
    text = TrailKey("a/audit", b"s" * 32).key.text
    (tmp_path / "x.vkey").write_text(text)
    with pytest.raises(LedgerError, match="one line"):
        read_vkey(tmp_path / "x.vkey")


def test_a_private_key_that_is_gone_is_not_made_anew(tmp_path):
    key = open_key(tmp_path / "keys", "audit").key
    (tmp_path / "keys" / "audit.key").unlink()
    with pytest.raises(LedgerError, match="is gone"):
        open_key(tmp_path / "keys", "audit")
    assert read_vkey(tmp_path / "keys" / "audit.vkey") == key
    assert not (tmp_path / "keys" / "audit.key").exists()
