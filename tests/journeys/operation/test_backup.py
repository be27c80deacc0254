"""A backup under load, restored elsewhere, while the original goes on: nothing is missing, nothing forks."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from sealtrail.event import read
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.access import keys_of


def recorded(data: Path) -> Counter[tuple[str, int]]:
    """(source and emitter, number) of every producer's event in every trail."""
    reader = LedgerReader(data)
    found: Counter[tuple[str, int]] = Counter()
    for trail, size in reader.sizes().items():
        for entry in reader.read(trail, 0, size):
            fields = read(entry)
            if fields["sealtrail.source"] != "collector":
                place = f"{fields['sealtrail.source']} {fields['sealtrail.emitter']}"
                found[place, fields["sealtrail.seq"]] += 1
    return found


def held(found: Counter[tuple[str, int]], emitter: str) -> set[int]:
    return {seq for place, seq in found if place.endswith(f" {emitter}")}


def test_a_backup_under_load_is_whole_and_both_folders_go_on_without_a_fork(
    serve, application, producer, sealtrail, until, tmp_path
):
    original, spool = tmp_path / "original", tmp_path / "spool"
    _, key = keys_of(original, create=True).new("ingest")
    server = serve(original, "--spool", spool)
    applications = [application(spool) for _ in range(2)]
    producers = [producer(server, key, f"p{n}") for n in range(3)]
    until(lambda: all(p.acknowledged > 50 for p in producers), "acknowledged events")
    until(lambda: sum(place.startswith("spool ") for place, _ in recorded(original)) > 50, "the spool")
    until(lambda: min(LedgerReader(original).sizes().values()) > 0, "a checkpoint of both trails")

    before = {p.emitter: p.acknowledged for p in producers}
    collected = recorded(original)
    kept = [LedgerReader(original).checkpoint(trail) for trail in ("access", "audit")]
    done = sealtrail("backup", tmp_path / "copy", "--data", original, "-o", "json")
    assert done.returncode == 0, done.stderr
    until(lambda: all(p.acknowledged > before[p.emitter] + 50 for p in producers), "load after the backup")

    there = tmp_path / "elsewhere"
    there.mkdir()
    restored = there / "restored"
    done = sealtrail("restore", tmp_path / "copy", restored, "-o", "json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["successors"] == ["access-2", "audit-2"]
    found = recorded(restored)
    for emitter, count in before.items():
        assert held(found, emitter) >= set(range(count))
    assert not collected - found, "what was in the ledger before the backup is in it"
    assert max(found.values()) == 1

    # Both go on: the restored one is sent everything again, and has applications of its own.
    second = serve(restored, "--spool", there / "spool")
    applications.append(application(there / "spool"))
    again = [producer(second, key, emitter) for emitter in before]
    until(lambda: all(p.acknowledged > before[p.emitter] + 50 for p in again), "the restored folder")
    numbers = {p.emitter: p.end() for p in again}
    for one in (*producers, *applications):
        one.end()
    assert (server.end(), second.end()) == (0, 0), server.log.read_text() + second.log.read_text()

    for data in (original, restored):
        counts = recorded(data)
        assert max(counts.values()) == 1, "exactly once, across both generations"
        report = verify(data, workers=1, checkpoints=kept)
        assert report.verdict == "intact", report.lines()
        anchored = next(t.anchored_to for t in report.trails if t.trail == "audit")
        assert anchored >= Checkpoint.from_note(kept[1])[0].size > 0
    found = recorded(restored)
    for emitter, count in numbers.items():
        assert held(found, emitter) >= set(range(count))
    sizes = LedgerReader(restored).sizes()
    assert sizes["access-2"] > 1
    assert sizes["audit-2"] > 1

    # No fork: all that the restored folder holds in the names of the original, the original signed.
    for trail in ("access", "audit"):
        theirs = (original / "trails" / trail / "checkpoints").read_bytes()
        ours = (restored / "trails" / trail / "checkpoints").read_bytes()
        assert theirs.startswith(ours)
        assert len(theirs) > len(ours)
        assert LedgerReader(restored).read(trail, 0, sizes[trail]) == LedgerReader(original).read(
            trail, 0, sizes[trail]
        )
