"""Witnesses of other people cosign our logs, and ours cosigns for verifiers of other people."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.cosign import ALGORITHMS, WitnessKey
from sealtrail.ledger.note import Note, VerifyKey, sign_note
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.sign import TrailKey, open_key, read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.ledger.witnessed import with_lines
from sealtrail.serve.asked import Lines, asked
from sealtrail.serve.cosigning import Cosigning
from sealtrail.serve.folder import Folder
from sealtrail.serve.witnesses import add, address
from sealtrail.serve.writing import Collector

LOG = TrailKey("log.example/audit", b"l" * 32)


@contextmanager
def aics(python: str, folder: Path, logs: list[VerifyKey]) -> Iterator[tuple[str, VerifyKey]]:
    """Address and key of an aics-witness that knows these logs."""
    config = folder / "witness.json"
    command = [python, "-I", "-m", "aics_witness"]

    def run(*words: str) -> str:
        return subprocess.run(
            [*command, *words], check=True, capture_output=True, text=True, cwd=folder
        ).stdout

    run("init", "--config", str(config), "--name", "w.example/aics", "--listen", "127.0.0.1:0")
    for key in logs:
        run("add-log", "--config", str(config), "--origin", key.name, "--vkey", key.text)
    status = json.loads(run("status", "--config", str(config), "--json"))
    process = subprocess.Popen(
        [*command, "serve", "--config", str(config), "--listen", "127.0.0.1:0"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=folder,
    )
    try:
        assert process.stderr is not None
        found = next(filter(None, (re.search(r"127\.0\.0\.1:(\d+)", line) for line in process.stderr)))
        yield f"http://{found[0]}", VerifyKey.from_text(status["witness"]["vkey"])
    finally:
        process.kill()
        process.wait()
        process.stderr.close()


def test_a_witness_of_other_people_cosigns_our_trails(foreign, tmp_path):
    data = tmp_path / "data"
    Folder(data).create()
    with Collector(Folder(data), guard=False):
        pass
    keys = [read_vkey(data / "keys" / f"{trail}.vkey") for trail in ("access", "audit")]
    with aics(foreign.tools["witness"], tmp_path, keys) as (url, key):
        with Collector(Folder(data), guard=False) as collector:
            cosigning = Cosigning(
                Folder(data), collector.logs, collector.ledger, collector.pipeline.record, 1.0
            )
            add(data, "aics", key.text, url)
            for _ in range(3):  # from nothing, then twice with a consistency proof
                collector.pipeline.record({"event.action": "sealtrail.read"}).result()
                collector.pipeline.mark().result()
                cosigning.once()
                assert cosigning.standings()["aics"].why == ""
                for trail, log in collector.logs.items():
                    assert cosigning.witnessed(trail) == log.published
        cosigning.finish()
    policy = Policy.from_text((data / "witnesses").read_text())
    report = verify(data, policy=policy, workers=1)
    assert (report.verdict, report.anchored) == ("intact", True)
    assert {trail.anchored_to == trail.size for trail in report.trails} == {True}


def test_a_witness_of_other_people_that_saw_another_past_is_a_contradiction(foreign, tmp_path):
    """It cosigned a trail of this name and key with other entries: whoever has the key can make them."""
    data = tmp_path / "data"
    Folder(data).create()
    with Collector(Folder(data), guard=False):
        pass
    stolen = open_key(data / "keys", "audit")
    with aics(foreign.tools["witness"], tmp_path, [stolen.key]) as (url, key):
        forged = sign_note(Checkpoint(stolen.key.name, 1, b"x" * 32).text, [stolen])
        with Lines().to(address(url)) as line:
            asked(line, key, forged, 0, lambda _old, _new: [], lambda: 1)
        with Collector(Folder(data), guard=False) as collector:
            cosigning = Cosigning(
                Folder(data), collector.logs, collector.ledger, collector.pipeline.record, 1.0
            )
            add(data, "aics", key.text, url)
            collector.pipeline.mark().result()
            cosigning.once()
            assert "are not the first 1 here" in cosigning.standings()["aics"].why
            assert "audit" in cosigning.standings()["aics"].diverged


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_what_our_witness_cosigns_is_good_for_a_verifier_of_other_people(foreign, algorithm):
    witness = WitnessKey("w.example/ours", ALGORITHMS[algorithm], b"w" * 32)
    note = sign_note(Checkpoint(LOG.key.name, 1, b"r" * 32).text, [LOG])
    whole = with_lines(note, [witness.cosign(note.text, 1_700_000_000)])
    other = Note(note.text.replace(b"\n1\n", b"\n2\n"), whole.signatures)
    questions = [{"note": one.data.decode(), "vkey": witness.key.text} for one in (whole, other, note)]
    verdicts = foreign.ask("tlog-scales", questions)
    assert verdicts[0] == ""
    assert all(verdicts[1:])
