"""The doctor's look at spools: the one place that application and collector share."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder
from sealtrail.settings import CaptureSettings
from sealtrail.ship.reporting import CONTRADICTIONS, PINS, REJECTS, STATE, STATUS, Status
from sealtrail.spool.layout import (
    BLOCKS_FILE,
    BLOCKS_STALE_SECONDS,
    FOLDER_MODE,
    PSEUDONYM_KEY_FILE,
    SEGMENT_MODE,
    SPOOL_BYTES,
    segments,
)

_LATE: Final = 60.0  # seconds without a word, after which nobody ships
_BEHIND: Final = 64 * 1024 * 1024
_MAX_STATUS: Final = 64 * 1024
_MAX_TOLD: Final = 300

TWO_USERS: Final = "docs/how-to/two-users.md says how they are kept apart."


def spool(folder: Path, data: Folder | None, *, followed: bool) -> Iterator[Finding]:
    """One spool folder. `followed`: a server follows it now, so it is emptied and its block list is fresh.

    `data` is None where the collector is on another machine: there is no user to compare with.
    """
    check = f"spool {folder}"
    try:
        found = folder.lstat()
    except FileNotFoundError:
        yield warn(
            check, "it is not there", "The application makes it with its first event: is it recording?"
        )
        return
    if not stat.S_ISDIR(found.st_mode):
        yield fail(check, "it is no folder", "Name the folder that SEALTRAIL_SPOOL names.")
        return
    yield from _modes(check, folder, found)
    shipping = _shipped(folder)
    yield from _waiting(check, folder, followed=followed or (shipping is not None and shipping.age < _LATE))
    if shipping is not None and not followed:
        yield from _shipper(check, folder, shipping)
    if followed:
        yield from _blocks(check, folder)
    if data is None:
        return
    if found.st_uid == data.root.stat().st_uid:
        yield warn(
            check,
            "application and collector run as one user: who takes over the one can rewrite the other",
            TWO_USERS,
        )
    else:
        yield ok(check, "application and collector are different users")


def _shipped(folder: Path) -> Status | None:
    """What `sealtrail ship` says of itself in the folder, which is the application's: so may this be.

    None where nobody ships from here, or nobody says so in a way that can be read.
    """
    try:
        descriptor = os.open(folder / STATE / STATUS, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            return None
        try:
            return msgspec.json.decode(file.read(_MAX_STATUS), type=Status)
        except msgspec.MsgspecError:
            return None


def _shipper(check: str, folder: Path, shipping: Status) -> Iterator[Finding]:
    told = f"it is shipped; {shipping.waiting_bytes >> 10:,} KiB wait to be acknowledged"
    if shipping.failure:
        todo = "Mend it, then start `sealtrail ship` again."
        yield fail(check, f"shipping ended: {shipping.failure}"[:_MAX_TOLD], todo)
    elif shipping.age >= _LATE:
        yield warn(check, "`sealtrail ship` emptied it once and is silent now", "Start it: `sealtrail ship`.")
    elif shipping.problem:
        yield warn(check, f"{told}, and nothing can be sent: {shipping.problem}"[:_MAX_TOLD], "See its log.")
    elif shipping.waiting_bytes > _BEHIND:
        yield warn(check, told, "Is the collector slow, or the line?")
    else:
        yield ok(check, told)
    rejects = folder / STATE / REJECTS
    if any(rejects.glob("*.ndjson")):
        todo = f"They are in {rejects}, with the reason."
        yield warn(check, "lines were refused or cut short", todo)
    if any((folder / STATE / PINS / CONTRADICTIONS).glob("*")):
        todo = "`docs/how-to/ship.md` says what that means. Keep both statements."
        yield fail(check, "the collector contradicts what it signed before", todo)


def _modes(check: str, folder: Path, found: os.stat_result) -> Iterator[Finding]:
    mode = stat.S_IMODE(found.st_mode)
    fit = True
    if mode & 0o007:
        fit = False
        todo = f"Run `chmod {FOLDER_MODE:o} {folder}`: anybody could read, drop or invent events."
        yield fail(check, f"everybody on this machine can reach into it (mode {mode:04o})", todo)
    elif mode != FOLDER_MODE:
        fit = False
        todo = f"Run `chmod {FOLDER_MODE:o} {folder}`, so that what is written there has its group."
        yield warn(check, f"its mode is {mode:04o}, not {FOLDER_MODE:o}", todo)
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        fit = False
        todo = "Put the collector's user into the folder's group."
        yield fail(check, "it cannot be read and emptied by this user", todo)
        return
    for path in folder.iterdir():
        try:
            one = path.lstat()
        except FileNotFoundError:
            continue
        wide = 0o077 if path.name == PSEUDONYM_KEY_FILE else 0o777 ^ SEGMENT_MODE
        if stat.S_ISREG(one.st_mode) and stat.S_IMODE(one.st_mode) & wide & 0o077:
            fit = False
            right = 0o600 if path.name == PSEUDONYM_KEY_FILE else SEGMENT_MODE
            told = f"{path.name} can be reached by too many (mode {stat.S_IMODE(one.st_mode):04o})"
            yield fail(check, told, f"Run `chmod {right:o} {path}`.")
    if fit:
        yield ok(check, f"its mode is {FOLDER_MODE:o}, and its files are for its group alone")


def _waiting(check: str, folder: Path, *, followed: bool) -> Iterator[Finding]:
    size = 0
    for _, path in segments(folder):
        try:
            size += path.lstat().st_size
        except FileNotFoundError:
            continue
    told = f"{size >> 20:,} MiB lie in it"
    bound = CaptureSettings.from_environment(lenient=True).spool_bytes or SPOOL_BYTES
    if size > bound // 2:
        yield fail(
            check, f"{told}; at {bound >> 20:,} MiB events are dropped", "Is a collector following it?"
        )
    elif size and not followed:
        yield warn(check, f"{told}, and no server follows it", "Start one: `sealtrail serve --spool ...`.")
    else:
        yield ok(check, told)


def _blocks(check: str, folder: Path) -> Iterator[Finding]:
    try:
        age = time.time() - (folder / BLOCKS_FILE).stat().st_mtime
    except FileNotFoundError:
        yield warn(check, "it has no block list: nobody is refused", "See the server's log.")
        return
    if age > BLOCKS_STALE_SECONDS:
        yield fail(
            check, f"its block list is {age:.0f} s old: applications ignore it", "See the server's log."
        )
    else:
        yield ok(check, "its block list is fresh")
