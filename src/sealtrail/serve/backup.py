"""`sealtrail backup`: a consistent copy of a data folder, also while a server appends to it.

The order in which things are copied is the argument that nothing acknowledged before is missing and that
nothing in the copy speaks of what is not in it:

 1. `state`     What was seen, and how far followers are. Each file speaks of entries below a place that was
                reached when it was read, and so below the mark: a restored folder may look at entries twice,
                which changes nothing, and passes over none. Places in spools are left out: a restored
                folder reads its spools from the start, and finds duplicates.
 2. the floors  What was pruned before this is on record below the mark. What is pruned later makes the
                copy begin anew.
 3. the keys    Before the trails: from a key that was replaced meanwhile the copied trails lead to the one
                they are signed with, and not the other way round.
 4. the mark    The writer signs all it has and says how far the trails reach, between two commits. What
                was acknowledged before the command began lies below. Without a server, the folder is ours
                for the time and the mark is where it ends.
 5. the trails  Exactly up to the mark, however far the server has gone on since.
 6. the rest    Rejects, other keys, settings: what was there at the mark is in it.
 7. checking    The copy is verified as `sealtrail verify` would, while the original is still there.
 8. manifest    Last, then the name: a crash before leaves `.NAME....partial` and no backup.

The index is not copied: it is made again from the trails.
"""

from __future__ import annotations

import fnmatch
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.collect.inbox import ask
from sealtrail.collect.own import BACKUP
from sealtrail.errors import NotFoundError, TamperedError, UsageError
from sealtrail.event import Position
from sealtrail.event.entry import stamp
from sealtrail.ledger.copying import copy_file, copy_trail
from sealtrail.ledger.files import Disk, refusals, write_new
from sealtrail.ledger.layout import HOLDS_FOLDER, VOLUME_ENTRIES
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.verify import verify
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder, WriterLock
from sealtrail.serve.manifest import MANIFEST, Copied, Manifest, Reach, digest_of, files_in

# Of `state/`: what belongs to a running server or to spools of this machine. Rejects have their own turn.
NOT_COPIED: Final = ("writer.lock", "inbox/*", "rejects/*", "cursors/spool-*")

# Of `keys/`: what was copied before, and keys that a trail is only about to be handed over to.
SIGNING: Final = ("*.key", "*.vkey", "*.key.*", "*.vkey.*")

# A volume that is pruned under a copy is rare: a second attempt meets none.
ATTEMPTS: Final = 3


class Made(msgspec.Struct, frozen=True):
    """A backup that was made: its manifest, and the SHA-256 of the manifest in hexadecimal."""

    manifest: Manifest
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.manifest.files)


def backup(
    data: Path,
    target: Path,
    *,
    with_keys: bool = True,
    disk: Disk | None = None,
    volume_entries: int = VOLUME_ENTRIES,
) -> Made:
    """Copy the data folder into `target`, which must not be there yet.

    Raises UsageError for a target that cannot be taken, TamperedError when the copy does not verify,
    LedgerError (ledger.io) when the disk refuses; then nothing is left at `target`.
    """
    disk = disk or Disk()
    folder = Folder(data)
    folder.check()
    begun = stamp(datetime.now(UTC))
    with new_folder(target, apart_from=data, disk=disk) as partial:
        with _marking(folder, volume_entries) as mark:
            trails = _copy_whole(folder, partial, mark, with_keys, disk, volume_entries)
        report = verify(partial, volume_entries=volume_entries)
        if report.verdict == "tampered":
            trail, problem = next((t.trail, p) for t in report.trails for p in t.problems)
            raise TamperedError(
                f"the copy does not verify: {problem.place}: {problem.what}",
                trail=trail,
                hint="`sealtrail verify` on the data folder says more. To keep the folder as it is, for "
                "evidence, stop the server and copy it with `cp -a`.",
            )
        files = [Copied(path, *digest_of(place)) for path, place in sorted(files_in(partial).items())]
        made = Manifest(1, begun, version("sealtrail"), with_keys, trails, files)
        sync_folders(partial, disk)
        with refusals(partial):
            write_new(disk, partial / MANIFEST, made.data)
            disk.sync_folder(partial)
    done = Made(made, digest_of(target / MANIFEST)[1])
    _record(folder, target, done)
    return done


@contextmanager
def new_folder(target: Path, *, apart_from: Path, disk: Disk) -> Iterator[Path]:
    """A folder beside `target` that becomes it, durably, if the block ends well, and goes if it does not."""
    inside, outside = target.resolve(), apart_from.resolve()
    if inside.is_relative_to(outside) or outside.is_relative_to(inside):
        raise UsageError("usage.path", f"{target} and {apart_from} lie in one another")
    if target.exists() or target.is_symlink():
        raise UsageError(
            "usage.path", f"{target} is there already", hint="Name a new folder: nothing is overwritten."
        )
    if not target.parent.is_dir():
        raise UsageError("usage.path", f"{target.parent} is not a folder")
    with refusals(target):
        partial = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".partial", dir=target.parent))
        try:
            yield partial
            disk.rename(partial, target)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        disk.sync_folder(target.parent)


def private(folder: Path) -> None:
    """Make a folder and those above it that are missing, for their owner alone."""
    if not folder.is_dir():
        private(folder.parent)
        folder.mkdir(mode=0o700)


def sync_folders(folder: Path, disk: Disk) -> None:
    """Make every name in a tree durable, from the leaves up."""
    with refusals(folder):
        for place in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
            disk.sync_folder(place)
        disk.sync_folder(folder)


@contextmanager
def _marking(folder: Folder, volume_entries: int) -> Iterator[Callable[[], Position]]:
    """What gives the mark: the server that has the folder open, or ourselves while nobody has."""
    if folder.writer() is not None:
        yield lambda: dict(ask(folder.inbox, {"act": "mark"})["position"])
        return
    with WriterLock(folder):
        reader = LedgerReader(folder.root, volume_entries=volume_entries)
        try:
            yield reader.sizes
        finally:
            reader.close()


def _copy_whole(
    folder: Folder,
    partial: Path,
    mark: Callable[[], Position],
    with_keys: bool,
    disk: Disk,
    volume_entries: int,
) -> dict[str, Reach]:
    for _ in range(ATTEMPTS - 1):
        try:
            return _copy(folder, partial, mark, with_keys, disk, volume_entries)
        except NotFoundError:
            for left in partial.iterdir():
                shutil.rmtree(left)
    return _copy(folder, partial, mark, with_keys, disk, volume_entries)


def _copy(
    folder: Folder,
    partial: Path,
    mark: Callable[[], Position],
    with_keys: bool,
    disk: Disk,
    volume_entries: int,
) -> dict[str, Reach]:
    root = folder.root
    reader = LedgerReader(root, volume_entries=volume_entries)
    with refusals(partial):
        _copy_tree(folder.state, partial / "state", disk, skip=NOT_COPIED)
        floors = reader.first()
        # Twice, here and at the end: what is stated below the mark may have been disposed of behind it, and
        # may have been copied since now.
        _copy_holds(folder, partial, disk)
        for half in ("*.key", "*.vkey") if with_keys else ("*.vkey",):
            _copy_tree(folder.keys, partial / "keys", disk, only=half)
        position = mark()
        trails = {}
        disk.mkdir(partial / "trails")
        for trail, size in position.items():
            note = copy_trail(
                folder.trails / trail,
                partial / "trails" / trail,
                size,
                floors.get(trail, 0),
                disk,
                volume_entries=volume_entries,
            )
            trails[trail] = Reach(size, note.decode())
        _copy_holds(folder, partial, disk)
        _copy_tree(folder.rejects, partial / "state" / "rejects", disk)
        if with_keys:
            _copy_tree(folder.keys, partial / "keys", disk, skip=SIGNING)
        for name in ("settings.toml", "format"):
            if (root / name).exists():
                copy_file(root / name, partial / name, disk)
    return trails


def _copy_holds(folder: Folder, partial: Path, disk: Disk) -> None:
    if folder.holds.exists():
        _copy_tree(folder.holds, partial / HOLDS_FOLDER, disk)


def _copy_tree(
    source: Path, target: Path, disk: Disk, *, only: str = "*", skip: tuple[str, ...] = ()
) -> None:
    """Copy the files of a folder, without what is still being written and without links."""
    disk.mkdir(target)
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source)
        if any(part.startswith(".") for part in inner.parts) or path.is_symlink() or not path.is_file():
            continue
        if not fnmatch.fnmatch(path.name, only) or any(fnmatch.fnmatch(str(inner), s) for s in skip):
            continue
        private((target / inner).parent)
        try:
            copy_file(path, target / inner, disk)
        except FileNotFoundError:  # state that was dropped a moment ago
            (target / inner).unlink(missing_ok=True)


def _record(folder: Folder, target: Path, done: Made) -> None:
    """A backup takes everything with it: that is an act. `evidence` says why nobody records one offline."""
    if folder.writer() is None:
        return
    fields: Mapping[str, object] = {
        "event.action": BACKUP,
        "event.type": ["access"],
        "user.id": operator(),
        "event.reason": f"{target.name}, {'with' if done.manifest.keys else 'without'} keys",
        "sealtrail.details": {
            "manifest": done.sha256,
            "trails": {trail: reach.size for trail, reach in done.manifest.trails.items()},
        },
    }
    ask(folder.inbox, {"act": "record", "fields": fields})
