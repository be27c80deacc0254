"""Steps (0) to (3) of the argument in `verify`, for one trail folder."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from pathlib import Path
from typing import Final

from sealtrail.errors import LedgerError, SealtrailError
from sealtrail.ledger.anchors import Anchors
from sealtrail.ledger.check import Found, Task, check
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import read_file
from sealtrail.ledger.handover import Handover, Keychain
from sealtrail.ledger.heads import Disposal, Head, Link, Prune
from sealtrail.ledger.history import History, read_history
from sealtrail.ledger.layout import (
    CHECKPOINT,
    HANDOVERS,
    HISTORY,
    KEYS_FOLDER,
    MAX_SEALED_BYTES,
    PRUNED,
    SEALED,
    TILE_WIDTH,
    TRAILS_FOLDER,
    WITNESSED,
    SealedLine,
    active_name,
    is_ledger_name,
    sealed_lines,
    sealed_text,
    vkey_name,
    volume_level,
    volume_name,
)
from sealtrail.ledger.merkle import CompactRange
from sealtrail.ledger.note import MAX_NOTE_BYTES, Note, VerifyKey, base64_text
from sealtrail.ledger.proof import range_hash
from sealtrail.ledger.recover import active_volumes, floor_of, handovers_of
from sealtrail.ledger.report import TrailReport
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.trail import TrailReader
from sealtrail.ledger.witnessed import read_witnessed
from sealtrail.ledger.workers import Workers

# Fewer volumes than this are checked sooner than a process starts.
_SPREAD_VOLUMES: Final = 3

# A volume that is sealed while we look is found at the next look.
_LOOKS: Final = 5


class TrailCheck:
    """What is known of one trail, step by step. The problems are in `report`."""

    def __init__(
        self, folder: Path, key_file: Path | None, anchors: Anchors, workers: Workers, entries: int
    ) -> None:
        self.name = folder.name
        self.report = TrailReport(self.name)
        self.folder = folder
        self.chain = Keychain()
        self.handovers: list[Handover] = []
        self.history = History()
        self.note: Note | None = None
        self.witnessed: Note | None = None  # the latest that witnesses cosigned, once it is held against this
        self.total = 0  # entries that are there, committed or not
        self.floor = 0
        self.missing = 0  # entries at the front that are not there
        self.heads: list[Head] = []
        self.prunes: list[Prune] = []
        self.disposals: list[Disposal] = []
        self.link: Link | None = None
        self._key_file = key_file
        self._anchors = anchors
        self._workers = workers
        self._entries = entries
        self._level = volume_level(entries)
        self._prefix: list[CompactRange] = [CompactRange()]
        self._peaks: dict[int, list[tuple[int, bytes]]] = {}
        self._reader: TrailReader | None = None

    def run(self) -> None:
        """Steps (0) to (3)."""
        try:
            self._signed()
            if self._volumes():
                self._roots()
                self._handed_over()
                self._cosigned()
        except (LedgerError, OSError) as error:
            what = error.what if isinstance(error, SealtrailError) else str(error)
            self.report.problem(None, what)
        self._strangers()

    def root_at(self, size: int) -> bytes | None:
        """The root of the first `size` entries; None where they are pruned or cannot be read."""
        if size > self.total:
            return self._read_root(size) if self.holds(size) else None
        volume, rest = divmod(size, self._entries)
        if not rest:
            return self._prefix[volume].root() if volume < len(self._prefix) else None
        peaks = self._peaks.get(size)
        if peaks is not None:
            both = self._prefix[volume].copy()
            for level, peak in peaks:
                both.extend([peak], level)
            return both.root()
        # The tiles of what was pruned stay: they give the root of every size that they divide.
        return self._read_root(size) if self._known(size) else self.history.at(size)

    def _known(self, size: int) -> bool:
        """Can the root at `size` still be computed?"""
        return size >= self.missing or size % TILE_WIDTH == 0

    def holds(self, size: int) -> bool:
        """Are `size` entries there? A writer may have gone on since the trail was checked."""
        if size <= self.total:
            return True
        try:
            reader = self._fresh_reader()
        except (SealtrailError, OSError):
            return False
        return size <= reader.size

    def _read_root(self, size: int) -> bytes | None:
        try:
            reader = self._reader or self._fresh_reader()
            return range_hash(0, size, reader.node) if size <= reader.size else None
        except (SealtrailError, OSError):
            return None

    def _fresh_reader(self) -> TrailReader:
        if self._reader is None:
            self._reader = TrailReader(self.folder, volume_entries=self._entries)
        self._reader.refresh()
        return self._reader

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()

    def _place(self, file: str) -> str:
        return f"{TRAILS_FOLDER}/{self.name}/{file}"

    # --- (0) and (1)

    def _signed(self) -> None:
        # `checkpoint` is read before the history: while a writer goes on, the history can only be ahead.
        current: Checkpoint | None = None
        note: Note | None = None
        data = b""
        try:
            data = read_file(self.folder / CHECKPOINT, MAX_NOTE_BYTES)
            current, note = Checkpoint.from_note(data)
        except FileNotFoundError:
            self.report.problem(None, "the file is missing", self._place(CHECKPOINT))
        except (SealtrailError, UnicodeDecodeError) as error:
            self.report.problem(None, getattr(error, "what", str(error)), self._place(CHECKPOINT))
        self.report.origin = current.origin if current is not None else ""
        self._find_key()
        self.report.origin = self.chain.name or self.report.origin
        try:
            self._read_history()
        except FileNotFoundError:
            self.report.problem(None, "the file is missing", self._place(HISTORY))
        for index, what in self.history.problems:
            self.report.problem(index, what, self._place(HISTORY))
        self.report.checkpoints = len(self.history)
        if self.history.sizes:
            self.report.size = self.history.sizes[-1]
            self.report.root = base64_text(self.history.root(len(self.history) - 1))
        if current is not None and note is not None:
            self._compare_current(data, current, note)

    def _read_history(self) -> None:
        """The history, under the keys known before it was read or, while a writer goes on, after."""
        for _ in range(_LOOKS):
            handovers = self.handovers
            self.history = read_history(self.folder, self.chain, self.report.origin, self._workers)
            if not self.history.problems:
                return
            self._find_key()
            if self.handovers == handovers:
                return

    def later(self) -> History:
        """The history as it is now: a writer may have signed since, and with a key it was handed since."""
        self._find_key()
        return read_history(self.folder, self.chain, self.report.origin, self._workers)

    def _find_key(self) -> None:
        """Who may sign, by the key and the hand-overs that are there now."""
        folder_key: VerifyKey | None = None
        if self._key_file is not None and self._key_file.exists():
            place = f"{KEYS_FOLDER}/{self._key_file.name}"
            try:
                folder_key = read_vkey(self._key_file)
                if not folder_key.name.endswith(f"/{self.name}"):
                    self.report.problem(None, f"it is the key of {folder_key.name}", place)
            except LedgerError as error:
                self.report.problem(None, error.what, place)
        # After the key: a hand-over that is decided meanwhile leads from the key that was read.
        self.handovers = self._read_handovers()
        given = self._anchors.keys_for(self.report.origin)
        if given:
            self.chain, self.report.key_source = self._anchors.chain(given, self.handovers), "given"
            if folder_key is not None and folder_key not in self.chain.keys:
                place = f"{KEYS_FOLDER}/{vkey_name(self.name)}"
                self.report.problem(None, "it is not the key that was given for this log", place)
        elif folder_key is not None:
            self.chain, self.report.key_source = self._anchors.chain((folder_key,), self.handovers), "folder"
            self._note(
                "the key that was trusted came from the folder that was checked: whoever could rewrite the "
                "one could replace the other. Give the key you were handed with --key."
            )
            if self._anchors.keys:
                self._unchecked(f"no given key is that of {self.report.origin or 'this log'}")
        else:
            self._unchecked("there is no key for this log: its signatures were not checked")

    def _unchecked(self, why: str) -> None:
        if why not in self.report.notes:
            self.report.unchecked(why)

    def _note(self, text: str) -> None:
        if text not in self.report.notes:
            self.report.notes.append(text)

    def _read_handovers(self) -> list[Handover]:
        try:
            return handovers_of(self.folder)
        except LedgerError as error:
            self.report.problem(None, error.what, self._place(HANDOVERS))
            return []

    def _compare_current(self, data: bytes, current: Checkpoint, note: Note) -> None:
        """`checkpoint` against the history."""
        place = self._place(CHECKPOINT)
        self.note = note
        try:
            if self.chain.spans:
                self.chain.check(note, current.size)
                if current.origin != self.chain.name:
                    self.report.problem(None, f"it speaks of {current.origin}", place)
        except LedgerError as error:
            self.report.problem(None, error.what, place)
            return
        history = self.history
        if data == history.last or (data == history.before and not history.torn):
            if history.torn:
                self.report.notes.append(f"{history.torn} torn bytes at the end of {HISTORY}, by a crash")
            return
        if read_file(self.folder / CHECKPOINT, MAX_NOTE_BYTES) != data and history.at(current.size):
            return  # it was replaced while the history was read: a writer is at work
        if current.size > self.report.size:
            self.report.problem(
                self.report.size, f"the checkpoint of {current.size:,} entries is gone", self._place(HISTORY)
            )
            self.report.size, self.report.root = current.size, base64_text(current.root)
        else:
            self.report.problem(None, f"it is not the last checkpoint of {HISTORY}", place)

    # --- (2)

    def _volumes(self) -> bool:
        looked = self._look()
        if looked is None:
            return False
        sealed, actives, numbers = looked
        committed = self.report.size
        if len(sealed) * self._entries > max(committed, self._signed_since()):
            self.report.problem(committed, "it lists entries that were never signed", self._place(SEALED))
        tasks = [self._task(line.volume, line) for line in sealed]
        spread = len(tasks) >= _SPREAD_VOLUMES
        for task, found in zip(tasks, self._workers.map(check, tasks, spread=spread), strict=True):
            self._take(self._unless_pruned_meanwhile(task, found))
        self._count_pruned(len(tasks))
        for found in actives:
            self._take(found)
        stray = [active_name(number) for number in numbers if number * self._entries > self.total]
        if stray:
            self.report.notes.append(f"{', '.join(stray)} do not join on to what is before them")
        if self.total < committed:
            there = [line.volume for line in sealed]
            unlisted = volume_name(len(there))
            if (self.folder / unlisted).exists():
                self.report.problem(self.total, f"it does not list {unlisted}", self._place(SEALED))
            self.report.problem(
                self.total, f"{committed:,} entries were signed, and only {self.total:,} can be read"
            )
        self.report.uncommitted = max(0, self.total - committed)
        return True

    def _look(self) -> tuple[list[SealedLine], list[Found], list[int]] | None:
        """The list of sealed volumes, and what is in the active files behind them."""
        for _ in range(_LOOKS):
            try:
                sealed = sealed_lines(read_file(self.folder / SEALED, MAX_SEALED_BYTES))
                self.floor = floor_of(self.folder)
            except FileNotFoundError:
                self.report.problem(None, "the file is missing", self._place(SEALED))
                return None
            except LedgerError as error:
                file = PRUNED if error.what.startswith(PRUNED) else SEALED
                self.report.problem(None, error.what, self._place(file))
                return None
            numbers = [number for number in active_volumes(self.folder) if number >= len(sealed)]
            found: list[Found] = []
            try:
                for volume in numbers:
                    if volume != len(sealed) + len(found) or (found and found[-1].count < self._entries):
                        break
                    found.append(check(self._task(volume, None)))
            except FileNotFoundError:
                continue  # sealed a moment ago
            if read_file(self.folder / SEALED, MAX_SEALED_BYTES) == sealed_text(sealed):
                return sealed, found, numbers
        self.report.unchecked("the trail changes faster than it can be read")
        return None

    def _task(self, volume: int, line: SealedLine | None) -> Task:
        first, end = volume * self._entries, (volume + 1) * self._entries
        sizes = self.history.sizes
        wanted = list(sizes[bisect_right(sizes, first) : bisect_left(sizes, end)])
        wanted += [size for size in self._anchors.sizes(self.report.origin) if first < size < end]
        below = first < self.floor and line is not None
        pruned = below and not (self.folder / volume_name(volume)).exists()
        return Task(self.folder, volume, self._entries, line, tuple(wanted), pruned)

    def _signed_since(self) -> int:
        """The size of the checkpoint that is there now: a writer may have signed and sealed meanwhile."""
        try:
            later, note = Checkpoint.from_note(read_file(self.folder / CHECKPOINT, MAX_NOTE_BYTES))
            self._find_key()
            if self.chain.spans:
                self.chain.check(note, later.size)
        except (SealtrailError, OSError):
            return 0
        return later.size if later.origin == self.report.origin else 0

    def _unless_pruned_meanwhile(self, task: Task, found: Found) -> Found:
        """What a worker found, or, where its volume was pruned under it, what is left of the volume."""
        if task.pruned or (self.folder / volume_name(task.volume)).exists():
            return found
        self.floor = floor_of(self.folder)
        again = self._task(task.volume, task.line)
        return check(again) if again.pruned else found

    def _count_pruned(self, volumes: int) -> None:
        if self.floor % self._entries:
            self.report.problem(0, f"volumes go whole, and none ends at {self.floor:,}", self._place(PRUNED))
        names = [self.folder / volume_name(volume) for volume in range(volumes)]
        below = names[: self.floor // self._entries]
        gone = [volume for volume, path in enumerate(below) if not path.exists()]
        self.missing = (gone[-1] + 1) * self._entries if gone else 0
        if gone != list(range(len(gone))):
            self.report.problem(0, "volumes are missing that were not pruned in order")
        self.report.first = self.missing

    def _take(self, found: Found) -> None:
        first = found.volume * self._entries
        for index, what, file in found.problems:
            if file:
                self.report.problem(index, what, self._place(file))
            elif index < self.report.size:
                self.report.problem(index, what)
            else:
                self.report.notes.append(f"uncommitted, from {index:,} on: {what}")
        self.heads += found.heads
        self.prunes += found.prunes
        self.disposals += found.disposals
        self.link = self.link or found.link
        self._peaks.update(found.peaks)
        self.report.torn += found.torn
        whole = self._prefix[-1].copy()
        if found.count == self._entries:
            whole.extend([found.root], self._level)
        self._prefix.append(whole)
        self.total = first + found.count
        if found.count and found.count < self._entries:
            # The end of the file is a size somebody may ask for without having signed it.
            self._peaks.setdefault(self.total, found.tail)

    # --- (3)

    def _roots(self) -> None:
        last_good, bad, unknown = 0, list[tuple[int, int]](), 0
        for number, size in enumerate(self.history.sizes):
            if size > self.total:
                break
            root = self.root_at(size) if self._known(size) else None
            if root is None:
                unknown += 1
            elif root == self.history.root(number):
                last_good = size
            else:
                bad.append((number, size))
        if unknown:
            self.report.notes.append(
                f"{unknown} checkpoints lie in what was pruned: only their signatures count"
            )
        if not bad:
            return
        number, size = bad[0]
        if last_good > size:  # the entries are right, so a checkpoint says what the log never was
            for number, size in bad:
                what = f"checkpoint {number}, of {size:,} entries, does not fit them"
                self.report.problem(size, what, self._place(HISTORY))
        elif not any(p.index is not None and p.index < size for p in self.report.problems):
            index = last_good
            self.report.problem(
                index,
                f"somewhere in {index:,} to {size - 1:,} are entries that are not the ones that were signed",
            )

    def _handed_over(self) -> None:
        """The trail's own hand-overs are checkpoints that it signed. Those of other keys say nothing."""
        for one in self.chain.handovers:
            what = f"{self.name}/{one.proof.index} hands it over to another key at {one.size:,} entries"
            if self.history.at(one.size) == one.root:
                self._note(what)
            elif self.holds(one.size) and self.root_at(one.size) == one.root and one.size > self.report.size:
                self._note(f"{what}; its checkpoint is not published yet, by a crash")
            elif one.size > self.report.size:
                self.report.problem(
                    self.report.size, f"cut off: {what}, and the last checkpoint is one of fewer"
                )
            else:
                self.report.problem(None, f"{what}, and no such checkpoint is here", self._place(HISTORY))
        if len(self.chain.handovers) < len(self.handovers) and self.chain.spans:
            self._note("not every hand-over in it leads to a key that is trusted")

    def _cosigned(self) -> None:
        """`witnessed` is one more signed statement about the trail, and has to fit it."""
        data = read_witnessed(self.folder)
        if not data:
            return
        place = self._place(WITNESSED)
        try:
            checkpoint, note = Checkpoint.from_note(data)
            if self.chain.spans:
                self.chain.check(note, checkpoint.size)
        except (SealtrailError, UnicodeDecodeError) as error:
            self.report.problem(None, getattr(error, "what", str(error)), place)
            return
        size = checkpoint.size
        if checkpoint.origin != self.report.origin:
            self.report.problem(None, f"it speaks of {checkpoint.origin}", place)
        elif size > max(self.report.size, self._signed_since()):
            what = f"cut off: the checkpoint of {size:,} entries was witnessed, and covers more than is here"
            self.report.problem(self.report.size, what)
        elif (root := self.root_at(size)) is None:
            self.report.notes.append(f"the witnessed checkpoint of {size:,} entries cannot be compared")
        elif root != checkpoint.root:
            if not any(p.index is not None and p.index < size for p in self.report.problems):
                self.report.problem(None, f"it has another root for the first {size:,} entries", place)
        else:
            self.witnessed = note

    def _strangers(self) -> None:
        names = sorted(path.name for path in self.folder.iterdir()) if self.folder.is_dir() else []
        strange = [name for name in names if not is_ledger_name(name)]
        torn = [name for name in names if name.startswith("torn-")]
        if strange:
            self.report.notes.append(f"not of the ledger: {', '.join(strange[:10])}")
        if torn:
            self.report.notes.append(
                f"{len(torn)} tails were cut off after a crash and kept: {', '.join(torn[:10])}"
            )
