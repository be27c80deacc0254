from __future__ import annotations

import threading

import pytest

from sealtrail.errors import BusyError, NotFoundError
from sealtrail.serve import kept as room
from sealtrail.serve.kept import KeptReports
from sealtrail.serve.reporting import MANIFEST


@pytest.fixture
def shelf(collecting, line):
    with collecting("[ledger]\ncheckpoint-seconds = 0.02\n", guard=True) as collector:
        collector.submit("key:1", [line(seq, **{"service.name": "shop"}) for seq in range(3)])
        yield KeptReports(collector)


def make(shelf, framework="pci-dss-4.0.1", entity=""):
    return shelf.make(framework, "2026-01-01", "2026-01-02", entity=entity, by="rita")


def test_the_newest_report_comes_first_and_each_has_its_name_and_days(shelf):
    assert shelf.reports() == []
    first, second = make(shelf), make(shelf, "soc2-2017", "Example Ltd")
    assert first.startswith("pci-dss-4.0.1_20260101-20260102_")
    assert {one.name for one in shelf.reports()} == {first, second}
    kept = shelf.report(second)
    assert (kept.first, kept.last, kept.document["entity"]) == ("2026-01-01", "2026-01-02", "Example Ltd")
    assert kept.made.endswith("Z")


def test_detection_that_runs_here_is_asked_where_it_stands(shelf):
    controls = shelf.report(make(shelf)).document["controls"]
    assert {one["id"]: one["verdict"] for one in controls}["10.4.1.1"] == "pass"


def test_a_report_that_was_not_written_to_its_end_is_none(shelf, tmp_path):
    name = make(shelf)
    (tmp_path / "data" / "reports" / name / MANIFEST).unlink()
    (tmp_path / "data" / "reports" / "mine").mkdir()
    assert shelf.reports() == []
    for asked in (
        lambda: shelf.file(name, "report.html"),
        lambda: shelf.archive(name),
        lambda: shelf.report(name),
    ):
        with pytest.raises(NotFoundError):
            asked()


def test_only_files_of_the_manifest_are_given_and_only_of_reports(shelf, tmp_path):
    name = make(shelf)
    assert shelf.file(name, "report.html").startswith(b"<!doctype html>")
    (tmp_path / "data" / "reports" / name / "note.txt").write_text("mine")
    for path in ("note.txt", "../../settings.toml", "", "/etc/passwd"):
        with pytest.raises(NotFoundError):
            shelf.file(name, path)
    for other in ("..", "", ".", f"{name}/..", "x" * 300):
        with pytest.raises(NotFoundError):
            shelf.file(other, MANIFEST)


def test_the_archive_is_the_same_bytes_each_time(shelf):
    name = make(shelf)
    assert shelf.archive(name) == shelf.archive(name)


def test_one_report_is_made_at_a_time(shelf, monkeypatch):
    monkeypatch.setattr(room, "PATIENCE_SECONDS", 0.01)
    entered, release = threading.Event(), threading.Event()
    real = room.made_now

    def slow(*arguments, **options):
        entered.set()
        release.wait(20)
        return real(*arguments, **options)

    monkeypatch.setattr(room, "made_now", slow)
    first = threading.Thread(target=make, args=(shelf,))
    first.start()
    assert entered.wait(20)
    with pytest.raises(BusyError, match="another report"):
        make(shelf)
    release.set()
    first.join()
    assert len(shelf.reports()) == 1
    assert make(shelf)
