"""The units are what systemd's own tools read, and name commands, users and folders that fit together."""

from __future__ import annotations

import configparser
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from sealtrail.cli.main import main
from sealtrail.spool.layout import FOLDER_MODE

SHUT = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
    "PrivateDevices": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictNamespaces": "yes",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
}


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


@pytest.fixture
def folder(repository) -> Path:
    return repository / "deploy" / "systemd"


@pytest.fixture
def unit(folder) -> configparser.ConfigParser:
    # One option may stand several times; the last is enough for what is asked here.
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(folder / "sealtrail.service")
    return parser


def lines(path: Path) -> list[list[str]]:
    return [shlex.split(line) for line in path.read_text().splitlines() if line and line[0] != "#"]


def test_the_service_runs_a_command_that_is_there_with_options_it_has(unit):
    program, *arguments = shlex.split(unit["Service"]["ExecStart"])
    assert program.endswith("/bin/sealtrail")
    command = main.get_command(click.Context(main), arguments[0])
    assert command is not None
    options = {name for option in command.params for name in option.opts}
    assert {argument for argument in arguments[1:] if argument.startswith("--")} <= options


def test_the_sandbox_is_shut(unit):
    for name, value in SHUT.items():
        assert unit["Service"][name] == value, name
    assert unit["Service"]["Type"] == "notify"


def test_user_groups_and_folders_fit_together(unit, folder):
    service = unit["Service"]
    users = lines(folder / "sealtrail.sysusers.conf")
    assert {row[1] for row in users if row[0] == "u"} >= {service["User"]}
    (_, spool_path, mode, owner, group, *_) = lines(folder / "sealtrail.tmpfiles.conf")[-1]
    assert int(mode, 8) == FOLDER_MODE
    assert group == service["SupplementaryGroups"]
    members = {row[1] for row in users if row[0] == "m" and row[2] == group}
    assert members == {service["User"], owner}
    assert owner != service["User"]
    assert spool_path in shlex.split(service["ExecStart"])
    assert spool_path.startswith(service["ReadWritePaths"])


@needs("systemd-analyze")
def test_systemd_reads_the_service_without_a_word(folder, tmp_path):
    text = (folder / "sealtrail.service").read_text()
    here = tmp_path / "sealtrail.service"
    here.write_text(text.replace("/opt/sealtrail/bin/sealtrail", sys.executable))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(here)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@needs("systemd-analyze")
def test_systemd_finds_little_that_is_exposed(folder):
    done = subprocess.run(
        [
            "systemd-analyze",
            "security",
            "--offline=true",
            "--threshold=20",
            str(folder / "sealtrail.service"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze cannot look at a file")
    assert done.returncode == 0, done.stdout[-300:]


@needs("systemd-sysusers")
@needs("systemd-tmpfiles")
def test_systemd_makes_the_users_and_the_folder(folder, tmp_path):
    (tmp_path / "etc").mkdir()
    done = subprocess.run(
        ["systemd-sysusers", f"--root={tmp_path}", str(folder / "sealtrail.sysusers.conf")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    passwd = (tmp_path / "etc" / "passwd").read_text()
    assert all(f"\n{name}:" in f"\n{passwd}" for name in ("sealtrail", "shop"))
    groups = {row.split(":")[0]: row for row in (tmp_path / "etc" / "group").read_text().splitlines()}
    assert set(groups["sealtrail-shop"].rpartition(":")[2].split(",")) == {"sealtrail", "shop"}
