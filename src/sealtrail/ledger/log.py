"""The one writer of a trail: append, sync, sign, seal.

What is on the disk, and what a crash after each step leaves:

    append   a frame in the active file       -> may be torn or gone; nobody was told it is safe
    sync     fdatasync of the active file     -> there for good; producers are told now
    publish  a note in the history, synced    -> signed; `checkpoint` may be one behind, recovery completes it
             then `checkpoint`, by rename     -> the old one or the new one, never a mixture
    hand over a proof in `handovers`, rename  -> decided: the checkpoint in it is published at the next start
             then as `publish`                -> from here on the new key signs
    seal     .zst and .tile, synced, renamed  -> files nobody lists; recovery removes them
             the line in `sealed`, by rename  -> the volume is sealed; its active file is a leftover
             the active file is removed
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, TamperedError, UsageError
from sealtrail.event.entry import ingested
from sealtrail.ledger.checkpoint import Checkpoint, history_record
from sealtrail.ledger.files import Disk, refusals, replace, write_all, write_new
from sealtrail.ledger.handover import Handover, Keychain
from sealtrail.ledger.heads import head_in
from sealtrail.ledger.layout import (
    CHECKPOINT,
    HANDOVERS,
    HISTORY,
    MAX_ENTRY_BYTES,
    MAX_PAYLOAD_BYTES,
    NEW_TRAIL,
    SAFE_FRAME_ENTRIES,
    SEALED,
    TRAIL_NAME,
    VOLUME_ENTRIES,
    active_name,
    frame,
    sealed_text,
    volume_level,
)
from sealtrail.ledger.merkle import EMPTY_ROOT, CompactRange, leaf_hashes
from sealtrail.ledger.note import Signer, VerifyKey, sign_note
from sealtrail.ledger.proof import TlogProof, prove_inclusion
from sealtrail.ledger.recover import Cut, State, handovers_of, joined, recover
from sealtrail.ledger.trail import TrailReader
from sealtrail.ledger.volume import seal_volume

_CLOSED: Final = "the log is closed"


class Log:
    """Appends to one trail. One thread calls `append`, `sync`, `publish`; `seal_pending` may have its own."""

    def __init__(self, folder: Path, trail: str, signer: Signer, disk: Disk, entries: int) -> None:
        """Use `open`."""
        self.trail = trail
        self._folder = folder
        self._signer = signer
        self._disk = disk
        self._entries = entries
        self._level = volume_level(entries)
        self._failure = ""
        self._lock_fd = -1
        self._active: dict[int, int] = {}  # volume -> file descriptor that has not been synced to its end
        self._new_files = False
        self._handovers: list[Handover] = []
        self._sealing = threading.Lock()

    @classmethod
    def open(
        cls,
        folder: Path,
        trail: str,
        signer: Signer,
        disk: Disk | None = None,
        *,
        volume_entries: int = VOLUME_ENTRIES,
    ) -> Log:
        """Open `trails/<trail>`, made when it is not there, recovered when its last writer died.

        Raises TamperedError when what was signed is not there, LedgerError (ledger.locked, ledger.io).
        """
        if TRAIL_NAME.fullmatch(trail) is None:
            raise UsageError("usage.argument", f"not a name for a trail: {trail!r}")
        log = cls(folder, trail, signer, disk or Disk(), volume_entries)
        try:
            with refusals(folder):
                if not folder.exists():
                    log._create()
                log._lock()
                log._handovers = log._handed_over()
                chain = Keychain.of([signer.key], log._handovers)
                log._begin(recover(folder, trail, chain, volume_entries, log._disk))
            log._finish_handover()
            last = log._last_entry
            if last and log.size > log._published.size and head_in(0, last) is not None:
                # The head of another trail is always the last entry under a checkpoint, and the verifier
                # holds us to that. The crash fell between the two: sign before anything follows it.
                log.publish()
        except BaseException:
            log.close()
            raise
        return log

    def _create(self) -> None:
        """A trail folder appears whole, with the signed statement that it is empty, or not at all."""
        self._folder.parent.mkdir(mode=0o700, exist_ok=True)
        new = self._folder.with_name(NEW_TRAIL + self.trail)
        note = sign_note(Checkpoint(self._signer.key.name, 0, EMPTY_ROOT).text, [self._signer]).data
        self._disk.mkdir(new)
        write_new(self._disk, new / HISTORY, history_record(note))
        write_new(self._disk, new / CHECKPOINT, note)
        write_new(self._disk, new / SEALED, b"")
        self._disk.sync_folder(new)
        self._disk.rename(new, self._folder)
        self._disk.sync_folder(self._folder.parent)

    def _lock(self) -> None:
        self._lock_fd = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LedgerError("ledger.locked", f"{self._folder} has a writer already") from None

    def _begin(self, state: State) -> None:
        self._whole, self._part = state.whole, state.part
        self._full = state.full
        self._sealed = state.sealed
        self._published, self._note = state.published, state.note
        self._last_entry = state.last
        self.cuts: tuple[Cut, ...] = state.cuts
        self._durable = joined(self._whole, self._part)

    # --- what is there

    @property
    def size(self) -> int:
        """Entries appended, durable or not."""
        return self._whole.size + self._part.size

    @property
    def durable(self) -> int:
        """Entries that survive a crash."""
        return self._durable.size

    def head(self) -> tuple[int, bytes]:
        """Size and root of what is durable."""
        return self._durable.size, self._durable.root()

    def last_ingested(self) -> str:
        """`event.ingested` of the last entry; empty for an empty trail."""
        return ingested(self._last_entry)

    def checkpoint(self) -> bytes:
        """The latest signed note."""
        return self._note

    @property
    def key(self) -> VerifyKey:
        """The public key the trail is signed with."""
        return self._signer.key

    @property
    def published(self) -> int:
        """The size the latest signed note speaks of."""
        return self._published.size

    # --- writing

    def append(self, entries: Sequence[bytes]) -> range:
        """Write entries to the active file and give their indexes. They are not durable before `sync`.

        Raises LedgerError (ledger.entry) before anything is written, and (ledger.io), after which the log
        takes nothing more: what is on the disk is known again only after the next `open`.
        """
        self._check_usable()
        for entry in entries:
            if not 0 < len(entry) <= MAX_ENTRY_BYTES:
                raise LedgerError(
                    "ledger.entry", f"an entry of {len(entry):,} bytes: 1 to {MAX_ENTRY_BYTES:,} are possible"
                )
        hashes = leaf_hashes(entries)
        fits = sum(map(len, entries)) + 2 * len(entries) <= MAX_PAYLOAD_BYTES
        most = max(1, len(entries)) if fits else SAFE_FRAME_ENTRIES
        first, done = self.size, 0
        with self._poisoning():
            while done < len(entries):
                stop = min(done + most, done + self._entries - self._part.size, len(entries))
                data = frame(self.size, entries[done:stop], hashes[done:stop])
                write_all(self._disk, self._active_fd(), data)
                self._count(hashes[done:stop])
                done = stop
        if entries:
            self._last_entry = entries[-1]
        return range(first, self.size)

    def sync(self) -> None:
        """Everything appended is durable when this returns. After a failure nothing may be acknowledged."""
        self._check_usable()
        if self._durable.size == self.size:
            return
        with self._poisoning():
            # In order of volumes: a later volume must not be durable before an earlier one.
            for volume, fd in sorted(self._active.items()):
                self._disk.datasync(fd)
                if volume < self._volume:
                    del self._active[volume]
                    self._disk.close(fd)
            if self._new_files:
                self._disk.sync_folder(self._folder)
                self._new_files = False
        self._durable = joined(self._whole, self._part)

    def publish(self) -> bytes:
        """Sign what is durable and give the note. The last note is given again when there is no news."""
        self._check_usable()
        size, root = self.head()
        if size == self._published.size:
            return self._note
        checkpoint = Checkpoint(self._signer.key.name, size, root)
        return self._publish(checkpoint, sign_note(checkpoint.text, [self._signer]).data)

    def hand_over(self, signer: Signer, index: int, entry: bytes) -> bytes:
        """Sign what is durable with the old key and with that of `signer`, which signs alone from here on.

        `entry` is the statement, at `index`. Gives the note. `handovers` comes first: with it the hand-over
        is decided, and whoever opens the trail after a crash needs the new key. Before it nothing happened.
        """
        self._check_usable()
        size, root = self.head()
        checkpoint = Checkpoint(self._signer.key.name, size, root)
        note = sign_note(checkpoint.text, [self._signer, signer]).data
        with self._poisoning():
            reader = TrailReader(self._folder, volume_entries=self._entries)
            try:
                reader.refresh()
                path = prove_inclusion(index, size, reader.node)
            finally:
                reader.close()
            # Checks what it is made of: a hand-over that convinces nobody would lock the trail.
            one = Handover.of(TlogProof(index, tuple(path), note, entry))
            decided = [*self._handovers, one]
            replace(self._disk, self._folder / HANDOVERS, b"".join(h.data for h in decided))
        self._handovers, self._signer = decided, signer
        return self._publish(checkpoint, note)

    def _handed_over(self) -> list[Handover]:
        """The hand-overs of the trail, the last of which is to our key."""
        try:
            found = handovers_of(self._folder)
        except LedgerError as error:
            raise TamperedError(f"{self._folder / HANDOVERS}: {error.what}", trail=self.trail) from None
        if found and found[-1].new != self._signer.key:
            raise LedgerError(
                "ledger.key",
                f"{self.trail} was handed over to the key {found[-1].new.text}, and this is another one",
                hint="Put the newer key back. A key that has handed a trail over signs it no more.",
            )
        return found

    def _finish_handover(self) -> None:
        """Publish the checkpoint of a hand-over that a crash left without it."""
        if not self._handovers or self._handovers[-1].size <= self._published.size:
            return
        one = self._handovers[-1]
        if self.head() != (one.size, one.root):
            raise TamperedError(
                f"the trail was handed over with {one.size:,} entries, and these are not the ones",
                trail=self.trail,
                index=min(one.size, self.size),
            )
        self._publish(Checkpoint(one.new.name, one.size, one.root), one.note)

    def _publish(self, checkpoint: Checkpoint, note: bytes) -> bytes:
        with self._poisoning():
            fd = self._disk.create(self._folder / HISTORY)
            try:
                write_all(self._disk, fd, history_record(note))
                # Before `checkpoint`: the history is never behind it, and what readers were shown stays
                # in it for good.
                self._disk.datasync(fd)
            finally:
                self._disk.close(fd)
            replace(self._disk, self._folder / CHECKPOINT, note)
        self._note, self._published = note, checkpoint
        return note

    def seal_pending(self) -> int:
        """Seal the full volumes that a checkpoint covers; how many. Slow: call it from a thread of its own.

        A failure leaves the active file as it was, and the next call tries again. Waiting for the checkpoint
        makes "sealed but never signed" a contradiction that the verifier can hold against the folder.
        """
        count = 0
        with self._sealing, refusals(self._folder):
            while (volume := len(self._sealed)) in self._full and not self._failure:
                if (volume + 1) * self._entries > self._published.size:
                    break
                try:
                    line = seal_volume(self._folder, volume, self._entries, self._disk)
                except LedgerError as error:
                    raise TamperedError(error.what, trail=self.trail, index=volume * self._entries) from None
                if line.root != self._full[volume]:
                    raise TamperedError(
                        f"{active_name(volume)} was changed after it was signed",
                        trail=self.trail,
                        index=volume * self._entries,
                    )
                replace(self._disk, self._folder / SEALED, sealed_text([*self._sealed, line]))
                self._sealed.append(line)
                del self._full[volume]
                self._disk.unlink(self._folder / active_name(volume))
                count += 1
        return count

    def close(self) -> None:
        """Let go of files and lock. Makes nothing durable; safe to call twice."""
        self._failure = self._failure or _CLOSED
        with self._sealing:
            for fd in self._active.values():
                self._disk.close(fd)
            self._active.clear()
            if self._lock_fd >= 0:
                os.close(self._lock_fd)
                self._lock_fd = -1

    # --- within

    @property
    def _volume(self) -> int:
        """The volume the next entry goes to."""
        return self._whole.size >> self._level

    def _active_fd(self) -> int:
        volume = self._volume
        if volume not in self._active:
            self._active[volume] = self._disk.create(self._folder / active_name(volume))
            self._new_files = True
        return self._active[volume]

    def _count(self, hashes: Sequence[bytes]) -> None:
        self._part.extend(hashes)
        if self._part.size == self._entries:
            root = self._part.root()
            self._full[self._volume] = root
            self._whole.extend([root], self._level)
            self._part = CompactRange()

    def _check_usable(self) -> None:
        if self._failure:
            raise LedgerError(
                "ledger.io",
                f"the trail {self.trail} takes nothing more: {self._failure}",
                hint="Start again: recovery happens when the trail is opened.",
            )

    def _poisoning(self) -> _Poisoning:
        return _Poisoning(self)


class _Poisoning:
    """A failed write or sync leaves the disk in a state we cannot know: the log stops there.

    A second fsync after a failed one may report success for pages the kernel has dropped.
    """

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        if error is None:
            return
        self._log._failure = self._log._failure or str(error) or type(error).__name__  # noqa: SLF001
        if isinstance(error, OSError):
            raise LedgerError(
                "ledger.io",
                f"{self._log.trail}: {error.strerror or error}",
                hint="Free space or repair the disk, then start again: recovery happens at the next start.",
            ) from error
