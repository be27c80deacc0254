"""The doctor's look at the data folder itself: who can reach into it, its keys, its settings."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sealtrail.accounts.keys import Keys
from sealtrail.errors import LedgerError, SealtrailError
from sealtrail.event import TRAILS, base_of, generation_of, trail_name
from sealtrail.ledger.layout import key_name, vkey_name
from sealtrail.ledger.sign import is_locked, open_key, public_of, read_vkey
from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder
from sealtrail.serve.passphrases import Passphrases
from sealtrail.settings import Settings, load
from sealtrail.spool.layout import FOLDER_MODE

YEAR: Final = 365

# What is listed by name; of the rest only how many.
_NAMED: Final = 3


def permissions(folder: Folder) -> Iterator[Finding]:
    """Everything in the data folder belongs to one user, and nobody else gets in.

    But for a spool that lies in it: that is shared, has a mode of its own, and is looked at by itself.
    """
    check, owner = "permissions", folder.root.stat().st_uid
    if owner != os.geteuid():
        yield warn(
            check,
            f"{folder.root} belongs to uid {owner}, and this is uid {os.geteuid()}",
            "Run the doctor as the collector's user: `runuser -u sealtrail -- sealtrail doctor`.",
        )
    open_, foreign, links, spools = [], [], [], []
    for path, found in _within(folder.root):
        if stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) == FOLDER_MODE:
            spools.append(path)
            continue
        if stat.S_ISLNK(found.st_mode):
            links.append(path)
        elif found.st_mode & 0o077:
            open_.append(path)
        if found.st_uid != owner:
            foreign.append(path)
    if folder.root in open_:
        todo = f"Run `{_closing(folder.root, spools)}`, and ask who may have read or changed it meanwhile."
        yield fail(check, f"others than the owner can reach into {_some(open_)}", todo)
    elif open_:
        # The folder keeps them out, for as long as nobody opens it.
        todo = f"Run `{_closing(folder.root, spools)}`."
        yield warn(check, f"only the folder protects {_some(open_)}", todo)
    if foreign:
        todo = f"Run `chown -R --reference={folder.root} {folder.root}` as root."
        yield fail(check, f"not the folder's owner has {_some(foreign)}", todo)
    if links:
        yield warn(check, f"links lead out of the folder: {_some(links)}", "Replace them by what they name.")
    if not (open_ or foreign or links):
        yield ok(check, f"{folder.root} is its owner's alone")


def _within(root: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """A folder and all in it, but for what lies in a spool."""
    waiting = [root]
    while waiting:
        path = waiting.pop()
        try:
            found = path.lstat()
            yield path, found
            if stat.S_ISDIR(found.st_mode) and stat.S_IMODE(found.st_mode) != FOLDER_MODE:
                waiting += sorted(path.iterdir(), reverse=True)
        except FileNotFoundError:
            continue  # a server goes on meanwhile


def _closing(root: Path, spools: list[Path]) -> str:
    """The command that closes a folder to all but its owner, and leaves the spools in it to their groups."""
    if not spools:
        return f"chmod -R go= {root}"
    left = " -o ".join(f"-path {spool}" for spool in spools[:_NAMED])
    return f"find {root} \\( {left} \\) -prune -o ! -type l -exec chmod go= {{}} +"


def _some(paths: list[Path]) -> str:
    named = ", ".join(map(str, paths[:_NAMED]))
    return named + (f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else "")


def keys(folder: Folder) -> Iterator[Finding]:
    """The signing keys of the trails that are written, and the keys of HTTP clients."""
    check = "keys"
    settings = load(folder.root).ledger
    passphrase = Passphrases(settings)
    there = [path.stem for path in folder.keys.glob("*.vkey")]
    generation = max((generation_of(name) for name in there if base_of(name) in TRAILS), default=1)
    for base in TRAILS:
        trail = trail_name(base, generation)
        path = folder.keys / key_name(trail)
        if settings.signer and (folder.keys / vkey_name(trail)).exists() and not path.exists():
            yield ok(check, f"the key of {trail} is held by the signer at {settings.signer}")
            continue
        if not path.exists():
            if (folder.trails / trail).exists():
                todo = "Put the key back from where it was kept, or restore a backup: that opens successors."
                yield fail(check, f"{path} is missing: {trail} cannot be signed any more", todo)
            continue
        try:
            if is_locked(path) and passphrase() is None:
                same = public_of(path) == read_vkey(folder.keys / vkey_name(trail))
                if not same:
                    raise LedgerError("ledger.key", f"{path} and its .vkey are of two keys")
                yield ok(check, f"the key of {trail} is private, and under a passphrase that is not here")
                continue
            open_key(folder.keys, trail, passphrase=passphrase)
        except SealtrailError as error:
            yield fail(check, error.what, error.hint or "Put the right key back.")
        else:
            yield ok(check, f"the key of {trail} is whole, and private")
    try:
        known = [key for key in Keys(folder.keys).list() if not key.revoked]
    except SealtrailError as error:
        yield fail(check, error.what, error.hint or "Put the file back from a backup.")
        return
    yield ok(check, f"{len(known)} API {'key is' if len(known) == 1 else 'keys are'} good")


def settings(told: Settings) -> Iterator[Finding]:
    """Settings that can be meant, and are better known."""
    check, odd = "settings", False
    keep, response = told.retention, told.response
    for name, days in (("access-days", keep.access_days), ("audit-days", keep.audit_days)):
        if days < YEAR:
            odd = True
            yield warn(
                check,
                f"[retention] {name} is {days}: less than the 12 months PCI DSS asks for",
                "Set it to 365 or more, unless a rule about deleting says otherwise.",
            )
    if response.simulate:
        odd = True
        yield warn(
            check,
            "[response] simulate is on: blocks are recorded, and nobody is refused",
            "Turn it off when you have seen enough.",
        )
    if any(network.endswith("/0") for network in response.allow):
        odd = True
        yield warn(
            check, "[response] allow names everybody: nothing is ever blocked", "Name your own networks."
        )
    if not told.ledger.origin:
        yield ok(check, "[ledger] origin is not set: the name in the keys was made up")
    if not odd:
        yield ok(check, "settings.toml is understood")
