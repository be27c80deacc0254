"""Proofs, verification and exports of a data folder."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

import msgspec

from sealtrail.collect.inbox import ask
from sealtrail.collect.own import EXPORT
from sealtrail.errors import NotFoundError, TamperedError, UsageError
from sealtrail.event import Fields
from sealtrail.ledger.anchors import keep
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.consistency import begins_with, prove_consistency_of
from sealtrail.ledger.export import export_tlog
from sealtrail.ledger.files import read_file
from sealtrail.ledger.handover import MAX_HANDOVER_BYTES, handovers_in
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.report import Report
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.token import Authority
from sealtrail.ledger.verify import verify
from sealtrail.ledger.witness import Request
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.keeping import kept
from sealtrail.serve.revoking import given

_ADDRESS = re.compile(r"([a-z][a-z0-9-]{0,31})/(\d{1,16})", re.ASCII)


class Proved(NamedTuple):
    """An entry's address, its proof (C2SP tlog-proof text) and its exact bytes."""

    address: str
    text: str
    entry: bytes


def check(
    path: Path,
    checkpoints: Sequence[Path] = (),
    keys: Sequence[Path] = (),
    policy: Path | None = None,
    entry: Path | None = None,
    tsa: Sequence[Path] = (),
    *,
    handovers: Sequence[Path] = (),
    revoked: Sequence[str] = (),
) -> Report:
    """Verify with what was kept in files. `revoked`: as `revoking.given` takes them.

    Raises LedgerError (ledger.format) where one cannot be read, and UsageError (usage.format) for a folder of
    a newer version: what this one does not understand is no contradiction.
    """
    folder = Folder(path)
    if folder.format.is_file() and folder.trails.is_dir():
        folder.check()
    report = verify(
        path,
        checkpoints=kept(checkpoints),
        keys=[read_vkey(key) for key in keys],
        policy=Policy.from_text(policy.read_text()) if policy is not None else None,
        authorities=[Authority(one.read_bytes(), str(one)) for one in tsa],
        entry=entry.read_bytes() if entry is not None else None,
        handovers=[one for each in handovers for one in handovers_in(read_file(each, MAX_HANDOVER_BYTES))],
        revoked=given(path, revoked),
    )
    if policy is not None and path.resolve() in policy.resolve().parents:
        report.notes.append(
            "the policy that was trusted came from the folder that was checked: whoever could rewrite one "
            "could name other witnesses in the other. Keep a copy of it elsewhere, and give that."
        )
    return report


def standalone_verifier() -> str:
    """The text of the verifier in one file, which an auditor runs without this package."""
    return (resources.files("sealtrail.ledger") / "standalone.py").read_text("utf-8")


def prove(data: Path, place: str) -> Proved:
    """The proof of an entry, by its address or its event.id. Raises NotFoundError."""
    from sealtrail.serve.reading import Reading  # here: it loads the index's libraries, `check` needs none

    folder = Folder(data)
    folder.check()
    reader = LedgerReader(folder.root)
    match = _ADDRESS.fullmatch(place)
    if match is not None:
        trail, index = match[1], int(match[2])
    else:
        quoted = place.replace("\\", "\\\\").replace('"', '\\"')
        rows = Reading.open(folder).search(f'event.id:"{quoted}"', limit=1)
        if not rows:
            raise NotFoundError(
                "not-found.entry",
                f"no event has the id {place[:80]!r}",
                hint="Give TRAIL/INDEX, or an event.id.",
            )
        trail, index = rows[0].trail, rows[0].index
    try:
        return Proved(f"{trail}/{index}", reader.prove(trail, index), reader.entry(trail, index))
    except NotFoundError as error:
        if not error.is_pruned:
            raise
        from sealtrail.serve.pruned import explained  # here: as above

        with explained(Reading.open(folder), trail, index):
            raise


class Begin(NamedTuple):
    """Where a proof begins or ends: a size, and what a kept checkpoint says of it, if one was given."""

    size: int
    kept: Checkpoint | None = None

    @classmethod
    def of(cls, text: str) -> Begin:
        """A size in digits, or a file that holds a checkpoint or a `.tlog-proof`. Raises UsageError."""
        if text.isascii() and text.isdigit() and len(text) < 19:
            return cls(int(text))
        try:
            kept, _ = Checkpoint.from_note(keep(Path(text).read_bytes()))
        except OSError as error:
            raise UsageError(
                "usage.path", f"{text}: {error.strerror}: not a size, nor a checkpoint"
            ) from None
        return cls(kept.size, kept)


def prove_consistency(data: Path, trail: str, old: int, new: int | None) -> bytes:
    """A consistency proof, as the body of a request to a witness. Raises NotFoundError."""
    folder = Folder(data)
    folder.check()
    return prove_consistency_of(LedgerReader(folder.root), trail, old, new)


def held(proof: bytes, begin: Begin) -> bytes:
    """The proof, when it begins with what was kept. Raises TamperedError: who kept it would be refused it."""
    request = Request.from_bytes(proof)
    new, _ = Checkpoint.from_note(request.note)
    kept = begin.kept
    if kept is not None and kept.origin != new.origin:
        raise UsageError(
            "usage.argument", f"a checkpoint of {kept.origin} was kept, and this is {new.origin}"
        )
    if kept is not None and not begins_with(new, request.old, kept.root, request.proof):
        raise TamperedError(f"this log does not begin with the {kept.size:,} entries that were kept")
    return proof


def export_events(data: Path, query: str, since: str, until: str, *, raw: bool) -> Iterator[bytes]:
    """Matches oldest first, a line each: as they are hashed, or with their address. Recorded when done."""
    from sealtrail.serve.reading import Reading  # here: as above

    folder = Folder(data)
    reading = Reading.open(folder)
    count = 0
    for row in reading.every(query, since, until):
        count += 1
        yield row.data if raw else msgspec.json.encode(row.fields)
    _record(folder, {"event.reason": f"{count} events for the query {query[:500]}"})


def export_trail(data: Path, trail: str, target: Path) -> int:
    """Write a trail as C2SP tlog-tiles at its latest checkpoint; how many entries. Recorded when done."""
    folder = Folder(data)
    folder.check()
    checkpoint = export_tlog(LedgerReader(folder.root), trail, target)
    _record(
        folder,
        {
            "event.reason": "the whole trail, as tlog-tiles",
            "sealtrail.range.trail": trail,
            "sealtrail.range.first": 0,
            "sealtrail.range.end": checkpoint.size,
        },
    )
    return checkpoint.size


def _record(folder: Folder, fields: Fields) -> None:
    """An export is an act. Without a server nobody records it: who owns the folder can read it anyway."""
    if folder.writer() is not None:
        act = {"event.action": EXPORT, "event.type": ["access"], "user.id": operator(), **fields}
        ask(folder.inbox, {"act": "record", "fields": act})
