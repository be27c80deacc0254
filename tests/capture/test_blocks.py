import os
import time

import pytest

from sealtrail.capture import blocks as module
from sealtrail.capture.blocks import Blocks
from sealtrail.spool.layout import Block, BlockList, publish_blocks

NOW = 1_800_000_000.0


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        wall = NOW
        ticks = 100.0

        def forward(self, seconds):
            self.wall += seconds
            self.ticks += seconds

    clock = Clock()
    monkeypatch.setattr(module.time, "time", lambda: clock.wall)
    monkeypatch.setattr(module.time, "monotonic", lambda: clock.ticks)
    return clock


def publish(folder, *blocks, written=NOW):
    publish_blocks(folder, BlockList(written, blocks))


def test_a_listed_address_is_found_and_others_are_not(tmp_path, clock):
    publish(tmp_path, Block("203.0.113.9", NOW + 60, "b1"))
    blocks = Blocks(tmp_path)
    assert blocks.find("203.0.113.9").id == "b1"
    assert blocks.find("203.0.113.10") is None
    assert blocks.find("") is None


def test_an_ipv6_network_of_64_bits_blocks_its_hosts(tmp_path, clock):
    publish(tmp_path, Block("2001:db8:0:1::/64", NOW + 60, "b1"), Block("2001:db8:9::5", NOW + 60, "b2"))
    blocks = Blocks(tmp_path)
    assert blocks.find("2001:db8:0:1:ffff::7").id == "b1"
    assert blocks.find("2001:db8:0:2::7") is None
    assert blocks.find("2001:db8:9::5").id == "b2"


def test_an_entry_ends_by_its_own_time(tmp_path, clock):
    publish(tmp_path, Block("203.0.113.9", NOW + 5, "b1"))
    blocks = Blocks(tmp_path)
    assert blocks.find("203.0.113.9")
    clock.forward(6)
    assert blocks.find("203.0.113.9") is None


def test_a_stale_list_blocks_nobody_and_is_counted(tmp_path, clock):
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"))
    blocks = Blocks(tmp_path)
    clock.forward(31)
    assert blocks.find("203.0.113.9") is None
    assert blocks.stale == 1
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"), written=NOW + 31)
    clock.forward(0.3)
    assert blocks.find("203.0.113.9")


def test_a_list_from_the_future_blocks_nobody(tmp_path, clock):
    publish(tmp_path, Block("203.0.113.9", NOW + 9000, "b1"), written=NOW + 3600)
    assert Blocks(tmp_path).find("203.0.113.9") is None


def test_an_absent_list_blocks_nobody_and_is_counted(tmp_path, clock):
    blocks = Blocks(tmp_path / "nowhere")
    assert blocks.find("203.0.113.9") is None
    assert blocks.absent == 1


def test_a_list_that_goes_away_blocks_nobody_any_more(tmp_path, clock):
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"))
    blocks = Blocks(tmp_path)
    assert blocks.find("203.0.113.9")
    (tmp_path / "blocks.json").unlink()
    clock.forward(0.3)
    assert blocks.find("203.0.113.9") is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not json",
        b'{"version":2,"written":1800000000.0}',
        b'{"version":1,"written":1800000000.0,"blocks":[{"address":"x","until":1e12}]}',
        b'{"version":1,"written":1800000000.0,"blocks":[{"address":"10.0.0.0/8","until":1e12}]}',
    ],
)
def test_a_broken_list_blocks_nobody_and_is_counted_once(tmp_path, clock, data):
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"))
    blocks = Blocks(tmp_path)
    assert blocks.find("203.0.113.9")
    (tmp_path / "blocks.json").write_bytes(data)
    clock.forward(0.3)
    assert blocks.find("203.0.113.9") is None
    clock.forward(0.3)
    assert blocks.find("203.0.113.9") is None
    assert blocks.broken == 1


def test_the_file_is_looked_at_no_more_than_four_times_a_second(tmp_path, clock, monkeypatch):
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"))
    looks = []
    stat = os.stat
    monkeypatch.setattr(os, "stat", lambda *a, **k: (looks.append(a), stat(*a, **k))[1])
    blocks = Blocks(tmp_path)
    for _ in range(1000):
        clock.forward(0.001)
        blocks.find("203.0.113.9")
    assert len(looks) <= 4


def test_a_new_list_is_in_force_after_the_next_look(tmp_path, clock):
    publish(tmp_path)
    blocks = Blocks(tmp_path)
    assert blocks.find("203.0.113.9") is None
    publish(tmp_path, Block("203.0.113.9", NOW + 600, "b1"))
    assert blocks.find("203.0.113.9") is None
    clock.forward(0.25)
    assert blocks.find("203.0.113.9")


def test_the_real_clock_is_the_hosts(tmp_path):
    publish_blocks(tmp_path, BlockList(time.time(), (Block("203.0.113.9", time.time() + 60),)))
    assert Blocks(tmp_path).find("203.0.113.9")
