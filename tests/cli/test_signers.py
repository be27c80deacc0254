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


def test_a_revocation_is_printed_for_whoever_verifies(data, tmp_path):
    refused = CliRunner().invoke(main, ["signer", "revoke", "audit", "--since", "1", "--data", str(data)])
    assert (refused.exit_code, "signer rotate audit" in refused.stderr) == (2, True)
    run("signer", "rotate", "audit", "--data", data)
    line = run("signer", "revoke", "audit", "--since", "1", "--data", data)
    assert line.endswith("@1\n")
    (tmp_path / "revoked.txt").write_text(line)
    assert run("verify", data, "--revoked", tmp_path / "revoked.txt").startswith("intact")
    told = json.loads(run("signer", "revoke", "audit", "--since", "2", "--data", data, "-o", "json"))
    assert (told["trail"], told["size"]) == ("audit", 2)


def test_a_proof_is_checked_by_an_old_key_and_the_hand_overs(data, tmp_path):
    (tmp_path / "old.vkey").write_bytes((data / "keys" / "audit.vkey").read_bytes())
    run("signer", "rotate", "audit", "--data", data)
    proof, entry = tmp_path / "p.tlog-proof", tmp_path / "e.json"
    run("prove", "audit/0", "--data", data, "-o", proof, "--with-entry", entry)
    asked = ["verify", proof, "--entry", entry, "--key", tmp_path / "old.vkey"]
    handovers = data / "trails" / "audit" / "handovers"
    assert run(*asked, "--handovers", handovers).startswith("intact")
    assert CliRunner().invoke(main, [str(part) for part in asked]).exit_code == 1
