from __future__ import annotations

import os
import shutil
import sys
from types import SimpleNamespace

import pytest

from sealtrail.serve import machine
from sealtrail.settings import DiskSettings

MIB = 2**20


def test_this_environment_has_what_the_server_needs():
    (found,) = machine.versions()
    assert (found.state, found.check) == ("ok", "versions")


def test_a_package_that_is_old_or_missing_and_an_old_python_are_named(monkeypatch):
    asked = ['duckdb>=99.1; extra == "server"', 'nothing-like-it>=1; extra == "server"', "msgspec>=0.1"]
    asked += [
        'pytest>=99; extra == "dev"',
        'pysigma==0.0.1; extra == "server"',
        'sealtrail[server]; extra == "demo"',
    ]
    monkeypatch.setattr(machine, "requires", lambda _: asked)
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    told = [finding.what for finding in machine.versions()]
    assert any("is too old" in what for what in told)
    assert any(what.startswith("duckdb ") and ">=99.1 is needed" in what for what in told)
    assert "nothing-like-it is not installed" in told
    assert any(what.startswith("pysigma") for what in told)
    assert len(told) == 4


@pytest.mark.parametrize(
    ("text", "found"), [("2.0.1", (2, 0, 1)), ("2.0rc1", (2, 0)), ("48", (48,)), ("x", ()), ("1.10", (1, 10))]
)
def test_versions_compare_as_numbers(text, found):
    assert machine.numbers(text) == found


@pytest.mark.parametrize(("answer", "state"), [(True, "warn"), (False, "ok"), (None, "ok")])
def test_a_clock_that_nobody_keeps_is_to_be_warned_of(answer, state):
    assert machine.clock(lambda: answer).state == state


def test_the_kernel_is_asked_and_nothing_is_set():
    assert machine.clock_error() in {True, False, None}


@pytest.mark.parametrize(("free", "state"), [(100, "fail"), (700, "warn"), (5000, "ok")])
def test_room_is_held_against_the_reserve(tmp_path, monkeypatch, free, state):
    usage = SimpleNamespace(free=free * MIB)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = list(machine.room(tmp_path, DiskSettings(512 * MIB)))
    assert found[0].state == state
    assert bool(found[0].todo) == (state != "ok")


def test_a_file_system_that_runs_out_of_files_is_to_be_warned_of(tmp_path, monkeypatch):
    for total, left, count in ((100_000, 5, 2), (0, 0, 1)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=MIB))
        monkeypatch.setattr(os, "statvfs", lambda _, t=total, f=left: SimpleNamespace(f_files=t, f_favail=f))
        assert len(list(machine.room(tmp_path, DiskSettings(1)))) == count
