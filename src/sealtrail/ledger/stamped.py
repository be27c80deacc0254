"""The timestamps beside a trail, held against its checkpoints: step (7) of the argument in `verify`.

They say since when what was signed is as it is. They anchor nothing by themselves: whoever holds the key can
write another past today, and have that one stamped today.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from sealtrail.errors import LedgerError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import read_file
from sealtrail.ledger.history import read_history
from sealtrail.ledger.layout import TRAILS_FOLDER, timestamp_of
from sealtrail.ledger.report import counted
from sealtrail.ledger.token import MAX_TOKEN_BYTES, Authority, Token, stamped_by
from sealtrail.ledger.trailcheck import TrailCheck
from sealtrail.ledger.workers import Workers

AHEAD: Final = timedelta(minutes=5)  # what the clock of a verifier may be behind an authority's


def check_tokens(check: TrailCheck, authorities: Sequence[Authority], pool: Workers) -> None:
    """Every token of a trail: whole, over a checkpoint that was signed, by an authority that was given."""
    report = check.report
    if not check.folder.is_dir():
        return
    names = sorted(path.name for path in check.folder.iterdir())
    good: list[tuple[int, str]] = []
    loose, fresh = 0, None
    for name in names:
        found = timestamp_of(name)
        if found is None:
            continue
        size, mark = found
        place = f"{TRAILS_FOLDER}/{check.name}/{name}"
        root = check.history.at(size)
        if root is None and size > report.size:
            # A writer may have signed it since we read the history.
            fresh = fresh or read_history(check.folder, check.chain, report.origin, pool)
            root = fresh.at(size)
        if root is None:
            what = f"a checkpoint of {size:,} entries was timestamped and is not in the history"
            report.problem(min(size, report.size), what, place)
            continue
        text = Checkpoint(report.origin, size, root).text
        try:
            data = read_file(check.folder / name, MAX_TOKEN_BYTES)
            if not sha256(data).hexdigest().startswith(mark):
                report.problem(None, "it is not the timestamp that was kept under this name", place)
                continue
            token = Token(data)
            if authorities:
                stamped_by(authorities, token, text)
            else:
                token.check(text)
        except LedgerError as error:
            report.problem(None, error.what, place)
            continue
        except FileNotFoundError:
            continue  # it was there a moment ago; who removes one takes away what it vouched for, no more
        if token.made > datetime.now(UTC) + AHEAD:
            report.problem(None, f"it is from {token.moment}, which is still to come", place)
        elif authorities:
            good.append((size, token.moment))
        else:
            loose += 1
    if loose:
        told = counted(loose, "timestamp")
        report.notes.append(f"{told} fit, unverified: give the authority's certificate with --tsa")
    if authorities and not good and not report.problems:
        report.notes.append("no timestamp is beside this trail")
    if good:
        _tell(check, good)


def _tell(check: TrailCheck, good: Sequence[tuple[int, str]]) -> None:
    report = check.report
    report.timestamped_to, report.existed_by = max(good)
    first = min(good)
    told = f"{counted(len(good), 'timestamp')} by a given authority"
    report.notes.append(told + (f"; {first[0]:,} existed no later than {first[1]}" if len(good) > 1 else ""))
