from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


@pytest.fixture
def data(tmp_path):
    with Collector(Folder(tmp_path / "data"), guard=False):
        pass
    return tmp_path / "data"


def run(*arguments: object) -> str:
    done = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_new_key_is_made_and_listed(data):
    [one] = json.loads(run("signer", "rotate", "audit", "--data", data, "--reason", "x", "-o", "json"))
    assert (data / "keys" / "audit.vkey").read_text() == f"{one['new']}\n"
    keys = json.loads(run("signer", "list", "--data", data, "-o", "json"))
    assert [key["vkey"] for key in keys if key["trail"] == "audit"] == [one["old"], one["new"]]
    assert one["new"] in run("signer", "list", "--data", data)
    assert "PRIVATE" not in run("signer", "rotate", "--data", data)


def test_a_trail_that_is_not_there_is_a_designed_error(data):
    done = CliRunner().invoke(main, ["signer", "rotate", "nothing", "--data", str(data)])
    assert (done.exit_code, "not-found.trail" in done.stderr) == (2, True)
