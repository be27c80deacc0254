"""A log that a real server serves, walked over HTTP with a key by verifiers that other people wrote."""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.serve.evidence import check

Serving = Callable[..., AbstractContextManager[Any]]
WALKERS = ("go", "tlog-scales")
SIZES = (1, 255, 256, 257, 600)
WHEN = "2026-11-24T08:00:00Z"


@pytest.fixture(scope="module")
def server(foreign: object, serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("served") / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        yield made


@pytest.fixture(scope="module")
def kept(server: Any) -> list[str]:
    """A checkpoint at each size at least, as they were served: the log grows from one to the next."""
    notes: list[str] = []
    for size in SIZES:
        missing = size - (size_of(notes[-1]) if notes else 0)
        if missing > 0:
            sent = server.send(
                *(
                    {"@timestamp": WHEN, "event.action": "invoice.read", "message": f"{size}-{n}"}
                    for n in range(missing)
                )
            )
            assert sent.status_code == 200, sent.text
        assert server.served.collector.settle()
        while size_of(note := server.get("/trails/audit/checkpoint").text) < size:
            pass  # signed a moment after the receipt
        notes.append(note)
    return notes


def size_of(note: str) -> int:
    return int(note.split("\n")[1])


def question(server: Any, **more: object) -> dict[str, Any]:
    key = server.get("/trails/audit/vkey").text
    return {"log": f"{server.url}/trails/audit", "bearer": server.keys["viewer"], "key": key, **more}


@pytest.mark.parametrize("walker", WALKERS)
def test_every_entry_is_under_the_checkpoint_and_the_log_continues_all_that_was_signed(
    foreign, server, kept, walker
):
    asked = [question(server), *(question(server, kept=note) for note in kept)]
    assert foreign.ask(walker, asked) == [""] * (len(kept) + 1)


@pytest.mark.parametrize("walker", WALKERS)
def test_another_trails_key_and_another_trails_checkpoint_are_refused(foreign, server, kept, walker):
    server.send(
        {"@timestamp": WHEN, "event.action": "http.request", "sealtrail.kind": "request", "url.path": "/"}
    )
    assert server.served.collector.settle()
    while size_of(other := server.get("/trails/access/checkpoint").text) == 0:
        pass
    key = server.get("/trails/access/vkey").text
    asked = [question(server), question(server, key=key), question(server, kept=other)]
    said = foreign.ask(walker, asked)
    assert said[0] == ""
    assert said[1]
    assert said[2]


def test_who_may_see_hashes_alone_reads_no_entry(foreign, server, kept):
    said = foreign.ask("go", [question(server, bearer=server.keys["ingest"]), question(server, bearer="")])
    assert said[0].startswith("tile/entries/000: 403")
    assert said[1].startswith("checkpoint: 401")


def test_a_receipt_that_is_served_is_accepted_by_all(foreign, server, kept):
    proof = server.get("/api/v1/proof/audit/17", "auditor").text
    entry = server.get("/api/v1/events/audit/17").json()["entry"]
    asked = {
        "proof": proof,
        "entry": base64.b64encode(entry.encode()).decode(),
        "key": question(server)["key"],
    }
    for verifier in ("go", "tlog-scales", "sigstore", "@sigstore/verify"):
        assert foreign.ask(verifier, [asked]) == [""]


def test_the_command_of_tlog_scales_takes_the_key_in_the_address(foreign, server, kept, tmp_path):
    """What it proves of our tiles, we verify; the page for auditors has these commands."""
    command = Path(foreign.tools["verifiers"]).with_name("tlog-tiles")
    key = server.keys["auditor"]
    address = f"{server.url.replace('://', f'://auditor:{key}@')}/trails/audit"
    leaf = subprocess.run(
        [command, "get-leaf", "--check", address, "17"], capture_output=True, check=True
    ).stdout
    assert leaf.decode() == server.get("/api/v1/events/audit/17").json()["entry"]
    proof = subprocess.run([command, "gen-proof", address, "17"], capture_output=True, check=True).stdout
    (tmp_path / "17.tlog-proof").write_bytes(proof)
    (tmp_path / "17.json").write_bytes(leaf)
    (tmp_path / "audit.vkey").write_text(question(server)["key"])
    report = check(tmp_path / "17.tlog-proof", keys=[tmp_path / "audit.vkey"], entry=tmp_path / "17.json")
    assert report.verdict == "intact", report.lines()


def test_the_command_that_walks_a_log_says_what_it_found(foreign, server, kept, tmp_path):
    """`walk LOG VKEY KEPT`, as an auditor types it, with the key in the environment."""
    (tmp_path / "audit.vkey").write_text(question(server)["key"])
    (tmp_path / "kept").write_text(kept[0])
    size = size_of(kept[0])
    (tmp_path / "edited").write_text(kept[0].replace(f"\n{size}\n", f"\n{size + 1}\n"))
    command = [foreign.tools["walk"], f"{server.url}/trails/audit", "audit.vkey"]
    environment = {**os.environ, "KEY": server.keys["viewer"]}
    good, bad = (
        subprocess.run([*command, name], env=environment, cwd=tmp_path, capture_output=True, text=True)
        for name in ("kept", "edited")
    )
    assert good.returncode == 0, good.stderr
    assert "every one is under the checkpoint" in good.stdout
    assert bad.returncode == 1
    assert "invalid signature" in bad.stderr
