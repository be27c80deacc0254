"""Revoking a signing key that was stolen: on record in the audit trail, and in a list to hand out."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from sealtrail.collect.inbox import ask
from sealtrail.collect.own import revoke_event
from sealtrail.errors import NotFoundError, QueryError, UsageError
from sealtrail.event.entry import ingested
from sealtrail.ledger.files import Disk, read_file, refusals, replace
from sealtrail.ledger.layout import KEYS_FOLDER, TRAILS_FOLDER, VOLUME_ENTRIES
from sealtrail.ledger.note import VerifyKey
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.revocation import MAX_REVOKED_BYTES, Revocation, revocations_in
from sealtrail.serve.folder import Folder
from sealtrail.store.query.times import instant, micros, stamp

REVOKED: Final = "revoked"  # in keys/: a line a revocation, to be handed out


class Revoked(msgspec.Struct, frozen=True):
    """`revocation` is VKEY@SIZE, for `verify --revoked`; `until` when the trail had so many entries."""

    trail: str
    revocation: str
    size: int
    until: str


def listed(data: Path) -> list[Revocation]:
    """What was revoked in this folder. Raises LedgerError (ledger.format)."""
    try:
        return revocations_in(read_file(data / KEYS_FOLDER / REVOKED, MAX_REVOKED_BYTES))
    except FileNotFoundError:
        return []


def revoke(
    data: Path, trail: str, since: str, by: str, reason: str = "", *, volume_entries: int = VOLUME_ENTRIES
) -> Revoked:
    """Say that what the key before the present one signed after `since`, a time or a size, does not count.

    The trail must have been handed over to a new key, which signs that. Raises NotFoundError, UsageError.
    """
    folder = Folder(data)
    folder.check()
    reader = LedgerReader(data, volume_entries=volume_entries)
    try:
        handovers = reader.handovers(trail)
        if not handovers:
            raise UsageError(
                "usage.argument",
                f"{trail} has had one key only, and who holds it could take the revocation back",
                hint=f"Hand the trail over first: `sealtrail signer rotate {trail}`.",
            )
        last = handovers[-1]
        size = size_at(reader, trail, since, last.size)
        until = ingested(reader.entry(trail, size - 1)) if size > reader.first().get(trail, 0) else ""
    finally:
        reader.close()
    one = Revocation(last.old, size)
    fields = revoke_event(trail, last.old.text, last.new.text, size, by, reason)
    if folder.writer() is not None:
        ask(folder.inbox, {"act": "record", "fields": fields})
    else:
        from sealtrail.serve.writing import Collector  # here: it loads the index's libraries

        with Collector(folder, guard=False, volume_entries=volume_entries) as collector:
            collector.pipeline.record(fields).result()
    # On record first: a list can be made again of the record.
    known = listed(data)
    if one not in known:
        path = folder.keys / REVOKED
        with refusals(path):
            replace(Disk(), path, "".join(f"{each.text}\n" for each in (*known, one)).encode())
    return Revoked(trail, one.text, size, until)


def size_at(reader: LedgerReader, trail: str, since: str, most: int) -> int:
    """The number of entries a trail had at `since`, a time or a size; `most` where it is later."""
    if since.isascii() and since.isdigit():
        if int(since) > most:
            raise UsageError(
                "usage.argument",
                f"{trail} had {most:,} entries when its key changed: name a size below",
            )
        return int(since)
    limit = _moment(since)
    first = reader.first().get(trail, 0)
    # Entries are in the order of their commits: the first that is later is found by halving.
    places = _Ingested(reader, trail, first, most)
    return first + bisect_right(places, limit)


class _Ingested(Sequence[str]):
    """When each entry of [first, end) was committed."""

    def __init__(self, reader: LedgerReader, trail: str, first: int, end: int) -> None:
        self._reader, self._trail, self._first, self._end = reader, trail, first, end

    def __len__(self) -> int:
        return self._end - self._first

    def __getitem__(self, at: int) -> str:  # type: ignore[override]
        return ingested(self._reader.entry(self._trail, self._first + at))


def given(path: Path, texts: Sequence[str], *, volume_entries: int = VOLUME_ENTRIES) -> list[Revocation]:
    """What `verify --revoked` was told: VKEY@SIZE, VKEY@TIME for a data folder, or a file of lines.

    Raises LedgerError (ledger.format), UsageError.
    """
    found: list[Revocation] = []
    for text in texts:
        vkey, at, since = text.rpartition("@")
        if not at or Path(text).is_file():
            found += revocations_in(read_file(Path(text), MAX_REVOKED_BYTES))
        elif since.isascii() and since.isdigit():
            found.append(Revocation.from_text(text))
        else:
            key = VerifyKey.from_text(vkey)
            found.append(Revocation(key, _size_then(path, key, since, volume_entries)))
    return found


def _size_then(path: Path, key: VerifyKey, since: str, volume_entries: int) -> int:
    trail = key.name.rpartition("/")[2]
    if not (path / TRAILS_FOLDER / trail).is_dir():
        raise UsageError(
            "usage.argument",
            f"{path} does not say when {trail} had which size",
            hint="Give VKEY@SIZE, as `sealtrail signer revoke` prints it.",
        )
    reader = LedgerReader(path, volume_entries=volume_entries)
    try:
        handovers = handovers_of(path / TRAILS_FOLDER / trail)
        most = next((one.size for one in handovers if one.old == key), reader.sizes()[trail])
        return size_at(reader, trail, since, most)
    except NotFoundError as error:
        raise UsageError("usage.argument", f"{trail} cannot be dated: {error.what}") from None
    finally:
        reader.close()


def _moment(text: str) -> str:
    """A time as people write it, as the stamp of a commit."""
    try:
        return stamp(instant(text, micros(datetime.now(UTC))))
    except QueryError as error:
        raise UsageError("usage.argument", f"neither a size nor a time: {error.what}") from None
