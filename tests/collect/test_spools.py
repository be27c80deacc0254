from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sealtrail.collect import spools
from sealtrail.collect.spools import SpoolFollower
from sealtrail.errors import BusyError, LedgerError
from sealtrail.event import canonical
from sealtrail.follow.state import save
from sealtrail.ledger.files import Disk
from sealtrail.spool import reading
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import segment_name
from sealtrail.spool.reading import CHUNK_BYTES


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "spool"
    place.mkdir()
    return place


def following(writer, folder: Path) -> SpoolFollower:
    return SpoolFollower(folder, writer.pipeline, writer.rejects, writer.root / "state" / "spool.json")


def put(folder: Path, emitter: str, number: int, data: bytes) -> Path:
    """A segment whose writer is gone. It appears whole: a follower may delete an empty file nobody locks."""
    path = folder / segment_name(emitter, number)
    save(path, data)
    return path


@contextmanager
def alive(path: Path) -> Iterator[None]:
    """Hold a segment as its writer does."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def quarantined(writer) -> list[dict[str, Any]]:
    return [
        json.loads(text)
        for path in sorted(writer.rejects.folder.glob("*.ndjson"))
        for text in path.read_bytes().splitlines()
    ]


def saved(writer) -> dict[str, int]:
    return json.loads((writer.root / "state" / "spool.json").read_bytes())


def test_a_torn_last_line_is_quarantined_and_counted_and_never_glued(writer, folder, line):
    half = line(2, message="cut in the middle")[:90]
    put(folder, "e", 0, line(0) + b"\n" + line(1) + b"\n" + half)
    put(folder, "e", 1, line(3) + b"\n")
    follower = following(writer, folder)
    assert follower.look()
    assert writer.lines() == [line(0), line(1), line(3)]
    (kept,) = quarantined(writer)
    assert (kept["code"], kept["place"]) == ("event.torn", f"e.000000.ndjson@{2 * len(line(0)) + 2}")
    assert kept["text"] == half.decode()
    assert follower.counts == {"lines": 3, "rejected": 0, "torn": 1, "gaps": 0}
    assert not follower.look()
    assert list(folder.iterdir()) == []


def test_half_a_line_of_a_living_writer_waits_for_its_end(writer, folder, line):
    path = put(folder, "e", 0, line(0) + b"\n" + line(1)[:40])
    follower = following(writer, folder)
    with alive(path):
        follower.look()
        assert not follower.look()
        assert writer.lines() == [line(0)]
        with path.open("ab") as file:
            file.write(line(1)[40:] + b"\n")
        follower.look()
    assert writer.lines() == [line(0), line(1)]
    assert follower.counts["torn"] == 0
    assert quarantined(writer) == []


def test_a_segment_goes_only_when_it_is_read_and_its_writer_is_gone(writer, folder, line):
    path = put(folder, "e", 0, line(0) + b"\n")
    follower = following(writer, folder)
    with alive(path):
        follower.look()
        follower.look()
        assert path.exists()
        assert saved(writer) == {path.name: len(line(0)) + 1}
    follower.look()
    assert not path.exists()
    assert saved(writer) == {}


def test_a_segment_stays_while_its_lines_are_not_durable(open_writer, folder, line):
    class FailsToSync(Disk):
        failing = False

        def datasync(self, fd: int) -> None:
            if self.failing:
                raise OSError(5, "Input/output error")
            super().datasync(fd)

    disk = FailsToSync()
    path = put(folder, "e", 0, line(0) + b"\n")
    with open_writer(disk) as writer:
        disk.failing = True
        follower = following(writer, folder)
        for _ in range(2):
            with pytest.raises(LedgerError):
                follower.look()
        assert path.exists()
    with open_writer() as writer:
        follower = following(writer, folder)
        follower.look()
        follower.look()
        assert writer.lines() == [line(0)]
        assert not path.exists()


def test_what_the_application_really_writes_arrives_byte_for_byte(writer, folder, line):
    def head(seq: int) -> bytes:
        return line(seq).split(b',"sealtrail.emitter"')[0]

    spool = Spool(folder, segment_bytes=2_000)
    for seq in range(50):
        assert spool.write(head(seq))
    follower = following(writer, folder)
    follower.look()
    assert not follower.look()
    assert writer.lines() == [
        line(seq).replace(b'r":"e"', f'r":"{spool.emitter}"'.encode()) for seq in range(50)
    ]
    assert [path.name for path in folder.iterdir()] == [segment_name(spool.emitter, spool._number - 1)]
    spool.close()
    assert not follower.look()
    assert list(folder.iterdir()) == []


def test_links_pipes_and_folders_are_not_followed(writer, folder, line, tmp_path):
    secret = tmp_path / "other"
    secret.write_bytes(line(0) + b"\n")
    (folder / segment_name("link", 0)).symlink_to(secret)
    os.mkfifo(folder / segment_name("pipe", 0))
    (folder / segment_name("dir", 0)).mkdir()
    (folder / "blocks.json").write_text("{}")
    follower = following(writer, folder)
    assert not follower.look()
    assert writer.lines() == []
    assert secret.exists()
    assert len(list(folder.iterdir())) == 4


def test_a_file_that_becomes_a_link_or_a_pipe_after_the_look_is_not_followed_either(
    writer, folder, line, tmp_path, monkeypatch
):
    secret = tmp_path / "other"
    secret.write_bytes(line(0) + b"\n")
    swapped = [put(folder, "a", 0, line(0, "a") + b"\n"), put(folder, "b", 0, line(0, "b") + b"\n")]
    good = put(folder, "c", 0, line(0, "c") + b"\n")
    listed = spools.segments(folder)
    for path in swapped:
        path.unlink()
    swapped[0].symlink_to(secret)
    os.mkfifo(swapped[1])
    monkeypatch.setattr(spools, "segments", lambda _: listed)
    follower = following(writer, folder)
    assert follower.look()
    assert not follower.look()
    assert writer.lines() == [line(0, "c")]
    assert (secret.exists(), good.exists()) == (True, False)


def test_a_crash_between_commit_and_saved_offset_stores_nothing_twice(open_writer, folder, line):
    path = put(folder, "e", 0, b"".join(line(seq) + b"\n" for seq in range(5)))
    with open_writer() as writer, alive(path):
        following(writer, folder).look()
        (writer.root / "state" / "spool.json").unlink()
    with open_writer() as writer:
        follower = following(writer, folder)
        follower.look()
        follower.look()
        assert writer.lines() == [line(seq) for seq in range(5)]
        assert writer.pipeline.counts["duplicates"] == 5
        assert not path.exists()


@pytest.mark.parametrize("content", [b"[1,2]", b'{"e.000000.ndjson":"x"}', b'{"e.000000.ndjson":-5}', b"{"])
def test_a_broken_file_of_offsets_counts_as_none(writer, folder, line, content):
    put(folder, "e", 0, line(0) + b"\n")
    (writer.root / "state").mkdir(exist_ok=True)
    (writer.root / "state" / "spool.json").write_bytes(content)
    following(writer, folder).look()
    assert writer.lines() == [line(0)]


def test_refused_lines_are_kept_each_with_its_own_offset(writer, folder, line):
    loose = json.dumps(json.loads(line(1))).encode()
    system = line(2, **{"sealtrail.kind": "system"})
    parts = [b"no json", line(0), loose, b"", system, b'{"a":1,"a":2}', b"\xff\xfe", line(3)]
    places = [sum(len(part) + 1 for part in parts[:n]) for n in range(len(parts))]
    path = put(folder, "e", 0, b"".join(part + b"\n" for part in parts))
    follower = following(writer, folder)
    follower.look()
    assert writer.lines() == [line(0), line(3)]
    assert [(r["place"], r["code"]) for r in quarantined(writer)] == [
        (f"{path.name}@{places[0]}", "event.not-json"),
        (f"{path.name}@{places[2]}", "event.not-canonical"),
        (f"{path.name}@{places[4]}", "event.reserved-kind"),
        (f"{path.name}@{places[5]}", "event.duplicate-key"),
        (f"{path.name}@{places[6]}", "event.not-utf8"),
    ]
    assert follower.counts["rejected"] == 5
    assert follower.counts["lines"] == 7


def test_a_line_longer_than_is_read_at_once_is_refused_and_the_next_is_stored(writer, folder, line):
    put(folder, "e", 0, line(0) + b"\n" + b"x" * (2 * CHUNK_BYTES + 17) + b"\n" + line(1) + b"\n")
    follower = following(writer, folder)
    while follower.look():
        pass
    assert writer.lines() == [line(0), line(1)]
    assert [r["code"] for r in quarantined(writer)] == ["event.too-long", "event.too-long", "event.not-json"]
    assert list(folder.iterdir()) == []


def gap_events(writer) -> list[tuple[str, int, int]]:
    return [
        (e["sealtrail.range.emitter"], e["sealtrail.range.first"], e["sealtrail.range.end"])
        for e in writer.entries("audit")
        if e["event.action"] == "sealtrail.gap"
    ]


def test_numbers_that_never_came_are_recorded_when_their_writer_is_gone(writer, folder, line):
    path = put(folder, "e", 0, b"".join(line(seq) + b"\n" for seq in (1, 2, 5, 6, 9)))
    follower = following(writer, folder)
    with alive(path):
        follower.look()
        follower.look()
        assert gap_events(writer) == []  # they may still come
    follower.look()
    assert gap_events(writer) == [("e", 0, 1), ("e", 3, 5), ("e", 7, 9)]
    assert follower.counts["gaps"] == 5


def test_gaps_are_recorded_once_also_after_a_crash_before_the_segment_goes(
    open_writer, folder, line, monkeypatch
):
    path = put(folder, "e", 0, line(0) + b"\n" + line(2) + b"\n")
    with open_writer() as writer, monkeypatch.context() as dying:

        def dies(*_: object) -> bool:
            raise OSError(30, "Read-only file system")

        dying.setattr(spools, "remove_if_read", dies)
        follower = following(writer, folder)
        for _ in range(4):
            follower.look()
        assert follower.counts["gaps"] == 1
        assert path.exists()
    with open_writer() as writer:
        follower = following(writer, folder)
        while follower.look():
            pass
        assert gap_events(writer) == [("e", 1, 2)]
        assert follower.counts["gaps"] == 0  # this run found nothing new
        assert not path.exists()


def test_a_full_disk_keeps_the_lines_in_the_folder_until_there_is_room(writer, folder, line):
    path = put(folder, "e", 0, line(0) + b"\n")
    follower = following(writer, folder)
    writer.full = "only 1 MiB is free"
    for _ in range(3):
        with pytest.raises(BusyError) as refused:
            follower.look()
    assert refused.value.code == "busy.disk"
    assert path.exists()
    assert follower.counts["lines"] == 0
    writer.full = ""
    follower.look()
    assert writer.lines() == [line(0)]
    assert follower.counts["lines"] == 1


def test_a_refusal_does_not_undo_what_was_taken_before_it(writer, folder, line, monkeypatch):
    """Else a folder with more segments than the queue has room for would begin anew for ever."""
    for name in "abcd":
        put(folder, name, 0, line(0, name) + b"\n")
    follower = following(writer, folder)
    submit, room = writer.pipeline.submit, [2]

    def short_of_room(source: str, lines: Any) -> Any:
        if not room[0]:
            raise BusyError("busy.queue", "the collector is behind")
        room[0] -= 1
        return submit(source, lines)

    monkeypatch.setattr(writer.pipeline, "submit", short_of_room)
    for expected in (2, 4):
        with pytest.raises(BusyError) if expected == 2 else pytest.MonkeyPatch.context():
            follower.look()
        assert len(writer.lines()) == expected
        room[0] = 2
    assert writer.pipeline.counts["duplicates"] == 0


def test_only_a_bounded_part_of_a_large_folder_is_held_at_once(writer, folder, line, monkeypatch):
    monkeypatch.setattr(spools, "HELD_BYTES", 3 * (len(line(0, "e00")) + 1))
    most, held = [0], [0]
    submit = writer.pipeline.submit

    def watched(source: str, lines: Any) -> Any:
        future = submit(source, lines)
        held[0] += 1
        most[0] = max(most[0], held[0])
        wait = future.result

        def result(timeout: float | None = None) -> Any:
            held[0] -= 1
            return wait(timeout)

        future.result = result
        return future

    monkeypatch.setattr(writer.pipeline, "submit", watched)
    for number in range(20):
        put(folder, f"e{number:02}", 0, line(0, f"e{number:02}") + b"\n")
    following(writer, folder).look()
    assert len(writer.lines()) == 20
    assert most[0] <= 3


def test_many_applications_share_a_folder(writer, folder, line):
    writers = [Spool(folder) for _ in range(6)]
    heads = line(0).split(b',"sealtrail.emitter"')[0]
    threads = [
        threading.Thread(target=lambda spool=spool: [spool.write(heads) for _ in range(40)])
        for spool in writers
    ]
    follower = following(writer, folder)
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        follower.look()
    for spool in writers:
        spool.close()
    while follower.look():
        pass
    found = [
        (e["sealtrail.emitter"], e["sealtrail.seq"]) for e in writer.entries() if "sealtrail.schema" in e
    ]
    found = [one for one in found if not one[0].startswith("collector-")]
    assert sorted(found) == sorted((spool.emitter, seq) for spool in writers for seq in range(40))
    assert list(folder.iterdir()) == []
    assert gap_events(writer) == []


def test_a_folder_may_appear_later(writer, tmp_path, line):
    follower = following(writer, tmp_path / "spool")
    assert not follower.look()
    (tmp_path / "spool").mkdir()
    put(tmp_path / "spool", "e", 0, line(0) + b"\n")
    assert follower.look()
    assert writer.lines() == [line(0)]


def test_a_segment_that_cannot_be_read_keeps_no_other_waiting(writer, folder, line, monkeypatch):
    for name in "abc":
        put(folder, name, 0, line(0, name) + b"\n")
    read = reading._read_plain

    def refused(path: Path, offset: int) -> tuple[bytes, int]:
        if path.name.startswith("b."):
            raise PermissionError(13, "Permission denied")
        return read(path, offset)

    with monkeypatch.context() as broken:
        broken.setattr(reading, "_read_plain", refused)
        follower = following(writer, folder)
        follower.start()
        follower.stop()
    assert writer.lines() == [line(0, "a"), line(0, "c")]
    assert follower.problem == "b.000000.ndjson: Permission denied"
    assert (folder / "b.000000.ndjson").exists()
    again = following(writer, folder)
    again.start()
    again.stop()
    assert again.problem == ""
    assert len(writer.lines()) == 3


def test_a_segment_that_somebody_emptied_is_read_from_its_beginning(writer, folder, line):
    path = put(folder, "e", 0, line(0) + b"\n" + line(1) + b"\n")
    follower = following(writer, folder)
    with alive(path):
        follower.look()
        path.write_bytes(line(2) + b"\n")
        follower.look()
        assert writer.lines() == [line(0), line(1), line(2)]
        path.write_bytes(b"")
        follower.look()
    follower.look()
    assert not path.exists()


def test_offsets_of_segments_that_are_gone_are_forgotten(writer, folder, line):
    path = put(folder, "e", 0, line(0) + b"\n")
    follower = following(writer, folder)
    with alive(path):
        follower.look()
        assert saved(writer)
        path.unlink()
        follower.look()
    assert saved(writer) == {}


def test_stopping_takes_what_is_in_the_folder(writer, folder, line):
    for number in range(3):
        put(folder, "e", number, b"".join(line(number * 10 + n) + b"\n" for n in range(10)))
    follower = following(writer, folder)
    follower.stop()  # before it ever ran: nothing to wait for
    follower.start()
    follower.stop()
    assert len(writer.lines()) == 30


def test_an_application_that_never_pauses_does_not_keep_it_from_stopping(writer, folder, line, monkeypatch):
    monkeypatch.setattr(spools, "STOP_SECONDS", 0.1)
    follower = following(writer, folder)
    looked = threading.Semaphore(0)

    def always_news() -> bool:
        looked.release()
        return True

    monkeypatch.setattr(follower, "look", always_news)
    follower.start()
    assert looked.acquire(timeout=5)
    stopping = threading.Thread(target=follower.stop, daemon=True)
    stopping.start()
    stopping.join(10)
    assert not stopping.is_alive()


def test_an_error_nobody_thought_of_does_not_end_the_following(writer, folder, line, monkeypatch):
    monkeypatch.setattr(spools, "TROUBLE_SECONDS", 0.01)
    follower = following(writer, folder)
    look, failed, looked = follower.look, threading.Event(), threading.Semaphore(0)

    def fails_once() -> bool:
        if not failed.is_set():
            failed.set()
            raise ZeroDivisionError
        looked.release()
        return look()

    monkeypatch.setattr(follower, "look", fails_once)
    follower.start()
    assert failed.wait(5)
    assert looked.acquire(timeout=5)
    put(folder, "e", 0, line(0) + b"\n")
    follower.stop()  # after one more look
    assert writer.lines() == [line(0)]


def test_a_line_with_another_emitter_than_its_file_says_is_stored_under_its_own(writer, folder, line):
    put(folder, "e", 0, line(0, "someone-else") + b"\n")
    follower = following(writer, folder)
    follower.look()
    assert [json.loads(sent)["sealtrail.emitter"] for sent in writer.lines()] == ["someone-else"]
    assert canonical(json.loads(writer.lines()[0])) == line(0, "someone-else")
