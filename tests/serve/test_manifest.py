"""What a backup says of itself, and how it is held to it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from sealtrail.errors import UsageError
from sealtrail.serve.manifest import MANIFEST, Copied, Manifest, Reach, digest_of, files_in


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    folder = tmp_path / "backup"
    (folder / "trails" / "audit").mkdir(parents=True)
    (folder / "format").write_text("sealtrail 1\n")
    (folder / "trails" / "audit" / "sealed").write_bytes(b"")
    files = [Copied(path, *digest_of(place)) for path, place in files_in(folder).items()]
    made = Manifest(1, "2026-11-24T08:00:00.000000Z", "0.1.0", True, {"audit": Reach(0, "note\n")}, files)
    (folder / MANIFEST).write_bytes(made.data)
    return folder


def test_a_manifest_reads_back_what_was_written_and_the_files_are_as_it_says(backup):
    manifest = Manifest.load(backup)
    assert (manifest.trails, manifest.keys) == ({"audit": Reach(0, "note\n")}, True)
    assert {file.path for file in manifest.files} == {"format", "trails/audit/sealed"}
    assert manifest.data == (backup / MANIFEST).read_bytes()
    manifest.check(backup)


def refused(backup: Path) -> str:
    with pytest.raises(UsageError) as error:
        Manifest.load(backup).check(backup)
    assert error.value.code == "usage.backup"
    return error.value.what


def test_a_file_that_was_changed_removed_or_put_in_is_named(backup):
    (backup / "format").write_text("sealtrail 2\n")
    assert "format is not what it was" in refused(backup)
    (backup / "format").unlink()
    assert "format is missing" in refused(backup)
    (backup / "format").write_text("sealtrail 1\n")
    (backup / "settings.toml").write_text("")
    assert "settings.toml is not in the manifest" in refused(backup)


@pytest.mark.parametrize("kind", ["file", "folder", "dangling"])
def test_a_link_in_a_backup_is_refused(backup, tmp_path, kind):
    target = {"file": backup / "format", "folder": tmp_path, "dangling": tmp_path / "none"}[kind]
    (backup / "trails" / "audit" / "more").symlink_to(target)
    assert "neither a file nor a folder" in refused(backup)


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"\xff", b'{"backup": 2}'],
)
def test_a_manifest_that_cannot_be_read_is_refused(backup, data):
    (backup / MANIFEST).write_bytes(data)
    assert "cannot be read" in refused(backup)


def test_a_manifest_with_more_than_we_know_is_refused(backup):
    said = msgspec.json.decode((backup / MANIFEST).read_bytes())
    (backup / MANIFEST).write_bytes(msgspec.json.encode({**said, "encrypted": True}))
    assert "cannot be read" in refused(backup)


def test_a_folder_without_a_manifest_is_no_backup(tmp_path):
    with pytest.raises(UsageError, match="not a whole backup"):
        Manifest.load(tmp_path)


def test_a_path_that_leads_out_of_a_backup_is_only_ever_missing(backup, tmp_path):
    manifest = Manifest.load(backup)
    (tmp_path / "outside").write_text("x")
    out = Copied("../outside", *digest_of(tmp_path / "outside"))
    changed = msgspec.structs.replace(manifest, files=[*manifest.files, out])
    (backup / MANIFEST).write_bytes(changed.data)
    assert "../outside is missing" in refused(backup)
