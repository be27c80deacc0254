from __future__ import annotations

import os
import shutil
import stat
import subprocess

import pytest

from sealtrail.accounts.keys import Keys
from sealtrail.collect.pipeline import open_trails
from sealtrail.serve import tidiness
from sealtrail.serve.folder import Folder
from sealtrail.settings import ResponseSettings, RetentionSettings, Settings
from sealtrail.spool.layout import make_folder


@pytest.fixture
def folder(collecting, tmp_path) -> Folder:
    with collecting():
        pass
    (tmp_path / "data").chmod(0o700)
    (tmp_path / "data" / "settings.toml").chmod(0o600)
    return Folder(tmp_path / "data")


def states(findings) -> set[str]:
    return {finding.state for finding in findings}


def test_a_folder_as_the_collector_makes_it_is_tidy(folder):
    assert states(tidiness.permissions(folder)) == {"ok"}
    assert states(tidiness.keys(folder)) == {"ok"}


def test_what_others_can_reach_is_named(folder):
    (folder.keys / "audit.key").chmod(0o640)
    (folder.trails / "audit").chmod(0o755)
    (found,) = tidiness.permissions(folder)
    assert (found.state, "audit.key" in found.what) == ("warn", True)
    folder.root.chmod(0o750)
    (found,) = tidiness.permissions(folder)
    assert found.state == "fail"
    assert "chmod" in found.todo


def test_a_spool_in_the_folder_has_its_own_mode_and_the_command_leaves_it(folder):
    spool = folder.root / "spool"
    make_folder(spool)
    (spool / "a.seg").write_text("")
    (spool / "a.seg").chmod(0o640)
    (found,) = tidiness.permissions(folder)
    assert found.state == "ok"
    (folder.state / "file").write_text("")
    (folder.state / "file").chmod(0o666)
    (found,) = tidiness.permissions(folder)
    command = found.todo.removeprefix("Run `").removesuffix("`.")
    subprocess.run(["sh", "-c", command], check=True)
    assert stat.S_IMODE((folder.state / "file").stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.stat().st_mode) == 0o2770
    assert stat.S_IMODE((spool / "a.seg").stat().st_mode) == 0o640
    assert states(tidiness.permissions(folder)) == {"ok"}


def test_links_are_to_be_warned_of(folder, tmp_path):
    shutil.move(folder.store, tmp_path / "elsewhere")
    folder.store.symlink_to(tmp_path / "elsewhere")
    (found,) = tidiness.permissions(folder)
    assert (found.state, "store" in found.what) == ("warn", True)


def test_long_lists_are_counted(folder):
    for number in range(5):
        (folder.state / f"file-{number}").write_text("")
        (folder.state / f"file-{number}").chmod(0o666)
    (found,) = tidiness.permissions(folder)
    assert found.what.endswith("and 2 more")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_somebody_else_is_named(folder):
    os.chown(folder.keys / "audit.vkey", 12345, 12345)
    (found,) = tidiness.permissions(folder)
    assert (found.state, "audit.vkey" in found.what) == ("fail", True)


def test_another_user_than_the_owner_is_told_to_change(folder, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    found = next(iter(tidiness.permissions(folder)))
    assert (found.state, "this is uid 4711" in found.what) == ("warn", True)


def test_a_key_that_is_missing_wrong_or_open_is_said_so(folder):
    Keys(folder.keys).new("viewer")
    assert [f.what for f in tidiness.keys(folder)][-1] == "1 API key is good"
    key = folder.keys / "audit.key"
    key.chmod(0o644)
    assert any("can be read by others" in f.what for f in tidiness.keys(folder))
    shutil.copy(folder.keys / "access.key", key)
    key.chmod(0o600)
    assert "fail" in states(tidiness.keys(folder))
    key.unlink()
    assert any("cannot be signed any more" in f.what for f in tidiness.keys(folder))


def test_a_restored_folder_needs_the_keys_of_its_successors_alone(folder):
    for log in open_trails(folder.root, succeed=True).logs.values():
        log.close()
    (folder.keys / "audit.key").unlink()
    (folder.keys / "access.key").unlink()
    found = list(tidiness.keys(folder))
    assert states(found) == {"ok"}
    assert any("audit-2" in f.what for f in found)


def test_a_file_of_api_keys_that_cannot_be_read_is_said_so(folder):
    (folder.keys / "api-keys.json").write_text("{")
    assert "fail" in states(tidiness.keys(folder))


@pytest.mark.parametrize(
    ("told", "what"),
    [
        (Settings(retention=RetentionSettings(access_days=30)), "access-days is 30"),
        (Settings(retention=RetentionSettings(audit_days=364)), "audit-days is 364"),
        (Settings(response=ResponseSettings(simulate=True)), "simulate is on"),
        (Settings(response=ResponseSettings(allow=("0.0.0.0/0",))), "names everybody"),
    ],
)
def test_settings_that_are_better_known_are_told(told, what):
    found = [f for f in tidiness.settings(told) if f.state == "warn"]
    assert len(found) == 1
    assert what in found[0].what


def test_the_defaults_are_nothing_to_be_warned_of():
    assert states(tidiness.settings(Settings())) == {"ok"}
