"""Step (5) of the argument in `verify`, its second half: what a hold was on is there, copied and proved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from sealtrail.errors import SealtrailError, TamperedError
from sealtrail.event import base_of, trail_order
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import read_file
from sealtrail.ledger.heads import Disposal, Prune
from sealtrail.ledger.held import ENTRY_SUFFIX, PROOF_SUFFIX, members, place_of
from sealtrail.ledger.layout import HOLDS_FOLDER, MAX_ENTRY_BYTES
from sealtrail.ledger.merkle import leaf_hash
from sealtrail.ledger.note import MAX_NOTE_BYTES
from sealtrail.ledger.proof import TlogProof, check_inclusion
from sealtrail.ledger.pruning import AUDIT
from sealtrail.ledger.report import counted
from sealtrail.ledger.trailcheck import TrailCheck


def check_held(data: Path, checks: Mapping[str, TrailCheck], entries: int) -> None:
    """Every entry that a prune says was copied for a hold is there and proved, unless it was disposed of."""
    audits = [check for name, check in checks.items() if base_of(name) == AUDIT]
    kept: dict[str, set[int]] = {}
    for record in _said(audits):
        check = checks.get(record.trail)
        if check is None:
            continue
        # A range may claim more than there ever was: only what the trail signed can have been copied.
        within = tuple((max(first, 0), min(end, check.report.size)) for first, end in record.held)
        known = kept.setdefault(record.trail, set())
        (known.update if isinstance(record, Prune) else known.difference_update)(members(within))
    for trail, indexes in kept.items():
        _Copies(data, checks[trail], entries).check(sorted(indexes))


def _said(audits: Iterable[TrailCheck]) -> Iterator[Prune | Disposal]:
    """What was signed of prunes and disposals, in the order in which it was."""
    for audit in sorted(audits, key=lambda check: trail_order(check.name)):
        records: list[Prune | Disposal] = [*audit.prunes, *audit.disposals]
        yield from sorted(
            (one for one in records if one.index < audit.report.size), key=lambda one: one.index
        )


class _Copies:
    """The copies of one trail's entries."""

    def __init__(self, data: Path, check: TrailCheck, entries: int) -> None:
        self._data = data
        self._check = check
        self._entries = entries
        self._roots: dict[bytes, Checkpoint] = {}  # checkpoints of proofs, once they are known to be good

    def check(self, indexes: list[int]) -> None:
        good = 0
        for index in indexes:
            path = place_of(self._data / HOLDS_FOLDER, self._check.name, index, ENTRY_SUFFIX, self._entries)
            why = self._wrong(path, index)
            good += not why
            if why:
                place = str(path.relative_to(self._data))
                self._check.report.problem(index, f"a hold is on {self._check.name}/{index}: {why}", place)
        if good:
            self._check.report.notes.append(
                f"{counted(good, 'pruned entry')} under legal hold kept as copies, each with its proof"
            )

    def _wrong(self, path: Path, index: int) -> str:
        """What is wrong with a copy; empty where it is proved."""
        try:
            entry = read_file(path, MAX_ENTRY_BYTES)
            text = read_file(path.with_suffix(PROOF_SUFFIX), 2 * MAX_NOTE_BYTES).decode()
            proof = TlogProof.from_text(text)
            checkpoint = self._checkpoint(proof.checkpoint)
            if proof.index != index:
                return f"its proof is that of entry {proof.index:,}"
            check_inclusion(index, checkpoint.size, leaf_hash(entry), proof.hashes, checkpoint.root)
        except FileNotFoundError:
            return "its copy is missing"
        except SealtrailError as error:
            return f"its copy is not proved: {error.what}"
        except (OSError, UnicodeDecodeError):
            return "its copy cannot be read"
        return ""

    def _checkpoint(self, note: bytes) -> Checkpoint:
        known = self._roots.get(note)
        if known is None:
            known, signed = Checkpoint.from_note(note)
            if self._check.chain.keys:
                self._check.chain.check(signed, known.size)
            if known.origin != self._check.report.origin:
                raise TamperedError(f"the checkpoint of its proof is of {known.origin}")
            if self._check.root_at(known.size) != known.root:
                raise TamperedError(f"the trail has another root for {known.size:,} entries than its proof")
            self._roots[note] = known
        return known
