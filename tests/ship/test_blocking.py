from __future__ import annotations

import time
from email.utils import formatdate

import msgspec
import pytest

from sealtrail.capture.blocks import Blocks
from sealtrail.ship.blocking import BlockKeeper
from sealtrail.ship.line import Line
from sealtrail.spool.layout import BLOCKS_FILE, BlockList
from sealtrail.web.remote import remote


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "spool"
    place.mkdir()
    return place


def keeper(url: str, key: str, folder, **options) -> BlockKeeper:
    return BlockKeeper(Line(remote(url, key), key), [folder], **options)


def listed(folder) -> BlockList:
    return BlockList.from_bytes((folder / BLOCKS_FILE).read_bytes())


def blocks(until: str, **more: object) -> bytes:
    one = {"address": "203.0.113.9", "until": until, "id": "b1", "simulated": False, **more}
    return msgspec.json.encode({"blocks": [one]})


def test_a_block_that_an_operator_makes_reaches_the_application_and_goes_again(server, folder):
    one = keeper(server.url, server.keys["ingest"], folder)
    one.start()
    try:
        http, analyst = server.http, server.as_("analyst")
        asked = {"address": "203.0.113.9", "for": "1h", "reason": "ticket 7"}
        unblock = "/api/v1/blocks/203.0.113.9?reason=over"
        assert http.post("/api/v1/blocks", json=asked, headers=analyst).status_code == 201
        reader = Blocks(folder)
        end = time.monotonic() + 20
        while reader.find("203.0.113.9") is None:
            assert time.monotonic() < end
            time.sleep(0.05)
        assert reader.find("203.0.113.10") is None
        # What is behind a block is not for the application.
        assert b"ticket" not in (folder / BLOCKS_FILE).read_bytes()
        assert http.delete(unblock, headers=analyst).json() == {"ended": True}
        while reader.find("203.0.113.9") is not None:
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        one.stop()
    assert one.problem == ""


def test_an_answer_without_news_renews_the_list(door, ship, folder):
    now = [1_800_000_000.0]
    until = "2027-01-15T09:00:00Z"
    there = door(ship.answer(200, blocks(until), 'ETag: "t"'), ship.answer(304))
    one = keeper(there.url, ship.KEY, folder, clock=lambda: now[0])
    assert one.turn()
    now[0] += 8
    assert one.turn()
    assert b'If-None-Match: "t"' in there.asked[1]
    assert (listed(folder).written, len(listed(folder).blocks)) == (now[0], 1)
    one.stop()


@pytest.mark.parametrize("answer", ["403", "nonsense", "304", "gone"])
def test_without_a_list_nothing_is_written_and_the_old_one_gets_stale(door, ship, folder, answer):
    told = {
        "403": ship.answer(403),
        "nonsense": ship.answer(200, b'{"blocks":[{"address":1}]}'),
        "304": ship.answer(304),
        "gone": b"",
    }[answer]
    one = keeper(door(told).url, ship.KEY, folder)
    assert not one.turn()
    assert one.problem
    assert not (folder / BLOCKS_FILE).exists()
    one.stop()


def test_a_block_ends_by_the_clock_of_who_made_it(door, ship, folder):
    ahead = 7200.0  # this machine's clock, against the collector's
    there = 1_800_000_000
    date = f"Date: {formatdate(there, usegmt=True)}"
    answers = ship.answer(200, blocks("2027-01-15T08:10:00Z"), date)
    one = keeper(door(answers).url, ship.KEY, folder, clock=lambda: there + ahead)
    assert one.turn()
    assert listed(folder).blocks[0].until == there + 600 + ahead
    one.stop()


def test_simulated_blocks_refuse_nobody_and_a_missing_folder_fails_nobody(door, ship, folder, tmp_path):
    there = door(ship.answer(200, blocks("2027-01-15T08:10:00Z", simulated=True)))
    one = BlockKeeper(Line(remote(there.url, ship.KEY), ship.KEY), [tmp_path / "none", folder])
    assert one.turn()
    assert listed(folder).blocks == ()
    one.stop()
