"""A witness's memory: what it cosigned last of each log, on disk before anybody is told.

    lock       held by the one process that is this witness
    cosigned   the last note of each log with the witness's own line, a blank line after each; replaced whole
    forks/     two checkpoints of one size and different roots, both signed by the log: the proof against it

What is on the disk, and what a crash after each step of an answer leaves:

    cosigned.tmp written, synced    -> the old state; nobody was answered, the log asks again
    renamed                         -> the old state or the new one; nobody was answered
    folder synced                   -> the new state; the log hears of it, or hears 409 with its own size

A witness that forgot could cosign a second past. So a folder whose key is there and whose `cosigned` is not
is refused: such a witness is retired, and its successor has another key.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from sealtrail.errors import LedgerError, SealtrailError, UsageError
from sealtrail.ledger.checkpoint import Checkpoint, history_notes, history_record
from sealtrail.ledger.cosign import KEY_FILE, WitnessKey, open_witness_key
from sealtrail.ledger.files import Disk, read_file, refusals, replace
from sealtrail.ledger.note import Note, VerifyKey, cosigned_at, verify_note
from sealtrail.ledger.witness import SIZE_TYPE, Refused, granted, origin_in, stated

COSIGNED: Final = "cosigned"
FORKS: Final = "forks"
LOCK: Final = "lock"

# Each log has one note in there.
_MAX_STATE_BYTES: Final = 64 * 1024 * 1024

# A log that forked once is done for; who holds its key must not fill the witness's disk with proofs of it.
MAX_FORKS: Final = 100

_TEXT: Final = "text/plain; charset=utf-8"


class Answer(NamedTuple):
    """What the log is told."""

    status: int
    body: bytes
    media: str = _TEXT


class Vigil:
    """One witness over one folder. A context manager; `add_checkpoint` may be called from any thread."""

    def __init__(
        self,
        folder: Path,
        logs: Sequence[VerifyKey],
        clock: Callable[[], float],
        *,
        name: str = "",
        algorithm: str = "",
        disk: Disk | None = None,
    ) -> None:
        """`logs` are the keys whose checkpoints are cosigned; `clock` gives seconds since 1970."""
        self._folder = folder
        self._logs = tuple(logs)
        self._clock = clock
        self._name, self._algorithm = name, algorithm
        self._disk = disk or Disk()
        self._lock = threading.Lock()
        self._lock_fd = -1
        self._notes: dict[str, Note] = {}

    def __enter__(self) -> Self:
        """Raises LedgerError: ledger.locked, ledger.key, ledger.witness, ledger.io.

        UsageError (usage.path) for a folder that this user may not make.
        """
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except PermissionError as error:
            raise UsageError(
                "usage.path",
                f"{self._folder} cannot be made: {error.strerror}",
                hint="Name a folder of this user's with --dir or SEALTRAIL_WITNESS.",
            ) from None
        with refusals(self._folder):
            self._take()
            try:
                self._open()
            except BaseException:
                os.close(self._lock_fd)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._lock:
            os.close(self._lock_fd)
            self._lock_fd = -1

    @property
    def key(self) -> VerifyKey:
        return self._key.key

    def known(self) -> dict[str, Checkpoint]:
        """What was cosigned last, by origin."""
        with self._lock:
            return {origin: stated(note) for origin, note in self._notes.items()}

    def latest(self, digest: str) -> bytes | None:
        """The note cosigned last of the log whose origin has this SHA-256, in hex."""
        with self._lock:
            for origin, note in self._notes.items():
                if hashlib.sha256(origin.encode()).hexdigest() == digest:
                    return note.data
        return None

    def add_checkpoint(self, data: bytes) -> Answer:
        """Answer a request. A cosignature is given only for what is on disk; one request at a time."""
        with self._lock:
            if self._lock_fd < 0:
                return Answer(503, b"this witness is stopping\n")
            origin = origin_in(data)
            before = self._notes.get(origin)
            verdict = granted(data, self._logs, stated(before) if before is not None else None)
            if isinstance(verdict, Refused):
                if verdict.forked and before is not None:
                    self._keep_fork(origin, before, data)
                return Answer(verdict.status, verdict.body, SIZE_TYPE if verdict.size >= 0 else _TEXT)
            moment = int(self._clock())
            if before is not None and moment < cosigned_at(before.signatures[-1].payload):
                # Times of cosignatures of one log grow, or the order of two could not be told.
                return Answer(503, b"the clock of this witness is behind\n")
            try:
                line = self._key.cosign(verdict.note.text, moment)
                note = Note(verdict.note.text, (*verdict.note.signatures, line))
                self._keep({**self._notes, origin: note})
            except LedgerError as error:
                return Answer(400, f"{error.what}\n".encode())
            except OSError:
                # The new state may be on the disk or not: neither is a lie, for nothing was said of it.
                return Answer(503, b"this witness cannot write its state\n")
            return Answer(200, line.text.encode())

    # --- within; the lock is held

    def _keep(self, notes: dict[str, Note]) -> None:
        data = b"".join(history_record(notes[origin].data) for origin in sorted(notes))
        replace(self._disk, self._folder / COSIGNED, data)
        self._notes = notes

    def _keep_fork(self, origin: str, before: Note, data: bytes) -> None:
        """Two signed checkpoints of one size convict the log. The refusal does not depend on keeping them."""
        folder = self._folder / FORKS
        name = hashlib.sha256(origin.encode() + data.partition(b"\n\n")[2]).hexdigest()[:32]
        try:
            self._disk.mkdir(folder)
            if len(list(folder.iterdir())) < MAX_FORKS and not (folder / name).exists():
                other = data.partition(b"\n\n")[2]
                replace(self._disk, folder / name, history_record(before.data) + history_record(other))
        except OSError:
            return

    def _take(self) -> None:
        path = self._folder / LOCK
        self._lock_fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_fd)
            raise LedgerError(
                "ledger.locked",
                f"another process is the witness of {self._folder}",
                hint="Two witnesses with one key could cosign two pasts. Stop the other one first.",
            ) from None

    def _open(self) -> None:
        fresh = not (self._folder / KEY_FILE).exists()
        if fresh and (self._folder / COSIGNED).exists():
            raise LedgerError(
                "ledger.witness",
                f"{self._folder} has what a witness cosigned, and not its key",
                hint="Put witness.key back, or start a new witness in another folder.",
            )
        if fresh:
            # Before the key: a crash in between leaves a witness that has not begun.
            replace(self._disk, self._folder / f"{COSIGNED}.new", b"")
        self._key: WitnessKey = open_witness_key(self._folder, self._name, self._algorithm, self._disk)
        new = self._folder / f"{COSIGNED}.new"
        if new.exists():
            # Made before the key, and taken away by this: so it says that this key has never signed.
            self._disk.rename(new, self._folder / COSIGNED)
            self._disk.sync_folder(self._folder)
        try:
            data = read_file(self._folder / COSIGNED, _MAX_STATE_BYTES)
        except FileNotFoundError:
            raise LedgerError(
                "ledger.witness",
                f"{self._folder / COSIGNED} is missing: this witness does not know what it cosigned",
                hint="Put it back as it was last. From an older copy it could cosign a second past: where "
                "there is no other, retire this witness and start one in another folder.",
            ) from None
        self._notes = self._read(data)

    def _read(self, data: bytes) -> dict[str, Note]:
        notes: dict[str, Note] = {}
        end = 0
        try:
            for record, behind in history_notes(data):
                note = Note.from_bytes(record)
                verify_note(note, [self._key.key])
                notes[stated(note).origin] = note
                end = behind
        except SealtrailError as error:
            raise self._unreadable(error.what) from None
        if end != len(data):
            raise self._unreadable("it ends in the middle of a note")
        return notes

    def _unreadable(self, why: str) -> LedgerError:
        return LedgerError(
            "ledger.witness",
            f"{self._folder / COSIGNED} cannot be relied on: {why}",
            hint="Put it back as it was last, or retire this witness and start one in another folder.",
        )
