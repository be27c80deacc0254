"""The signing keys of a data folder, as operators handle them: what there is, and a new one for a trail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sealtrail.collect.inbox import Act, ask
from sealtrail.collect.pipeline import Pipeline
from sealtrail.errors import LedgerError, NotFoundError, UsageError
from sealtrail.event import TRAILS
from sealtrail.event.codec import decode
from sealtrail.event.entry import ingested, unseal
from sealtrail.ledger.handover import Handover
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.rotation import prepare, settle
from sealtrail.ledger.rotation import protect as put_under
from sealtrail.ledger.sign import Passphrase, no_passphrase, read_vkey
from sealtrail.serve.folder import Folder, WriterLock
from sealtrail.serve.passphrases import Passphrases
from sealtrail.settings import load


class Rotated(msgspec.Struct, frozen=True):
    """`trail` went from the key `old` to `new` (C2SP vkeys) at the checkpoint of `size` entries."""

    trail: str
    old: str
    new: str
    size: int


class Key(msgspec.Struct, frozen=True):
    """A key of a trail and the sizes it signs: from `first` to `last` entries, None while it signs."""

    trail: str
    vkey: str
    first: int
    last: int | None
    since: str  # when it was handed the trail; empty for the first key


def listed(data: Path) -> list[Key]:
    """Every key of every trail, oldest first. Raises LedgerError where the hand-overs cannot be read."""
    folder = Folder(data)
    folder.check()
    found = []
    for path in sorted(folder.keys.glob("*.vkey")):
        trail, now = path.stem, read_vkey(path)
        first, since = 0, ""
        for one in handovers_of(folder.trails / trail):
            found.append(Key(trail, one.old.text, first, one.size, since))
            first, since, now = one.size, ingested(one.proof.extra or b""), one.new
        found.append(Key(trail, now.text, first, None, since))
    return found


def rotate(
    data: Path, trails: Sequence[str], by: str, reason: str = "", *, volume_entries: int = VOLUME_ENTRIES
) -> list[Rotated]:
    """Hand trails over to new keys: those named, or all that are written.

    Through the server that has the folder open; without one by opening it for the moment. Raises
    NotFoundError for a trail that is not written, LedgerError.
    """
    folder = Folder(data)
    folder.check()
    act = {"act": "rotate", "trails": list(trails), "by": by, "reason": reason}
    if folder.writer() is not None:
        return msgspec.convert(ask(folder.inbox, act)["rotated"], list[Rotated])
    from sealtrail.serve.writing import Collector  # here: it loads the index's libraries

    with Collector(folder, guard=False, volume_entries=volume_entries) as collector:
        return rotated(folder, collector.pipeline, {**act, "request": ""}, collector.passphrase)


def protect(data: Path, *, under: bool = True) -> list[str]:
    """Put every private key under the passphrase that is configured, or take it out; those that changed.

    Raises UsageError where no passphrase is configured, LedgerError (ledger.locked) beside a server, which
    could hand a trail over meanwhile, and (ledger.passphrase).
    """
    folder = Folder(data)
    folder.check()
    passphrase = Passphrases(load(folder.root).ledger)
    if passphrase() is None:
        raise UsageError(
            "usage.setting",
            "no passphrase is configured",
            hint="Write one into a file of mode 0600, and name it in [ledger] passphrase-file.",
        )
    with WriterLock(folder):
        trails = [
            path.stem for path in sorted(folder.keys.glob("*.vkey")) if path.with_suffix(".key").exists()
        ]
        return [trail for trail in trails if put_under(folder.keys, trail, passphrase, under=under)]


def rotated(
    folder: Folder, pipeline: Pipeline, act: Act, passphrase: Passphrase = no_passphrase
) -> list[Rotated]:
    """Carry the act out in the process that writes. A request that was carried out is only answered again."""
    written = {trail for trail in pipeline.heads() if trail in {pipeline.trail(base) for base in TRAILS}}
    asked = [str(trail) for trail in act["trails"]] or sorted(written)
    for trail in asked:
        if trail not in written:
            raise NotFoundError(
                "not-found.trail",
                f"{trail[:60]!r} is not a trail that is written here",
                hint=f"Those are: {', '.join(sorted(written))}.",
            )
    if load(folder.root).ledger.signer:
        raise UsageError(
            "usage.argument",
            "the keys are held by another process, and it hands nothing over",
            hint="Stop both, move the keys into this folder, remove [ledger] signer, and hand over then.",
        )
    request = str(act["request"])
    signers = {
        trail: prepare(folder.keys, trail, read_vkey(folder.keys / f"{trail}.vkey"), passphrase=passphrase)
        for trail in asked
        if not _done(handovers_of(folder.trails / trail), request)
    }
    if signers:
        pipeline.rotate(signers, str(act["by"]), str(act["reason"]), request).result()
    found = []
    for trail in asked:
        handovers = handovers_of(folder.trails / trail)
        if not handovers or settle(folder.keys, trail, handovers):
            raise LedgerError("ledger.key", f"{trail} was not handed over")
        last = handovers[-1]
        found.append(Rotated(trail, last.old.text, last.new.text, last.size))
    return found


def _done(handovers: Sequence[Handover], request: str) -> bool:
    """Was the last hand-over the one that was asked for?"""
    if not request or not handovers:
        return False
    details = decode(unseal(handovers[-1].proof.extra or b"")[0]).get("sealtrail.details")
    return isinstance(details, dict) and details.get("request") == request
