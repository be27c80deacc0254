"""One folder against a real collector."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sealtrail.errors import AccessError, BusyError, TamperedError
from sealtrail.event import decode
from sealtrail.ship.line import Line
from sealtrail.ship.shipper import DIVERGED, Shipper
from sealtrail.spool.disk import Spool
from sealtrail.spool.holding import Hold
from sealtrail.spool.layout import segment_name, segments
from sealtrail.web.remote import remote


def shipper(server: Any, spool: Spool, role: str = "ingest", **options: Any) -> Shipper:
    key = server.keys[role]
    return Shipper(spool.folder, Line(remote(server.url, key), key), once=True, give_up=5, **options)


def shipped(server: Any, spool: Spool, **options: Any) -> Shipper:
    one = shipper(server, spool, **options)
    one.start()
    one._thread.join()
    return one


def test_what_an_application_recorded_is_stored_byte_for_byte_and_removed(server, spool, ship, stored):
    for number in range(50):
        assert spool.write(ship.head(number))
    lines = [raw for _, path in segments(spool.folder) for raw in path.read_bytes().splitlines()]
    one = shipped(server, spool)
    assert one.failure is None
    assert stored(server) == lines
    assert (one.counts["accepted"], one.counts["duplicates"], one.waiting()) == (50, 0, 0)
    # The writer lives: its segment stays. When it is gone, so is the segment.
    assert len(segments(spool.folder)) == 1
    spool.close()
    shipped(server, spool)
    assert segments(spool.folder) == []
    assert stored(server) == lines


def test_a_cursor_that_was_not_saved_sends_again_and_stores_nothing_twice(server, spool, ship, stored):
    for number in range(20):
        spool.write(ship.head(number))
    shipped(server, spool)
    (spool.folder / "ship" / "cursor.json").unlink()
    again = shipped(server, spool)
    assert (again.counts["accepted"], again.counts["duplicates"]) == (0, 20)
    assert len(stored(server)) == 20


def test_what_is_no_event_and_what_is_torn_is_kept_aside_and_not_sent_again(server, spool, ship, stored):
    spool.write(ship.head(0))
    (_, path), *_ = segments(spool.folder)
    good = path.read_bytes()
    spool.close()
    dead = spool.folder / segment_name("dead", 0)
    dead.write_bytes(b"nonsense\n" + good.replace(spool.emitter.encode(), b"dead") + good[:40])
    one = shipped(server, spool)
    assert (one.counts["rejected"], one.counts["torn"], one.counts["accepted"]) == (1, 1, 2)
    kept = [
        json.loads(line)
        for file in (spool.folder / "ship" / "rejects").iterdir()
        for line in file.read_bytes().splitlines()
    ]
    assert sorted(record["code"] for record in kept) == ["event.not-json", "event.torn"]
    assert segments(spool.folder) == []
    assert len(stored(server)) == 2


def test_what_the_collector_refuses_is_kept_aside_with_its_reason(server, spool, ship, stored):
    # A reserved kind passes no door. It is refused before it is sent, by the check that a collector makes.
    spool.write(ship.head(0, **{"sealtrail.kind": "system"}))
    spool.write(ship.head(1))
    one = shipped(server, spool)
    assert (one.counts["rejected"], one.counts["accepted"]) == (1, 1)


def test_two_never_empty_one_folder(server, spool, ship):
    spool.write(ship.head(0))
    other = Hold(spool.folder)
    assert other.take()
    one = shipped(server, spool)
    assert isinstance(one.failure, BusyError)
    assert one.failure.code == "busy.folder"
    other.release()
    assert shipped(server, spool).counts["accepted"] == 1


@pytest.mark.parametrize("role", ["viewer", "analyst"])
def test_a_key_that_may_not_send_ends_it_with_what_to_do(server, spool, ship, role):
    spool.write(ship.head(0))
    one = shipped(server, spool, role=role)
    assert isinstance(one.failure, AccessError)
    assert "ingest" in str(one.failure)
    assert one.waiting() > 0


def test_the_state_may_lie_elsewhere(server, spool, ship, tmp_path):
    spool.write(ship.head(0))
    shipped(server, spool, state=tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere" / "cursor.json").exists()
    assert not (spool.folder / "ship").exists()


def test_a_collector_that_shows_another_past_gets_nothing_more(
    serving, server, spool, ship, stored, tmp_path
):
    spool.write(ship.head(0))
    ship.until(lambda: server.served.collector.pipeline.published("access") > 0)
    spool.write(ship.head(1))
    first = shipped(server, spool)
    assert first.pins.counts["checkpoints"] >= 1
    pinned = spool.folder / "ship" / "pins"
    assert (pinned / "keys" / "access.vkey").read_text().split("+")[0].endswith("/access")
    spool.write(ship.head(2))
    with serving(tmp_path / "other", "[ledger]\ncheckpoint-seconds = 0.05\n") as other:
        one = shipped(other, spool)
        assert isinstance(one.failure, TamperedError)
        assert one.failure.exit_code == 1
        assert "contradicts what it signed before" in one.failure.what
        assert stored(other) == []
    assert one.waiting() > 0
    assert list((pinned / "diverged").iterdir())
    assert shipped(server, spool).counts["accepted"] == 2
    # The second is the shipper's own word on it.
    told = [event for event in map(decode, stored(server)) if event["event.action"] == DIVERGED]
    assert [event["sealtrail.target.id"] for event in told] == ["access"]
    assert "contradicts" in told[0]["event.reason"]


def test_a_folder_that_is_not_there_yet_is_waited_for(server, tmp_path, ship, stored):
    spool = Spool(Path(tmp_path / "later"))
    key = server.keys["ingest"]
    one = Shipper(spool.folder, Line(remote(server.url, key), key))
    one.start()
    try:
        spool.write(ship.head(0))
        ship.until(lambda: stored(server))
    finally:
        one.stop()
    assert one.failure is None
