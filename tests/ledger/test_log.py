from __future__ import annotations

import errno
import threading

import pytest

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.ledger.files import Disk
from sealtrail.ledger.layout import MAX_PAYLOAD_BYTES, frame
from sealtrail.ledger.log import Log
from sealtrail.ledger.merkle import EMPTY_ROOT, leaf_hashes, root_of
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import open_key


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "trails" / "audit"


@pytest.fixture
def start(folder):
    logs = []

    def start(disk: Disk | None = None, trail: str = "audit") -> Log:
        folder.parent.parent.mkdir(exist_ok=True)
        key = open_key(folder.parent.parent / "keys", "audit")
        logs.append(Log.open(folder, trail, key, disk, volume_entries=256))
        return logs[-1]

    yield start
    for log in logs:
        log.close()


def entries(count: int, start: int = 0) -> list[bytes]:
    return [b'{"n":%d,"event.ingested":"t","sealtrail.source":"s"}' % n for n in range(start, start + count)]


def test_a_new_trail_appears_with_the_signed_statement_that_it_is_empty(start, folder):
    log = start()
    assert (log.size, log.durable, log.published) == (0, 0, 0)
    assert log.head() == (0, EMPTY_ROOT)
    assert log.last_ingested() == ""
    assert log.checkpoint() == (folder / "checkpoint").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "checkpoints", "sealed"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_indexes_are_given_in_order_and_the_root_is_that_of_the_entries(start):
    log = start()
    assert log.append(entries(3)) == range(3)
    assert log.append(entries(4, 3)) == range(3, 7)
    assert log.append([]) == range(7, 7)
    log.sync()
    assert log.head() == (7, root_of(leaf_hashes(entries(7))))
    assert log.last_ingested() == "t"


def test_the_head_is_durable_only_after_the_sync(start):
    log = start()
    log.append(entries(3))
    assert (log.size, log.durable) == (3, 0)
    assert log.head() == (0, EMPTY_ROOT)
    log.sync()
    assert log.durable == 3


def test_a_commit_is_split_at_volumes_and_read_back_whole(start, folder):
    log = start()
    log.append(entries(700))
    log.sync()
    log.publish()
    assert log.seal_pending() == 2
    assert sorted(path.name for path in folder.glob("[av]*")) == [
        "active-000002",
        "volume-000000.tile",
        "volume-000000.zst",
        "volume-000001.tile",
        "volume-000001.zst",
    ]
    reader = LedgerReader(folder.parent.parent, volume_entries=256)
    assert reader.read("audit", 0, 1000) == entries(700)
    reader.close()


def test_a_commit_larger_than_a_frame_is_split(start):
    log = start()
    big = [b"x" * 65_535] * 300
    assert sum(map(len, big)) > MAX_PAYLOAD_BYTES
    log.append(big)
    log.sync()
    log.publish()
    size, root = log.head()
    log.close()
    assert start().head() == (size, root)


@pytest.mark.parametrize("entry", [b"", b"x" * 65_536])
def test_an_entry_of_no_or_too_many_bytes_is_refused_and_nothing_is_written(start, entry):
    log = start()
    with pytest.raises(LedgerError) as caught:
        log.append([b"{}", entry])
    assert caught.value.code == "ledger.entry"
    assert log.size == 0
    assert log.append([b"{}"]) == range(1)


def test_without_news_the_same_note_is_given_and_the_history_does_not_grow(start, folder):
    log = start()
    log.append(entries(1))
    log.sync()
    note = log.publish()
    history = (folder / "checkpoints").read_bytes()
    assert log.publish() == note == log.checkpoint()
    assert (folder / "checkpoints").read_bytes() == history


def test_what_is_not_durable_is_not_signed(start):
    log = start()
    log.append(entries(2))
    log.sync()
    log.append(entries(2, 2))
    assert b"\n2\n" in log.publish()


def test_a_full_volume_is_sealed_only_under_a_checkpoint(start):
    log = start()
    log.append(entries(300))
    log.sync()
    assert log.seal_pending() == 0
    log.publish()
    assert log.seal_pending() == 1
    assert log.seal_pending() == 0


def test_a_second_writer_is_refused(start):
    start()
    with pytest.raises(LedgerError) as caught:
        start()
    assert caught.value.code == "ledger.locked"


def test_the_lock_goes_with_the_log(start):
    start().close()
    start()


def test_a_closed_log_takes_nothing(start):
    log = start()
    log.close()
    log.close()
    for act in (lambda: log.append(entries(1)), log.sync, log.publish):
        with pytest.raises(LedgerError, match="closed"):
            act()


@pytest.mark.parametrize("trail", ["", "../x", "A", "a/b", ".new-a", "a" * 33])
def test_a_trail_has_a_plain_name(start, trail):
    with pytest.raises(UsageError):
        start(trail=trail)


def test_a_log_is_not_continued_with_another_key(start, folder):
    log = start()
    log.append(entries(1))
    log.sync()
    log.publish()
    log.close()
    for path in (folder.parent.parent / "keys").iterdir():
        path.unlink()
    with pytest.raises(TamperedError):
        start()


class Failing(Disk):
    """Fails one kind of call from now on, when told to."""

    def __init__(self) -> None:
        self.failing = ""

    def _may(self, name: str) -> None:
        if name == self.failing:
            raise OSError(errno.EIO, "broken")

    def datasync(self, fd):
        self._may("datasync")
        super().datasync(fd)

    def rename(self, source, target):
        self._may("rename")
        super().rename(source, target)

    def write(self, fd, data):
        self._may("write")
        return super().write(fd, data)


@pytest.mark.parametrize("call", ["write", "datasync"])
def test_after_a_failed_write_or_sync_nothing_is_taken_until_the_next_start(start, call):
    disk = Failing()
    log = start(disk)
    log.append(entries(1))
    disk.failing = call
    act = log.sync if call == "datasync" else lambda: log.append(entries(1))
    with pytest.raises(LedgerError) as caught:
        act()
    assert caught.value.code == "ledger.io"
    disk.failing = ""
    # A second sync may succeed because the kernel dropped the pages: it must not be believed.
    for act in (lambda: log.append(entries(1)), log.sync, log.publish):
        with pytest.raises(LedgerError, match="takes nothing more"):
            act()
    log.close()
    assert start().size <= 2


def test_a_failed_sealing_is_tried_again_and_stops_nobody(start):
    disk = Failing()
    log = start(disk)
    log.append(entries(300))
    log.sync()
    log.publish()
    disk.failing = "rename"
    with pytest.raises(LedgerError):
        log.seal_pending()
    disk.failing = ""
    log.append(entries(1, 300))
    log.sync()
    assert log.seal_pending() == 1


def test_a_volume_that_was_changed_after_it_was_signed_is_not_sealed(start, folder):
    log = start()
    log.append(entries(300))
    log.sync()
    log.publish()
    active = folder / "active-000000"
    original = active.read_bytes()
    active.write_bytes(original.replace(b'{"n":7,', b'{"n":8,'))
    with pytest.raises(TamperedError):
        log.seal_pending()
    assert not (folder / "volume-000000.zst").exists()
    assert active.exists()


def test_a_volume_that_was_rewritten_with_good_checksums_is_not_sealed(start, folder):
    log = start()
    log.append(entries(256))
    log.sync()
    log.publish()
    other = [entry.replace(b"n", b"m") for entry in entries(256)]
    (folder / "active-000000").write_bytes(frame(0, other, leaf_hashes(other)))
    with pytest.raises(TamperedError, match="changed after it was signed"):
        log.seal_pending()
    assert (folder / "sealed").read_bytes() == b""


def test_appending_goes_on_while_another_thread_seals(start, folder):
    log = start()
    done = threading.Event()
    sealed = []

    def seal() -> None:
        while not done.is_set() or log.seal_pending():
            sealed.append(log.seal_pending())

    thread = threading.Thread(target=seal)
    thread.start()
    for n in range(40):
        log.append(entries(100, n * 100))
        log.sync()
        log.publish()
    done.set()
    thread.join()
    assert log.size == 4000
    assert len((folder / "sealed").read_bytes().splitlines()) == 15
    reader = LedgerReader(folder.parent.parent, volume_entries=256)
    assert reader.read("audit", 0, 4000) == entries(4000)
    reader.close()


def test_writes_may_be_short(start):
    class Short(Disk):
        def write(self, fd, data):
            return super().write(fd, data[: max(1, len(data) // 3)])

    log = start(Short())
    log.append(entries(50))
    log.sync()
    log.publish()
    head = log.head()
    log.close()
    assert start().head() == head
