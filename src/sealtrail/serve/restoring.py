"""`sealtrail restore`: a backup becomes a data folder that goes on without ever continuing the old trails.

The folder a backup was made of may be alive, or come back. So the restored one keeps the old trails to be
read and opens successors with names and keys of their own; the old signing keys are not even put there. Two
restored folders of one backup have successors of the same name and with different keys: whoever kept the
public key of one does not take the other for it.

Everything happens in a folder beside the target, which gets its name at the end: after a crash there is no
target, and a folder that can append to the wrong trails is at no moment there.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sealtrail.collect.own import RESTORE
from sealtrail.collect.pipeline import open_trails
from sealtrail.errors import TamperedError
from sealtrail.ledger.copying import copy_file
from sealtrail.ledger.files import Disk, refusals
from sealtrail.ledger.layout import VOLUME_ENTRIES
from sealtrail.ledger.report import Report
from sealtrail.ledger.verify import verify
from sealtrail.serve.acting import operator
from sealtrail.serve.backup import new_folder, private, sync_folders
from sealtrail.serve.folder import Folder
from sealtrail.serve.manifest import MANIFEST, Manifest, digest_of, files_in
from sealtrail.serve.passphrases import Passphrases
from sealtrail.serve.signing import signers
from sealtrail.serve.writing import Collector
from sealtrail.settings import load


class Restored(msgspec.Struct, frozen=True):
    """What was restored: the backup's manifest, what verification found, and the trails that go on."""

    manifest: Manifest
    report: Report
    successors: tuple[str, ...]


def restore(
    backup: Path,
    target: Path,
    *,
    checkpoints: Sequence[Path] = (),
    disk: Disk | None = None,
    volume_entries: int = VOLUME_ENTRIES,
) -> Restored:
    """Make a data folder of a backup. `target` must not be there yet.

    `checkpoints` are notes kept elsewhere. Raises UsageError (usage.backup) where a file is not what it was
    when the backup was made, TamperedError where the trails are not what was signed.
    """
    disk = disk or Disk()
    manifest = Manifest.load(backup)
    manifest.check(backup)
    secrets = {f"keys/{trail}.key" for trail in manifest.trails}
    with new_folder(target, apart_from=backup, disk=disk) as partial:
        with refusals(partial):
            for path, place in sorted(files_in(backup).items()):
                if path != MANIFEST and path not in secrets:
                    private((partial / path).parent)
                    copy_file(place, partial / path, disk)
        Folder(partial).check()
        report = verify(
            partial,
            checkpoints=[kept.read_bytes() for kept in checkpoints],
            volume_entries=volume_entries,
        )
        if report.verdict == "tampered":
            trail, problem = next((t.trail, p) for t in report.trails for p in t.problems)
            raise TamperedError(
                f"the backup does not verify: {problem.place}: {problem.what}",
                trail=trail,
                hint="Nothing was restored. `sealtrail verify BACKUP` says more.",
            )
        Folder(partial).create()
        settings = load(partial).ledger
        opened = open_trails(
            partial,
            origin=settings.origin,
            passphrase=Passphrases(settings),
            signer=signers(settings.signer),
            volume_entries=volume_entries,
            succeed=True,
        )
        for log in opened.logs.values():
            log.close()
        _record(partial, backup, manifest, volume_entries)
        sync_folders(partial, disk)
    return Restored(manifest, report, tuple(opened.logs))


def _record(partial: Path, backup: Path, manifest: Manifest, volume_entries: int) -> None:
    """The first act in the new trails. The index of what was restored is begun at the same time."""
    with Collector(Folder(partial), guard=False, volume_entries=volume_entries) as collector:
        fields = {
            "event.action": RESTORE,
            "event.type": ["creation"],
            "user.id": operator(),
            "event.reason": f"from the backup {backup.name}, made {manifest.made}",
            "sealtrail.details": {
                "manifest": digest_of(backup / MANIFEST)[1],
                "trails": {trail: reach.size for trail, reach in manifest.trails.items()},
            },
        }
        collector.pipeline.record(fields).result()
