"""A witness's memory: what it says is on disk first, whatever fails, and one of two at once wins."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk
from sealtrail.ledger.merkle import leaf_hash, root_of
from sealtrail.ledger.note import Note, VerifyKey, cosigned_at, sign_note, verify_note
from sealtrail.ledger.proof import prove_consistency, range_hash
from sealtrail.ledger.sign import TrailKey
from sealtrail.ledger.vigil import Vigil
from sealtrail.ledger.witness import Request, signature_lines

LOG = TrailKey("log.example/audit", b"l" * 32)
LEAVES = [leaf_hash(b"entry %d" % number) for number in range(40)]
FORK = [*LEAVES[:10], *(leaf_hash(b"other %d" % number) for number in range(10, 40))]


def request(old: int, new: int, leaves: list[bytes] = LEAVES, log: TrailKey = LOG) -> bytes:
    def node(level: int, index: int) -> bytes:
        return root_of(leaves[index << level : (index + 1) << level])

    proof = tuple(prove_consistency(old, new, node)) if 0 < old < new else ()
    return Request(old, proof, note(new, leaves, log)).data


def note(size: int, leaves: list[bytes] = LEAVES, log: TrailKey = LOG) -> bytes:
    root = range_hash(0, size, lambda level, index: root_of(leaves[index << level : (index + 1) << level]))
    return sign_note(Checkpoint(log.key.name, size, root).text, [log]).data


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def vigil(folder: Path, disk: Disk | None = None, clock: Callable[[], float] | None = None) -> Vigil:
    return Vigil(folder, [LOG.key], clock or Clock(), disk=disk)


def is_cosigned(key: VerifyKey, answer: bytes, size: int, leaves: list[bytes] = LEAVES) -> bool:
    text = Note.from_bytes(note(size, leaves)).text
    return verify_note(Note(text, signature_lines(answer)), [key]) == (key,)


def test_what_was_cosigned_is_remembered_after_a_start(tmp_path):
    with vigil(tmp_path) as witness:
        answer = witness.add_checkpoint(request(0, 7))
        assert (answer.status, is_cosigned(witness.key, answer.body, 7)) == (200, True)
    with vigil(tmp_path) as again:
        assert again.key == witness.key
        assert again.add_checkpoint(request(0, 7)) == (409, b"7\n", "text/x.tlog.size")
        assert again.add_checkpoint(request(7, 20)).status == 200
        assert again.add_checkpoint(request(20, 20)).status == 200
        assert again.known()[LOG.key.name].size == 20
        assert again.add_checkpoint(request(20, 20, FORK)).status == 422


def test_a_monitor_is_shown_what_was_cosigned_last(tmp_path):
    digest = hashlib.sha256(LOG.key.name.encode()).hexdigest()
    with vigil(tmp_path) as witness:
        assert witness.latest(digest) is None
        answer = witness.add_checkpoint(request(0, 7))
        assert witness.latest(digest) == note(7) + answer.body


def test_logs_are_remembered_apart(tmp_path):
    other = TrailKey("log.example/access", b"m" * 32)
    with Vigil(tmp_path, [LOG.key, other.key], Clock()) as witness:
        assert witness.add_checkpoint(request(0, 7)).status == 200
        assert witness.add_checkpoint(request(0, 9, log=other)).status == 200
    with Vigil(tmp_path, [LOG.key], Clock()) as witness:
        assert {origin: one.size for origin, one in witness.known().items()} == {
            "log.example/audit": 7,
            "log.example/access": 9,
        }
        assert witness.add_checkpoint(request(9, 20, log=other)).status == 404


def test_two_checkpoints_of_one_size_are_kept_as_proof(tmp_path):
    with vigil(tmp_path) as witness:
        witness.add_checkpoint(request(0, 20))
        for _ in range(2):
            assert witness.add_checkpoint(request(20, 20, FORK)).status == 422
    (kept,) = (tmp_path / "forks").iterdir()
    assert note(20) in kept.read_bytes()
    assert note(20, FORK) in kept.read_bytes()


def test_a_clock_that_was_set_back_cosigns_nothing(tmp_path):
    clock = Clock()
    with vigil(tmp_path, clock=clock) as witness:
        first = witness.add_checkpoint(request(0, 7))
        clock.now -= 1
        assert witness.add_checkpoint(request(7, 20)).status == 503
        clock.now += 1
        second = witness.add_checkpoint(request(7, 20))
    times = [cosigned_at(signature_lines(one.body)[0].payload) for one in (first, second)]
    assert times == [1_700_000_000, 1_700_000_000]


def test_one_of_two_at_once_wins(tmp_path):
    asked = [request(7, 20), request(7, 30, FORK)] * 4
    answers = []
    with vigil(tmp_path) as witness:
        witness.add_checkpoint(request(0, 7))
        gate = threading.Barrier(len(asked))

        def go(data: bytes) -> None:
            gate.wait()
            answers.append(witness.add_checkpoint(data))

        threads = [threading.Thread(target=go, args=(data,)) for data in asked]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(answer.status for answer in answers) == [200, *[409] * 7]


def test_a_folder_has_one_witness(tmp_path):
    with vigil(tmp_path), pytest.raises(LedgerError, match="another process"), vigil(tmp_path):
        pass
    with vigil(tmp_path):
        pass


def test_a_witness_that_has_ended_cosigns_nothing(tmp_path):
    with vigil(tmp_path) as witness:
        pass
    assert witness.add_checkpoint(request(0, 7)).status == 503


def test_a_witness_that_forgot_is_retired(tmp_path):
    with vigil(tmp_path) as witness:
        witness.add_checkpoint(request(0, 7))
    kept = (tmp_path / "cosigned").read_bytes()
    for damaged in (None, kept[:-1], kept[:100], kept + b"x", kept.replace(b"\n7\n", b"\n8\n"), b"\xff" * 9):
        if damaged is None:
            (tmp_path / "cosigned").unlink()
        else:
            (tmp_path / "cosigned").write_bytes(damaged)
        with pytest.raises(LedgerError) as caught, vigil(tmp_path):
            pass
        assert caught.value.code == "ledger.witness"
    (tmp_path / "cosigned").write_bytes(kept)
    (tmp_path / "witness.key").unlink()
    with pytest.raises(LedgerError, match="and not its key"), vigil(tmp_path):
        pass


class Failing(Disk):
    """Fails at step `at`, after doing it where `done`."""

    def __init__(self, at: int, *, done: bool) -> None:
        self._at, self._done = at, done
        self.steps = 0

    def _step(self, do: Callable[[], object]) -> None:
        self.steps += 1
        if self.steps == self._at:
            if self._done:
                do()
            raise OSError(5, "the disk is broken")
        do()

    def create(self, path: Path, *, fresh: bool = False) -> int:
        self._step(lambda: None)
        return super().create(path, fresh=fresh)

    def write(self, fd: int, data: memoryview) -> int:
        if self._done and self.steps + 1 == self._at:
            os.write(fd, data[: len(data) // 2])  # a disk fills in the middle
        self._step(lambda: None)
        return super().write(fd, data)

    def datasync(self, fd: int) -> None:
        self._step(lambda: Disk.datasync(self, fd))

    def rename(self, source: Path, target: Path) -> None:
        self._step(lambda: Disk.rename(self, source, target))

    def sync_folder(self, path: Path) -> None:
        self._step(lambda: Disk.sync_folder(self, path))


@pytest.mark.parametrize("done", [False, True])
@pytest.mark.parametrize("at", range(1, 7))
def test_nothing_is_cosigned_that_is_not_on_disk(tmp_path, at, done):
    """At each step of an answer: the disk fails, then the witness starts again from what is there."""
    with vigil(tmp_path) as witness:
        witness.add_checkpoint(request(0, 7))
    with vigil(tmp_path, Failing(at, done=done)) as broken:
        answer = broken.add_checkpoint(request(7, 20))
    with vigil(tmp_path) as again:
        known = again.known()[LOG.key.name].size
        if at == 6:  # one more than there are
            assert (answer.status, known) == (200, 20)
        else:
            assert answer.status == 503
            assert signature_free(answer.body)
            assert known == (20 if (at, done) in {(4, True), (5, False), (5, True)} else 7)
        # The other past is granted only where the first was neither granted nor kept.
        fork = again.add_checkpoint(request(known, 30, FORK))
        assert fork.status == (200 if known == 7 else 422)


def signature_free(body: bytes) -> bool:
    return "\u2014".encode() not in body


@pytest.mark.parametrize("at", range(1, 17))
def test_a_start_that_breaks_off_leaves_a_folder_that_starts(tmp_path, at):
    disk = Failing(at, done=False)
    try:
        with vigil(tmp_path, disk) as witness:
            first = witness.key
    except LedgerError as error:
        assert error.code == "ledger.io"
        first = None
    with vigil(tmp_path) as again:
        assert first in {None, again.key}
        assert again.add_checkpoint(request(0, 7)).status == 200
