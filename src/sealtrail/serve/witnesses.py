"""The witnesses of a data folder: `witnesses`, a C2SP tlog-policy that `verify --policy` takes as it is.

    witness w1 w1.example.org/w+1a2b3c4d+BAkD... https://w1.example.org
    group witnesses 1 w1
    quorum witnesses

People may write it by hand. The commands change the lines of witnesses and the group of this name; a quorum
that says something else is somebody's decision and stays.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.own import WITNESS_ADDED, WITNESS_REMOVED
from sealtrail.errors import NotFoundError, SealtrailError, UsageError
from sealtrail.event import Fields, predecessor
from sealtrail.follow.state import save
from sealtrail.ledger.note import COSIGNATURES, Note, VerifyKey
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.witnessed import witnessed_size
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.recording import record
from sealtrail.serve.standing import Standing, kept_of
from sealtrail.web.remote import Remote, remote

GROUP: Final = "witnesses"

# A cosignature may be from so far ahead of our clock. Verifiers accept it once their own clock is there.
SKEW_SECONDS: Final = 60

# Each is asked for every checkpoint: more than this are a mistake, or an attack on the collector's threads.
MAX_WITNESSES: Final = 32

_MAX_BYTES: Final = 1024 * 1024


class Trust(msgspec.Struct, frozen=True):
    """What `witnesses` says: whom to ask, and what makes a quorum."""

    policy: Policy
    remotes: dict[str, Remote]  # by name; those of whom no address is known are not asked

    @property
    def keys(self) -> dict[str, VerifyKey]:
        return self.policy.witnesses

    @property
    def rule(self) -> str:
        """The quorum in words."""
        group = self.policy.groups.get(self.policy.quorum)
        if group is None:
            return self.policy.quorum
        return f"{group.needed} of {len(group.members)}"


NOBODY: Final = Trust(Policy((), {}, {}), {})


def trust_of(folder: Folder) -> Trust:
    """The file as it is now; nobody where there is none. Raises UsageError where it cannot be read."""
    return _parsed(folder.witnesses, _text(folder.witnesses))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_BYTES).decode()
    except FileNotFoundError:
        return ""
    except UnicodeDecodeError:
        raise UsageError("usage.path", f"{path} is not UTF-8") from None


def _parsed(path: Path, text: str) -> Trust:
    if not text.strip():
        return NOBODY
    try:
        policy = Policy.from_text(text)
        wrong = [name for name, key in policy.witnesses.items() if key.type not in COSIGNATURES]
        if wrong:
            raise UsageError("usage.path", f"the key of {wrong[0]} is not one that witnesses sign with")
        if len(policy.witnesses) > MAX_WITNESSES:
            raise UsageError("usage.path", f"more than {MAX_WITNESSES} witnesses")
        return Trust(policy, {name: address(url) for name, url in policy.urls.items()})
    except SealtrailError as error:
        raise UsageError(
            "usage.path", f"{path}: {error.what}", hint="See docs/how-to/witness.md for its form."
        ) from None


def address(url: str) -> Remote:
    """Where a witness is asked. Raises UsageError."""
    try:
        return remote(url, "")
    except UsageError as error:
        raise UsageError(
            "usage.argument",
            error.what.replace("--url", "the address of the witness").replace(
                ": give it with --key or SEALTRAIL_KEY", "; a witness needs none"
            ),
            hint="Such as https://witness.example.org, without add-checkpoint behind it.",
        ) from None


def add(data: Path, name: str, vkey: str, url: str, quorum: str = "") -> str:
    """Ask one more witness from now on; the quorum in words. Recorded before it is done.

    `quorum`: all, any or a number; empty: what was `all` or `any` stays so, else it is a majority.
    Raises UsageError.
    """
    try:
        key = VerifyKey.from_text(vkey.strip())
    except SealtrailError as error:
        raise UsageError("usage.argument", error.what, hint="`sealtrail witness serve` prints it.") from None
    if key.type not in COSIGNATURES:
        raise UsageError(
            "usage.argument",
            f"the key of {key.name} is a log's, not a witness's",
            hint="`sealtrail witness serve` prints the key of a witness.",
        )
    place = address(url)
    folder = Folder(data)
    folder.check()
    with _changing(folder) as (text, put):
        known = _parsed(folder.witnesses, text)
        _free(name, key, known)
        line = f"witness {name} {key.text} {place.name}{place.base}"
        new = _with(text, known, [*known.keys, name], line, quorum)
        found = _parsed(folder.witnesses, new)  # what we write, we can read
        record(folder, _act(WITNESS_ADDED, "creation", name, key, f"quorum: {found.rule}", url))
        put(new)
    return found.rule


def remove(data: Path, name: str) -> str:
    """Ask a witness no more; the quorum in words. Recorded before it is done."""
    folder = Folder(data)
    folder.check()
    with _changing(folder) as (text, put):
        known = _parsed(folder.witnesses, text)
        if name not in known.keys:
            raise NotFoundError(
                "not-found.witness",
                f"there is no witness {name[:80]!r}",
                hint="`sealtrail witness list` does.",
            )
        kept = [line for line in text.splitlines() if line.split()[:2] != ["witness", name]]
        rest = [one for one in known.keys if one != name]
        try:
            new = _with("".join(f"{line}\n" for line in kept), known, rest, "", "")
            found = _parsed(folder.witnesses, new)
        except UsageError:
            raise UsageError(
                "usage.argument",
                f"a group or the quorum in {folder.witnesses} names {name}",
                hint="Change that line by hand first: who decides is your choice.",
            ) from None
        record(folder, _act(WITNESS_REMOVED, "deletion", name, known.keys[name], f"quorum: {found.rule}", ""))
        put(new)
    return found.rule


def listed(data: Path) -> dict[str, Any]:
    """The quorum, the witnesses with what the collector last noted of them, and what lacks a quorum."""
    folder = Folder(data)
    folder.check()
    trust, kept = trust_of(folder), kept_of(folder)
    rows = []
    for name, key in trust.keys.items():
        where, one = trust.remotes.get(name), kept.witnesses.get(name, Standing())
        url = f"{where.name}{where.base}" if where is not None else ""
        rows.append({"name": name, "vkey": key.text, "url": url, **msgspec.to_builtins(one)})
    lacking = unwitnessed(folder, trust)
    return {"quorum": trust.rule, "witnesses": rows, "unwitnessed": lacking, "time": kept.time}


def unwitnessed(folder: Folder, trust: Trust) -> dict[str, int]:
    """Trails whose last checkpoint lacks the quorum; how far their latest quorum reaches."""
    found: dict[str, int] = {}
    if trust.policy.quorum == "none":
        return found
    reader = LedgerReader(folder.root)
    try:
        trails = reader.trails()
        # A trail that was gone on from is signed no more, and asked for no more.
        for trail in sorted(set(trails) - {predecessor(trail) for trail in trails}):
            signed = witnessed_size(reader.checkpoint(trail))
            data = reader.witnessed(trail)
            size = witnessed_size(data)
            if (
                not size
                or not trust.policy.cosigned(Note.from_bytes(data), int(time.time()) + SKEW_SECONDS)[0]
            ):
                size = 0
            if size < signed:
                found[trail] = size
    finally:
        reader.close()
    return found


# --- the file


@contextmanager
def _changing(folder: Folder) -> Iterator[tuple[str, Callable[[str], None]]]:
    """The text to change and what writes it, under a lock: two commands at once lose no line."""
    lock = os.open(folder.state / ".witnesses.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield _text(folder.witnesses), lambda text: save(folder.witnesses, text.encode())
    finally:
        os.close(lock)


def _free(name: str, key: VerifyKey, known: Trust) -> None:
    if not name or not name.isprintable() or any(char.isspace() for char in name) or name.startswith("#"):
        raise UsageError("usage.argument", f"not a name for a witness: {name[:80]!r}")
    if name in {"none", GROUP} or name in known.policy.groups:
        raise UsageError("usage.argument", f"{name} means something else in the policy")
    same = [one for one, other in known.keys.items() if one == name or other == key]
    if same:
        raise UsageError(
            "usage.argument",
            f"{same[0]} is a witness already",
            hint=f"`sealtrail witness remove {same[0]}` first, to give it another key or address.",
        )


def _with(text: str, known: Trust, names: list[str], line: str, quorum: str) -> str:
    """The text with a line more, and with our group where the quorum is ours."""
    lines = text.splitlines()
    ours = known.policy.quorum in {"none", GROUP}
    if ours:
        lines = [one for one in lines if one.split()[:2] not in (["group", GROUP], ["quorum", GROUP])]
    elif quorum:
        raise UsageError(
            "usage.argument",
            f"the quorum is {known.policy.quorum}, which was written by hand",
            hint="Change its group by hand, or make the quorum `none`: then --quorum decides.",
        )
    if line:
        at = next(
            (n for n, one in enumerate(lines) if one.split()[:1] in (["group"], ["quorum"])), len(lines)
        )
        lines.insert(at, line)
    if ours and names and not (known.policy.quorum == "none" and "quorum none" in text and not quorum):
        lines = [one for one in lines if one.split() != ["quorum", "none"]]
        lines += [f"group {GROUP} {_needed(text, names, quorum)} {' '.join(names)}", f"quorum {GROUP}"]
    return "".join(f"{one}\n" for one in lines)


def _needed(text: str, names: list[str], quorum: str) -> str:
    words = (line.split() for line in text.splitlines())
    quorum = quorum or next((w[2] for w in words if w[:2] == ["group", GROUP] and w[2] in {"all", "any"}), "")
    if quorum in {"all", "any"}:
        return quorum
    if quorum:
        if not (quorum.isascii() and quorum.isdigit() and 1 <= int(quorum) <= len(names)):
            raise UsageError(
                "usage.argument", f"{quorum[:20]!r} of {len(names)} witnesses cannot be a quorum"
            )
        return quorum
    # Two majorities share a witness: so no two pasts can both have one, as long as that one is honest.
    return str(len(names) // 2 + 1)


def _act(action: str, kind: str, name: str, key: VerifyKey, reason: str, url: str) -> Fields:
    return {
        "event.action": action,
        "event.type": [kind],
        "event.reason": reason,
        "user.id": operator(),
        "sealtrail.target.type": "witness",
        "sealtrail.target.id": name,
        "sealtrail.details": {"vkey": key.text, "url": url},
    }
