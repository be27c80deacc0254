from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sealtrail.collect.history import BATCH_LINES, Imported, Progress, import_file
from sealtrail.errors import BusyError, UsageError
from sealtrail.event import Fields, Receipt, check, decode, is_canonical

LINE = b'203.0.113.%d - - [17/May/2015:10:05:03 +0000] "GET /%d HTTP/1.1" 200 5 "-" "curl/8.5"'


class Table:
    """Exactly once by (source, emitter, seq), as the pipeline has it, and what it holds."""

    def __init__(self) -> None:
        self.held: dict[tuple[str, str, int], bytes] = {}
        self.batches: list[int] = []

    def submit(self, source: str, lines: list[tuple[bytes, Fields]]) -> Receipt:
        self.batches.append(len(lines))
        new = same = other = 0
        for line, fields in lines:
            check(fields)
            assert is_canonical(line, decode(line))
            key = (source, fields["sealtrail.emitter"], fields["sealtrail.seq"])
            if key not in self.held:
                self.held[key] = line
                new += 1
            elif self.held[key] == line:
                same += 1
            else:
                other += 1
        return Receipt(new, same, other, ())

    def events(self) -> list[Fields]:
        return [decode(line) for line in self.held.values()]


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def read(tmp_path: Path, table: Table):
    def run(path: Path, format_name: str = "auto", **more: Any) -> Imported:
        return import_file(
            path, format_name, more.pop("submit", table.submit), state=tmp_path / "state", **more
        )

    return run


def write(tmp_path: Path, data: bytes, name: str = "access.log") -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def counts(found: Imported) -> tuple[int, int, int, int, int]:
    return (found.read, found.stored, found.duplicates, found.conflicts, found.rejected)


def rejects_of(found: Imported) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(found.rejects).read_bytes().splitlines()]


def test_repeated_lines_are_all_kept_and_a_second_import_stores_nothing(tmp_path: Path, read, table: Table):
    path = write(tmp_path, b"\n".join([LINE % (1, 1), LINE % (1, 1), b"", LINE % (2, 2)]) + b"\n")
    first = read(path)
    assert (first.format, first.rejects) == ("combined", "")
    assert counts(first) == (3, 3, 0, 0, 0)
    assert counts(read(path)) == (3, 0, 3, 0, 0)
    assert sorted(seq for _, _, seq in table.held) == [0, 1, 3]
    assert {source for source, _, _ in table.held} == {"import"}
    assert all(event["sealtrail.import"] is True for event in table.events())
    assert len({event["event.id"] for event in table.events()}) == 3


def test_a_copy_a_move_and_a_compressed_file_are_the_same_file(tmp_path: Path, read):
    data = b"\n".join(LINE % (n, n) for n in range(20))
    assert counts(read(write(tmp_path, data, "a"))) == (20, 20, 0, 0, 0)
    assert counts(read(write(tmp_path, data, "b"))) == (20, 0, 20, 0, 0)
    assert counts(read(write(tmp_path, gzip.compress(data), "b.gz"))) == (20, 0, 20, 0, 0)


@pytest.mark.parametrize("before", [1, 3, 40])
def test_a_file_that_grew_brings_only_what_is_new(tmp_path: Path, read, before: int):
    lines = [LINE % (n, n) for n in range(60)]
    path = write(tmp_path, b"\n".join(lines[:before]) + b"\n")
    assert read(path).stored == before
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert counts(read(path)) == (60, 60 - before, before, 0, 0)


def test_a_rejected_line_leaves_a_hole_and_its_reason(tmp_path: Path, read, table: Table):
    path = write(tmp_path, b"\n".join([LINE % (1, 1), b"password=hunter2hunter2", LINE % (2, 2)]))
    for _ in range(2):
        found = read(path)
        assert found.rejected == 1
        assert [(r["place"], r["path"], r["code"]) for r in rejects_of(found)] == [
            ("line 2", "column 1", "event.unreadable-line")
        ]
        assert b"hunter2" not in Path(found.rejects).read_bytes()
    assert sorted(seq for _, _, seq in table.held) == [0, 2]


def test_what_was_rejected_and_can_be_read_now_is_no_longer_among_the_rejects(tmp_path: Path, read):
    path = write(tmp_path, LINE % (1, 1) + b"\n")
    wrong = read(path, "ndjson")
    assert wrong.rejected == 1
    right = read(path, "combined")
    assert counts(right) == (1, 1, 0, 0, 0)
    assert not Path(wrong.rejects).exists()


def test_line_ends_blanks_and_hostile_bytes(tmp_path: Path, read, table: Table):
    good = LINE % (1, 1)
    data = b"\r\n".join(
        [
            b"\xef\xbb\xbf" + good,
            b"  ",
            b"\0" * 50 + good,
            good.replace(b"curl", b"caf\xe9"),
            b"x" * 100_000,
            b"\0\0\0",
            good,
        ]
    )
    found = read(write(tmp_path, data), "combined")
    assert counts(found) == (6, 4, 0, 0, 2)
    assert [(r["place"], r["code"]) for r in rejects_of(found)] == [
        ("line 5", "event.too-long"),
        ("line 6", "event.unreadable-line"),
    ]
    notes = [event.get("sealtrail.notes") for event in table.events()]
    assert notes == [None, ["line.nul"], ["user_agent.original:latin-1"], None]


def test_objects_bring_their_own_identity_or_get_one(tmp_path: Path, read, table: Table):
    when = "2026-11-24T09:00:00+01:00"
    lines = [
        {"@timestamp": when, "url": {"path": "/a"}, "http.request.method": "GET"},
        {
            "@timestamp": when,
            "event.id": "mine",
            "sealtrail.emitter": "app",
            "sealtrail.seq": 9,
            "sealtrail.import": False,
        },
        {"@timestamp": when, "sealtrail.kind": "alert"},
    ]
    found = read(write(tmp_path, b"\n".join(json.dumps(line).encode() for line in lines)), service="shop")
    assert counts(found) == (3, 2, 0, 0, 1)
    assert rejects_of(found)[0]["code"] == "event.reserved-kind"
    first, second = table.events()
    assert (first["sealtrail.emitter"], first["sealtrail.seq"]) == (found.emitter, 0)
    assert (second["sealtrail.emitter"], second["sealtrail.seq"], second["event.id"]) == ("app", 9, "mine")
    assert [event["sealtrail.import"] for event in (first, second)] == [True, True]
    assert [event["service.name"] for event in (first, second)] == ["shop", "shop"]


def test_a_mixed_file_is_read_line_by_line(tmp_path: Path, read):
    common = LINE[: LINE.index(b' "-"')] % (1, 1)
    found = read(write(tmp_path, b"\n".join([common, LINE % (2, 2), b"sshd: no"])))
    assert found.format == "auto"
    assert counts(found) == (3, 2, 0, 0, 1)


def test_progress_ends_at_the_whole_and_batches_are_bounded(tmp_path: Path, read, table: Table):
    data = b"\n".join(LINE % (n % 250, n) for n in range(2 * BATCH_LINES + 10)) + b"\n"
    path = write(tmp_path, gzip.compress(data))
    seen: list[Progress] = []

    def show(at: Progress) -> None:
        seen.append(Progress(at.done_bytes, at.total_bytes, at.read, at.stored))

    read(path, progress=show)
    assert max(table.batches) == BATCH_LINES
    assert len(seen) == 3
    assert seen[-1] == Progress(
        path.stat().st_size, path.stat().st_size, 2 * BATCH_LINES + 10, 2 * BATCH_LINES + 10
    )


def test_a_full_queue_is_waited_for_and_nothing_is_lost(tmp_path: Path, read, table: Table):
    waits: list[float] = []

    def submit(source: str, lines: list[tuple[bytes, Fields]]) -> Receipt:
        if len(waits) < 3:
            raise BusyError("busy.queue", "the collector is behind", retry_after=0.5)
        return table.submit(source, lines)

    path = write(tmp_path, LINE % (1, 1))
    assert counts(read(path, submit=submit, pause=waits.append)) == (1, 1, 0, 0, 0)
    assert waits == [0.5, 0.5, 0.5]


def test_a_full_disk_ends_the_import_and_the_next_one_goes_on(tmp_path: Path, read, table: Table):
    def submit(source: str, lines: list[tuple[bytes, Fields]]) -> Receipt:
        if table.batches:
            raise BusyError("busy.disk", "full")
        return table.submit(source, lines)

    total = 2 * BATCH_LINES + 5
    path = write(tmp_path, b"\n".join(LINE % (n % 250, n) for n in range(total)))
    with pytest.raises(BusyError):
        read(path, submit=submit)
    assert len(table.held) == BATCH_LINES
    assert counts(read(path)) == (total, BATCH_LINES + 5, BATCH_LINES, 0, 0)


@pytest.mark.parametrize("cut", [slice(None, -9), slice(None, -20)])
def test_a_compressed_file_that_is_cut_gives_what_it_has_and_says_so(tmp_path: Path, read, cut: slice):
    data = gzip.compress(b"".join(LINE % (n % 250, n) + b"\n" for n in range(500)), compresslevel=1)
    found = read(write(tmp_path, data[cut]), "combined")
    assert found.stored >= 400
    (torn,) = rejects_of(found)
    assert (torn["code"], torn["place"]) == ("event.torn", f"line {found.stored + 1}")
    whole = read(write(tmp_path, data, "whole.gz"), "combined")
    assert whole.emitter == found.emitter
    assert counts(whole) == (500, 500 - found.stored, found.stored, 0, 0)


def test_what_is_no_file_is_refused_with_the_reason(tmp_path: Path, read):
    (tmp_path / "folder").mkdir()
    for path, reason in (
        (Path("-"), "standard input"),
        (tmp_path / "missing", "No such file"),
        (tmp_path / "folder", "folder"),
        (Path("/dev/zero"), "not a file"),
        (write(tmp_path, b"\x28\xb5\x2f\xfd...", "x.zst"), "zstd"),
    ):
        with pytest.raises(UsageError, match=reason) as caught:
            read(path)
        assert caught.value.code == "usage.path"
    with pytest.raises(UsageError, match="xml"):
        read(write(tmp_path, b"x"), "xml")


def test_an_empty_file_is_no_error(tmp_path: Path, read):
    assert counts(read(write(tmp_path, b""))) == (0, 0, 0, 0, 0)


@pytest.mark.corpus
def test_a_real_server_log_is_stored_once_and_counts_agree(tmp_path: Path, corpora: Path, read, table: Table):
    path = corpora / "data/apache_logs.log"
    first = read(path)
    assert counts(first) == (10_000, 10_000, 0, 0, 0)
    before = dict(table.held)
    assert counts(read(path)) == (10_000, 0, 10_000, 0, 0)
    assert table.held == before
    events = table.events()
    lines = path.read_text().splitlines()
    # As awk '{print $9}' and awk '{print $1}' have it: fields between blanks, nothing of our parser.
    assert Counter(event["http.response.status_code"] for event in events) == Counter(
        int(line.split()[8]) for line in lines
    )
    assert Counter(event["client.ip"] for event in events) == Counter(line.split()[0] for line in lines)
    assert Counter(event["http.request.method"] for event in events) == Counter(
        line.split()[5].lstrip('"') for line in lines
    )
    sent = [line.split()[9] for line in lines]
    assert sum(event["http.response.body.bytes"] for event in events) == sum(int(n) for n in sent if n != "-")
    repeated = [line for line, times in Counter(lines).items() if times > 1]
    assert len(repeated) == 17


@pytest.mark.corpus
def test_a_real_sshd_log_is_refused_line_by_line_with_reasons(corpora: Path, read):
    for _ in range(2):
        found = read(corpora / "data/openssh_2k.log")
        assert counts(found) == (2_000, 0, 0, 0, 2_000)
        kept = rejects_of(found)
        assert [r["place"] for r in kept] == [f"line {n}" for n in range(1, 2_001)]
        assert {r["code"] for r in kept} == {"event.unreadable-line"}
        assert all(r["path"].startswith("column ") and "for combined" in r["error"] for r in kept)
