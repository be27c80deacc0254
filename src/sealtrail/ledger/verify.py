"""Is what is on disk what was signed? The argument, in numbered steps.

 (0) Find the trails and the key of each. A key from the same folder proves only that the folder agrees with
     itself, and the report says so.
 (1) Every checkpoint of the history is well formed, signed by that key, of that origin, and larger than the
     one before; the first is that of the empty log. `checkpoint` is the last of them, or, after a crash
     between the two, the one before.
 (2) Every volume by itself, in parallel: entries, tile and the line in `sealed` agree, the compressed file is
     the one that was sealed. Frames of active files are whole and in order.
 (3) The root of the entries at the size of every checkpoint is the root that was signed. With (1) this means:
     the entries are those the log signed, from the first to the last, and it never signed anything else that
     is still in its history.
 (4) The last entry under a checkpoint is the head of another trail. So every such entry demands a checkpoint
     of its size (a checkpoint that was taken out shows), and what it says of the other trail must be true (a
     trail that is missing, cut or rewritten shows). The first entry of a successor, which a restore opened,
     does the same for the trail it goes on from, which must have ended there.
 (5) What is missing at the front was pruned, and the audit trail says so in an entry that was signed. What
     that entry says was copied for a legal hold is there, each copy with its proof.
 (6) Anchors. Everything so far can be redone by whoever holds the key. A checkpoint kept elsewhere, or a
     witness's cosignature, cannot: its root must be the root of the entries at its size.
 (7) Timestamps. A token beside the trail is over a checkpoint of its history, and by an authority that was
     given: those entries existed no later than it says. It anchors nothing: another past can be stamped too.

Bytes behind the last checkpoint are uncommitted: nobody signed them yet, so nothing can contradict them.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from sealtrail.errors import SealtrailError, TamperedError, UsageError
from sealtrail.ledger import consistency
from sealtrail.ledger.anchors import Anchors
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import read_file
from sealtrail.ledger.handover import Handover
from sealtrail.ledger.heldcheck import check_held
from sealtrail.ledger.layout import (
    HISTORY,
    KEYS_FOLDER,
    SEALED,
    TRAIL_NAME,
    TRAILS_FOLDER,
    VOLUME_ENTRIES,
    vkey_name,
)
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import MAX_NOTE_BYTES, VerifyKey, base64_text
from sealtrail.ledger.policy import Policy
from sealtrail.ledger.proof import TlogProof, check_inclusion
from sealtrail.ledger.pruning import explain_pruning
from sealtrail.ledger.report import Report, TrailReport, counted
from sealtrail.ledger.revocation import Revocation, limits
from sealtrail.ledger.stamped import check_tokens
from sealtrail.ledger.successors import check_links, pass_back
from sealtrail.ledger.tilescheck import check_tiles
from sealtrail.ledger.token import Authority
from sealtrail.ledger.trailcheck import TrailCheck
from sealtrail.ledger.workers import Workers

_AUDIT: Final = "audit"


def verify(
    path: Path,
    *,
    checkpoints: Sequence[bytes] = (),
    keys: Sequence[VerifyKey] = (),
    policy: Policy | None = None,
    authorities: Sequence[Authority] = (),
    entry: bytes | None = None,
    handovers: Sequence[Handover] = (),
    revoked: Sequence[Revocation] = (),
    workers: int | None = None,
    volume_entries: int = VOLUME_ENTRIES,
) -> Report:
    """Verify a data folder, a trail folder, an exported log, a `.tlog-proof`, or a consistency proof.

    `checkpoints` are notes kept elsewhere, `keys`, `policy` and `authorities` (of timestamps) say whom to
    trust, `entry` is the bytes a proof is about. `handovers` lead from given keys to newer ones where a proof
    comes alone, `revoked` are keys that were stolen. `workers` None is a process for every processor;
    programs that call this with more than one guard their main module, as multiprocessing asks. Raises
    UsageError when `path` is none of these, and LedgerError (ledger.format) when a given checkpoint is not
    one.
    """
    anchors = Anchors(
        checkpoints,
        keys,
        policy,
        int(time.time()),
        handovers,
        authorities=authorities,
        revoked=limits(revoked),
    )
    path = path.resolve()
    if path.is_file():
        report = _check_proof(path, anchors, entry)
    elif not path.is_dir():
        raise UsageError("usage.path", f"{path} is not there")
    elif any((path / name).is_dir() for name in (TRAILS_FOLDER, KEYS_FOLDER)):
        with Workers(workers) as pool:
            report = _check_data(path, anchors, pool, volume_entries)
    elif (path / "tile").is_dir():
        report = Report([check_tiles(path, anchors)])
    elif any((path / name).exists() for name in (SEALED, HISTORY)) or any(path.glob("active-*")):
        with Workers(workers) as pool:
            report = _check_trails(
                {path.name: path}, path.parent.parent, anchors, pool, volume_entries, alone=True
            )
    else:
        raise UsageError(
            "usage.path",
            f"{path} is no data folder, trail, exported log or proof",
            hint="A data folder holds `trails`, a trail `checkpoints`, an exported log `tile`.",
        )
    anchors.close(report)
    return report


def _check_data(data: Path, anchors: Anchors, pool: Workers, entries: int) -> Report:
    """(0) Find the trails."""
    folders = data / TRAILS_FOLDER
    found = {
        path.name: path
        for path in (sorted(folders.iterdir()) if folders.is_dir() else [])
        if path.is_dir() and TRAIL_NAME.fullmatch(path.name)
    }
    report = _check_trails(found, data, anchors, pool, entries, alone=False)
    keyed = {path.stem for path in (data / KEYS_FOLDER).glob("*.vkey")}
    for name in sorted(keyed - {trail.trail for trail in report.trails}):
        missing = TrailReport(name)
        missing.unchecked("there is a key for this trail, but no folder: it was never opened, or was removed")
        report.trails.append(missing)
    if not report.trails:
        report.notes.append("there are no trails here")
    return report


def _check_trails(
    folders: Mapping[str, Path], data: Path, anchors: Anchors, pool: Workers, entries: int, *, alone: bool
) -> Report:
    checks: dict[str, TrailCheck] = {}
    try:
        # (0) to (3)
        for name, folder in folders.items():
            key_file = data / KEYS_FOLDER / vkey_name(name)
            checks[name] = TrailCheck(folder, key_file, anchors, pool, entries)
            checks[name].run()
        reports = {name: check.report for name, check in checks.items()}
        for check in checks.values():
            _demand_checkpoints(check)
            _compare_heads(check, checks, reports, alone=alone)
            explain_pruning(check, checks, alone=alone)
        if not alone:
            check_held(data, checks, entries)
        check_links(checks, reports, alone=alone)
        # (6)
        for check in checks.values():
            anchors.judge(check.report, check.chain, check.root_at, check.note, check.witnessed)
        for check in checks.values():
            _pass_on(check, checks)
        pass_back(checks)
        # (7)
        for check in checks.values():
            check_tokens(check, anchors.authorities, pool)
        return Report([reports[name] for name in sorted(reports)])
    finally:
        for check in checks.values():
            check.close()


def _demand_checkpoints(check: TrailCheck) -> None:
    """(4) Every head of another trail is the last entry under a checkpoint of this one."""
    heads = check.heads
    fresh = None
    for at, head in enumerate(heads):
        following = heads[at + 1] if at + 1 < len(heads) else None
        if following is not None and (following.index, following.moment) == (head.index + 1, head.moment):
            continue  # heads of several trails in one commit: the last one counts
        size = head.index + 1
        if check.history.at(size) is not None or size == check.total:
            continue  # at the very end the signature may still be on its way: recovery signs it
        if size > check.report.size:
            # A writer may have signed it since we read the history.
            fresh = fresh or check.later()
            if fresh.at(size) is not None:
                continue
        check.report.problem(
            head.index,
            f"the checkpoint of {size:,} entries, signed here, is gone",
            check_place(check, HISTORY),
        )


def check_place(check: TrailCheck, file: str) -> str:
    """How a report names a file of a trail."""
    return f"{TRAILS_FOLDER}/{check.name}/{file}"


def _compare_heads(
    check: TrailCheck, checks: Mapping[str, TrailCheck], reports: dict[str, TrailReport], *, alone: bool
) -> None:
    """(4) What the heads say of other trails is true."""
    open_questions = 0
    for head in check.heads:
        if head.index >= check.report.size:
            break  # unsigned: it may be anybody's
        where = f"{check.name}/{head.index}"
        other = checks.get(head.trail)
        if other is None:
            if not alone:
                report = reports.setdefault(head.trail, TrailReport(head.trail))
                if not report.problems:
                    report.problem(None, f"the trail is missing; {where} records {head.size:,} entries of it")
            continue
        if not other.holds(head.size):
            what = f"{where} records {head.size:,} entries, {other.total:,} are there"
            if not _explained(other, head.size):
                other.report.problem(other.total, what)
            continue
        root = other.root_at(head.size)
        if root is None:
            open_questions += 1
        elif root != head.root and not _explained(other, head.size):
            other.report.problem(
                None, f"{where} records another root for the first {head.size:,} entries of {other.name}"
            )
    if open_questions:
        check.report.notes.append(
            f"{counted(open_questions, 'head')} of other trails could not be compared: what they speak of "
            "was pruned, or cannot be read"
        )


def _explained(check: TrailCheck, size: int) -> bool:
    """Is a difference below `size` already reported?"""
    return any(problem.index is not None and problem.index < size for problem in check.report.problems)


def _pass_on(check: TrailCheck, checks: Mapping[str, TrailCheck]) -> None:
    """(6) A head under an anchored checkpoint anchors the other trail as well."""
    for head in check.heads:
        if head.index >= check.report.anchored_to:
            break
        other = checks.get(head.trail)
        if other is not None and not other.report.problems and head.size <= other.report.size:
            other.report.anchored_to = max(other.report.anchored_to, head.size)


def _check_proof(path: Path, anchors: Anchors, entry: bytes | None) -> Report:
    """A `.tlog-proof`: the checkpoint's signature, and with the entry its place under the root."""
    data = read_file(path, 2 * MAX_NOTE_BYTES)
    if data.startswith(consistency.BEGINNING):
        return Report([consistency.check_file(path.name, data, anchors)])
    try:
        proof = TlogProof.from_text(data.decode())
        checkpoint, note = Checkpoint.from_note(proof.checkpoint)
    except (SealtrailError, UnicodeDecodeError) as error:
        what = error.what if isinstance(error, SealtrailError) else "it is not text"
        raise UsageError("usage.path", f"{path} is not a proof: {what}") from None
    report = TrailReport(checkpoint.origin, origin=checkpoint.origin, size=checkpoint.size, checkpoints=1)
    report.root = base64_text(checkpoint.root)
    chain = anchors.check_signature(report, checkpoint, note)
    try:
        if entry is None:
            report.unchecked("the entry was not given: only the signature could be checked")
        else:
            check_inclusion(proof.index, checkpoint.size, leaf_hash(entry), proof.hashes, checkpoint.root)
            report.proved = proof.index
    except TamperedError as error:
        report.problem(proof.index, error.what)
    anchors.judge(report, chain, {checkpoint.size: checkpoint.root}.get, note, whole=False)
    return Report([report])
