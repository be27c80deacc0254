from __future__ import annotations

import time
from concurrent.futures import Future
from pathlib import Path

import pytest

from sealtrail.errors import BusyError
from sealtrail.event import Fields, Receipt
from sealtrail.serve.checking import Checking, finding
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


class Told(list[Fields]):
    def __call__(self, fields: Fields) -> Future[Receipt]:
        self.append(fields)
        done: Future[Receipt] = Future()
        done.set_result(Receipt(1, 0, 0, ()))
        return done


@pytest.fixture
def told() -> Told:
    return Told()


def wait(checking: Checking) -> None:
    end = time.monotonic() + 60
    while checking.running:
        assert time.monotonic() < end
        time.sleep(0.02)
    checking.stop()


def test_an_untouched_folder_is_intact_and_not_anchored_by_itself(tmp_path: Path, told: Told):
    with Collector(Folder(tmp_path / "data"), guard=False):
        pass
    checking = Checking(tmp_path / "data", told)
    assert checking.start("alice")
    wait(checking)
    (event,) = told
    assert (event["user.id"], event["event.outcome"]) == ("alice", "success")
    assert event["sealtrail.details"]["verdict"] == "intact"
    assert event["sealtrail.details"]["anchored"] is False
    assert set(event["sealtrail.details"]["trails"]) == {"access", "audit"}


def test_what_is_no_data_folder_is_not_called_intact(tmp_path: Path, told: Told):
    checking = Checking(tmp_path / "nothing", told)
    checking.start("alice")
    wait(checking)
    assert told[0]["event.outcome"] == "unknown"
    assert told[0]["sealtrail.details"]["verdict"] == "unchecked"
    assert "nothing" in told[0]["event.reason"]


def test_one_runs_at_a_time_and_one_that_is_stopped_says_nothing(tmp_path: Path, told: Told):
    checking = Checking(tmp_path, told)
    assert checking.start("alice")
    assert not checking.start("bob")
    checking.stop()
    assert not checking.running
    assert not checking.start("carol")
    assert told == []


def test_a_finding_that_cannot_be_recorded_ends_nothing_else(tmp_path: Path):
    def full(fields: Fields) -> Future[Receipt]:
        raise BusyError("busy.queue", "the collector is behind")

    checking = Checking(tmp_path, full)
    checking.start("alice")
    wait(checking)


@pytest.mark.parametrize("out", [b"", b"[]", b"Traceback", b"\xff"])
def test_a_run_that_printed_no_finding_checked_nothing(out: bytes):
    found = finding(out, b"killed \xff")
    assert found["verdict"] == "unchecked"
    assert found["notes"][0].startswith("killed")
