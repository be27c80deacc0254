from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def copy(data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(data, tmp_path / "copy"))


def test_an_untouched_folder_is_intact_and_says_that_nothing_anchors_it(run: Run, data: Path) -> None:
    done = run("verify", data)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "intact"
    assert "NOT anchored" in done.stdout


def test_one_edited_byte_is_found_and_named(run: Run, copy: Path) -> None:
    (active,) = (copy / "trails" / "access").glob("active-*")
    active.write_bytes(active.read_bytes().replace(b"/invoices/18", b"/invoices/19"))
    done = run("verify", copy, "-o", "json")
    report = json.loads(done.stdout)
    assert (done.exit_code, report["verdict"]) == (1, "tampered")
    assert [(t["trail"], p["index"]) for t in report["trails"] for p in t["problems"]] == [("access", 1)]


def test_a_kept_checkpoint_anchors(run: Run, data: Path, copy: Path) -> None:
    kept = [("--checkpoint", data / "trails" / trail / "checkpoint") for trail in ("access", "audit")]
    done = run("verify", copy, *(word for pair in kept for word in pair), "-o", "json")
    assert json.loads(done.stdout)["anchored"] is True


def test_what_cannot_be_checked_is_not_called_intact(run: Run, copy: Path) -> None:
    for key in (copy / "keys").iterdir():
        key.unlink()
    assert run("verify", copy).exit_code == 2


def test_a_proof_convinces_who_has_the_key_and_the_entry_alone(run: Run, data: Path, tmp_path: Path) -> None:
    proof, entry = tmp_path / "2.tlog-proof", tmp_path / "2.json"
    assert run("prove", "access/2", "--data", data, "-o", proof, "--with-entry", entry).exit_code == 0
    key = data / "keys" / "access.vkey"
    assert run("verify", proof, "--entry", entry, "--key", key).exit_code == 0
    entry.write_bytes(entry.read_bytes().replace(b"alice", b"mallo"))
    assert run("verify", proof, "--entry", entry, "--key", key).exit_code == 1


def test_an_entry_can_be_proved_by_its_event_id(run: Run, data: Path) -> None:
    (row,) = json.loads(run("search", "user.name:alice", "--data", data, "-o", "json").stdout)
    done = run("prove", row["event.id"], "--data", data)
    assert done.stdout.startswith("c2sp.org/tlog-proof@v1\nindex 2\n")


def test_an_entry_that_is_not_there_cannot_be_proved(run: Run, data: Path) -> None:
    for place in ("access/999999", "no-such-id", 'x" or *'):
        done = run("prove", place, "--data", data)
        assert (done.exit_code, done.stdout) == (2, "")


def test_a_trail_is_proved_to_begin_with_what_was_kept(run: Run, data: Path, tmp_path: Path) -> None:
    history = (data / "trails" / "access" / "checkpoints").read_bytes().split(b"\n\n")
    kept, proof = tmp_path / "kept", tmp_path / "proof"
    kept.write_bytes(history[-3] + b"\n\n" + history[-2] + b"\n")
    size = kept.read_bytes().split(b"\n")[1].decode()
    assert run("prove", "access", "--from", kept, "--data", data, "-o", proof).exit_code == 0
    assert run("prove", "access", "--from", size, "--to", size, "--data", data).exit_code == 0
    key = data / "keys" / "access.vkey"
    done = run("verify", proof, "--checkpoint", kept, "--key", key)
    assert (done.exit_code, "NOT anchored" in done.stdout) == (0, False), done.stdout
    assert f"begins with {size}" in done.stdout
    assert run("verify", proof, "--key", key).exit_code == 2
    assert "begins at" in run("verify", proof, "--key", key).stdout


def test_what_cannot_lead_to_a_checkpoint_is_said(run: Run, data: Path, tmp_path: Path) -> None:
    foreign = tmp_path / "audit"
    foreign.write_bytes((data / "trails" / "audit" / "checkpoint").read_bytes())
    for words, code in (
        (("access", "--from", "99999"), "not-found.checkpoint"),
        (("access", "--from", "1", "--to", "99999"), "not-found.checkpoint"),
        (("access", "--from", tmp_path / "nothing"), "usage.path"),
        (("access", "--from", data / "format"), "ledger.format"),
        (("access", "--from", foreign), "usage.argument"),
        (("nothing", "--from", "1"), "not-found.trail"),
    ):
        done = run("prove", *words, "--data", data)
        assert (done.exit_code, done.stdout) == (2, ""), (words, done.stdout)
        assert code in done.stderr
    assert run("prove", "access", "--to", "1", "--data", data).exit_code == 2
    assert (
        run("prove", "access/1", "--from", "1", "--with-entry", tmp_path / "e", "--data", data).exit_code == 2
    )


def test_a_trail_is_exported_as_a_log_that_verifies(run: Run, data: Path, tmp_path: Path) -> None:
    done = run("export", "--trail", "access", "--tlog", tmp_path / "log", "--data", data)
    assert done.exit_code == 0, done.stderr
    assert run("verify", tmp_path / "log", "--key", data / "keys" / "access.vkey").exit_code == 0


def test_an_export_of_a_query_is_oldest_first(run: Run, data: Path) -> None:
    lines = run("export", "url.path:/invoices*", "--data", data).stdout.splitlines()
    assert [json.loads(line)["url.path"] for line in lines] == ["/invoices/17", "/invoices/18"]


def test_an_export_is_a_query_or_a_trail_and_not_both(run: Run, data: Path, tmp_path: Path) -> None:
    assert run("export", "--data", data).exit_code == 2
    assert run("export", "*", "--trail", "access", "--tlog", tmp_path / "log", "--data", data).exit_code == 2
    assert run("export", "--trail", "access", "--data", data).exit_code == 2


def test_the_verifier_in_one_file_is_printed_and_agrees(run: Run, data: Path, tmp_path: Path) -> None:
    printed = run("verify", "--print-verifier")
    assert printed.exit_code == 0, printed.stderr
    program = tmp_path / "verify_sealtrail.py"
    program.write_text(printed.stdout)
    run("export", "--trail", "access", "--tlog", tmp_path / "log", "--data", data)
    key = ["--key", data / "keys" / "access.vkey"]
    for kept, word in (
        ([], "NOT anchored"),
        (["--checkpoint", data / "trails/access/checkpoint"], "anchored up to"),
    ):
        line = [sys.executable, "-I", program, tmp_path / "log", *key, *kept]
        done = subprocess.run(line, capture_output=True, text=True)
        assert (done.returncode, done.stdout.splitlines()[0], done.stderr) == (0, "intact", "")
        assert word in done.stdout


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "word"), [("good", ""), ("rewritten", "rewritten"), ("truncated", "cut off")]
)
def test_the_sample_logs_are_judged_on_the_command_line(
    run: Run, corpora: Path, tmp_path: Path, name: str, word: str
) -> None:
    log, kept = corpora / "vectors" / f"ledger_{name}", corpora / "vectors" / "ledger_good.checkpoint-600"
    key = tmp_path / "key.vkey"
    key.write_text("example.com/apilog+f66706f5+AU15HuUgZZcWf6sTbRYnir9scOYZMnbyZJAmC3nplxEk\n")
    alone = run("verify", log, "--key", key)
    assert (alone.exit_code, "NOT anchored" in alone.stdout) == (0, True)
    held = run("verify", log, "--key", key, "--checkpoint", kept)
    assert held.exit_code == (1 if word else 0)
    assert (word or "anchored up to 600") in held.stdout
    proved = run("verify", log, "--key", key, "--checkpoint", kept, "-o", "json")
    assert json.loads(proved.stdout)["anchored"] is (not word)


def test_the_numbers_of_emitters_are_facts_beside_the_verdict(run: Run, data: Path, tmp_path: Path) -> None:
    done = run("verify", data, "--emitters")
    assert done.exit_code == 0, done.output
    assert "every number is there, once" in done.stdout
    told = json.loads(run("verify", data, "--emitters", "--spool", tmp_path, "-o", "json").stdout)
    assert told["verdict"] == "intact"
    assert all(one["missing"] == 0 for one in told["emitters"]["emitters"])
    assert run("verify", data, "--spool", tmp_path).exit_code == 2


def test_an_index_that_says_otherwise_is_told_and_repaired_on_request(run: Run, copy: Path) -> None:
    assert run("rebuild", "--data", copy).exit_code == 0
    assert run("verify", copy, "--store").exit_code == 0
    for segment in (copy / "store").glob("*.parquet"):
        segment.unlink()
    done = run("verify", copy, "--store", "-o", "json")
    assert (done.exit_code, json.loads(done.stdout)["verdict"]) == (1, "intact")
    assert json.loads(done.stdout)["store"]["counts"]["missing"] > 0
    assert run("verify", copy, "--store", "--repair").exit_code == 0
    assert run("verify", copy, "--store").exit_code == 0
    assert run("verify", copy, "--repair").exit_code == 2
