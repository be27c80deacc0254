from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sealtrail.errors import BusyError, EventError
from sealtrail.spool.rejects import TEXT_BYTES, Rejects, RunRejects, scrubbed_text

SECRET = "Tr0ub4dor-and-3"
TORN = EventError("event.torn", "12 bytes without an end of line", path="$")


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def records(folder: Path) -> dict[str, list[dict[str, Any]]]:
    return {
        path.name: [json.loads(line) for line in path.read_bytes().splitlines()]
        for path in sorted(folder.glob("*.ndjson"))
    }


def test_a_refused_line_is_kept_with_its_place_and_reason(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    rejects.add("key:ab12", "line 3", b'{"password":"hunter2hunter2", "x":\xff', TORN)
    assert records(tmp_path / "rejects") == {
        "2026-11-24.key_ab12.ndjson": [
            {
                "time": "2026-11-24T08:00:00.000000Z",
                "source": "key:ab12",
                "place": "line 3",
                "path": "$",
                "code": "event.torn",
                "error": "12 bytes without an end of line",
                "text": '{"password":"[redacted:password]", "x":\\xff',
            }
        ]
    }
    assert rejects.counts == {"event.torn": 1}
    (path,) = (tmp_path / "rejects").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    rejects.sync()


def test_half_a_record_that_a_crash_left_is_not_glued_to_the_next(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    rejects.add("spool", "a@0", b"x", TORN)
    (path,) = (tmp_path / "rejects").iterdir()
    with path.open("ab") as file:
        file.write(b'{"time":"2026-11-24T08:')
    Rejects(tmp_path / "rejects", clock=Clock()).add("spool", "a@9", b"y", TORN)
    whole, half, next_one = path.read_bytes().splitlines()
    assert [json.loads(one)["place"] for one in (whole, next_one)] == ["a@0", "a@9"]
    assert half == b'{"time":"2026-11-24T08:'


def test_a_source_cannot_choose_where_it_is_written(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    rejects.add("../../etc/x\n", "y", b"z", TORN)
    assert [path.name for path in (tmp_path / "rejects").iterdir()] == ["2026-11-24.______etc_x_.ndjson"]


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path):
    (tmp_path / "rejects").mkdir()
    (tmp_path / "rejects/2026-11-24.spool.ndjson").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BusyError) as caught:
        Rejects(tmp_path / "rejects", clock=Clock()).add("spool", "a", b"b", TORN)
    assert caught.value.code == "busy.disk"
    assert not (tmp_path / "elsewhere").exists()


def test_a_hostile_text_is_one_short_line_in_the_file(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    rejects.add("spool", "a", "\n\r\u2028\u202e\x1b[2J".encode() * 10_000, TORN)
    (found,) = records(tmp_path / "rejects").values()
    assert len(found) == 1
    assert len(found[0]["text"]) <= TEXT_BYTES
    raw = next((tmp_path / "rejects").iterdir()).read_bytes()
    assert raw.isascii()
    assert raw.count(b"\n") == 1


def test_the_same_line_at_the_same_place_is_kept_once(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    for _ in range(3):
        rejects.add("spool", "a@0", b"bad", TORN)
        rejects.add("spool", "a@9", b"bad", TORN)
    (found,) = records(tmp_path / "rejects").values()
    assert [record["place"] for record in found] == ["a@0", "a@9"]
    assert rejects.counts == {"event.torn": 2}


def test_a_conflict_is_kept_with_its_identity(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    rejects.conflict("import", "file-x-0", 7, b'{"a":1}')
    (found,) = records(tmp_path / "rejects").values()
    assert (found[0]["place"], found[0]["code"], found[0]["text"]) == (
        "file-x-0/7",
        "event.conflict",
        '{"a":1}',
    )


def test_one_source_cannot_fill_the_quarantine(tmp_path: Path):
    rejects = Rejects(tmp_path / "rejects", file_bytes=2000, clock=Clock())
    for n in range(100):
        rejects.add("noisy", f"line {n}", b"x" * 100, TORN)
    rejects.add("quiet", "line 1", b"y", TORN)
    kept = records(tmp_path / "rejects")
    assert len(kept["2026-11-24.quiet.ndjson"]) == 1
    assert len(kept["2026-11-24.noisy.ndjson"]) + rejects.unkept == 100
    assert (tmp_path / "rejects/2026-11-24.noisy.ndjson").stat().st_size <= 2000
    assert rejects.counts["event.torn"] == 101


def test_the_oldest_files_go_when_all_is_full_and_that_is_said(tmp_path: Path):
    clock = Clock()
    folder = tmp_path / "rejects"
    for day in range(10):
        clock.now += timedelta(days=1)
        # A new process each day, so that what is on disk counts, not what is remembered.
        rejects = Rejects(folder, file_bytes=2000, total_bytes=5000, clock=clock)
        for n in range(9):
            rejects.add("spool", f"line {day}-{n}", b"x" * 50, TORN)
        path = folder / f"{clock.now:%Y-%m-%d}.spool.ndjson"
        os.utime(path, (day, day))
    held = records(folder)
    assert sum(path.stat().st_size for path in folder.iterdir()) <= 5000
    assert max(held) == "2026-12-04.spool.ndjson"
    assert min(held) > "2026-11-30"
    notes = [record for file in held.values() for record in file if "dropped" in record]
    assert notes
    assert all(name not in held for note in notes for name in note["dropped"])


def test_a_disk_that_refuses_is_told_to_the_caller_but_never_to_the_writer(tmp_path: Path):
    (tmp_path / "rejects").write_text("a file, not a folder")
    rejects = Rejects(tmp_path / "rejects", clock=Clock())
    with pytest.raises(BusyError):
        rejects.add("spool", "a", b"b", TORN)
    assert rejects.counts == {}
    rejects.conflict("spool", "e", 0, b"{}")
    assert rejects.unkept == 1


def test_a_second_run_replaces_the_rejects_of_the_first(tmp_path: Path):
    for texts in ([b"bad one", b"bad two"], [b"bad two"]):
        with RunRejects(tmp_path, "file-x-0", "now") as rejects:
            for number, text in enumerate(texts, 1):
                rejects.add(number, text, TORN)
    assert {name: [r["text"] for r in found] for name, found in records(tmp_path).items()} == {
        "import.file-x-0.ndjson": ["bad two"]
    }
    assert stat.S_IMODE(rejects.path.stat().st_mode) == 0o600
    with RunRejects(tmp_path, "file-x-0", "now"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_run_that_is_interrupted_keeps_the_record_of_the_one_before(tmp_path: Path):
    def run(text: bytes) -> None:
        with RunRejects(tmp_path, "file-x-0", "now") as rejects:
            rejects.add(1, text, TORN)
            if text == b"interrupted":
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(b"interrupted")
    assert [r["text"] for r in records(tmp_path)["import.file-x-0.ndjson"]] == ["interrupted"]
    run(b"whole")
    with pytest.raises(KeyboardInterrupt):
        run(b"interrupted")
    assert [r["text"] for r in records(tmp_path)["import.file-x-0.ndjson"]] == ["whole"]
    assert len(list(tmp_path.iterdir())) == 1


def test_the_rejects_of_a_run_are_bounded_and_the_rest_counted(tmp_path: Path):
    with RunRejects(tmp_path, "file-x-0", "now", file_bytes=2000) as rejects:
        for number in range(100):
            rejects.add(number, b"x" * 100, TORN)
    (found,) = records(tmp_path).values()
    assert rejects.count == 100
    assert len(found) + rejects.unkept == 100
    assert rejects.path.stat().st_size <= 2000


def test_a_refused_line_is_kept_short_and_without_its_secrets():
    assert scrubbed_text(b'{"p\\u0061ssword":"' + SECRET.encode() + b'"}', 200).count(SECRET) == 0
    assert scrubbed_text(b'{"password":"' + SECRET.encode() + b'", torn', 200).count(SECRET) == 0
    assert scrubbed_text(b"\xff\x00 x", 50) == r"\xff" + "\0 x"
    assert len(scrubbed_text(b"\xff\x00 x" * 1000, 50)) == 50
    assert scrubbed_text(b'{"a":' * 5000, 50).startswith('{"a":{"a"')
