"""The manifest is whole or the old one."""

from __future__ import annotations

import os
import stat

import pytest

from sealtrail.errors import UsageError
from sealtrail.store.manifest import (
    MANIFEST,
    Extent,
    Manifest,
    Retired,
    Segment,
    check_files,
    load,
    save,
    write_durably,
)

SEGMENT = Segment("00000001.parquet", 3, 10, -5, 9, {"access": Extent(0, 3, 3)}, ("user.id",))


def test_a_manifest_reads_back_as_it_was_saved(tmp_path):
    manifest = Manifest(
        serial=7,
        position={"access": 3},
        forgotten={"audit": 1},
        segments=(SEGMENT,),
        retired=(Retired("a.parquet", 1.5),),
    )
    save(tmp_path, manifest)
    assert load(tmp_path) == manifest
    assert manifest.rows == 3
    assert stat.S_IMODE((tmp_path / MANIFEST).stat().st_mode) == 0o600


def test_a_folder_without_one_is_empty(tmp_path):
    assert load(tmp_path) == Manifest()


@pytest.mark.parametrize("name", ["../x.parquet", "/etc/passwd", "a/b.parquet", ".x.parquet", "x.txt"])
def test_a_name_that_leads_elsewhere_is_refused(tmp_path, name):
    save(tmp_path, Manifest(retired=(Retired(name, 0.0),)))
    with pytest.raises(UsageError, match="no segment"):
        load(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", '{"version":2}', '{"schema":"other"}', '{"position":{"a":"b"}}'])
def test_another_format_is_refused_with_the_way_out(tmp_path, text):
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path)
    assert caught.value.code == "usage.format"
    assert "rebuild" in caught.value.hint


def test_a_missing_or_short_segment_is_told(tmp_path):
    with pytest.raises(UsageError, match="missing or cut short"):
        check_files(tmp_path, Manifest(segments=(SEGMENT,)))
    (tmp_path / SEGMENT.file).write_bytes(b"x" * 9)
    with pytest.raises(UsageError, match="missing or cut short"):
        check_files(tmp_path, Manifest(segments=(SEGMENT,)))
    (tmp_path / SEGMENT.file).write_bytes(b"x" * 10)
    check_files(tmp_path, Manifest(segments=(SEGMENT,)))


def test_a_write_that_fails_leaves_the_old_bytes(tmp_path, monkeypatch):
    path = tmp_path / "file"
    write_durably(path, b"old")

    def refuse(_descriptor):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(OSError, match="Input/output"):
        write_durably(path, b"new")
    assert path.read_bytes() == b"old"
