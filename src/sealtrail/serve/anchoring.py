"""The places that the settings and the command line name, over the trails that are written."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from sealtrail.anchor.folder import FolderAnchor
from sealtrail.anchor.ours import Ours
from sealtrail.anchor.places import Place, address, place
from sealtrail.anchor.running import Anchor, Anchoring
from sealtrail.anchor.stamping import StampAnchor
from sealtrail.anchor.standing import DivergedError, Standing
from sealtrail.anchor.url import UrlAnchor
from sealtrail.collect.own import diverged_event
from sealtrail.errors import SealtrailError, UsageError
from sealtrail.event import Fields, Receipt
from sealtrail.ledger.handover import Keychain
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.recover import handovers_of
from sealtrail.ledger.sign import read_vkey
from sealtrail.serve.folder import Folder
from sealtrail.settings import SETTINGS_FILE, Settings

_log = logging.getLogger("sealtrail.anchor")

STATE: Final = "anchors"  # folder within `state/`: how far each trail was anchored at each place


class Signed(Protocol):
    """A log, of which only the latest signed note is asked."""

    def checkpoint(self) -> bytes: ...


class Anchors:
    """Every place of one collector, and the file with the root of its timestamp authority, if it has one."""

    def __init__(self, places: Sequence[Anchoring], authority: str = "") -> None:
        self.places = tuple(places)
        self.authority = authority

    def standing(self, trail: str = "") -> list[Standing]:
        """How far each trail, or one of them, is anchored at each place."""
        found = [one for place in self.places for one in place.standing()]
        return [one for one in found if not trail or one.trail == trail]

    def evidence(self) -> list[str]:
        """Arguments of `sealtrail verify` that hold the folder against what lies elsewhere."""
        copies = [path for place in self.places for path in place.copies() if path.exists()]
        given = [word for path in copies for word in ("--checkpoint", str(path))]
        return [*given, *(("--tsa", self.authority) if self.authority else ())]

    def troubles(self) -> list[str]:
        """What keeps a trail from being anchored now."""
        return [f"anchor {one.where}: {one.told()}" for one in self.standing() if one.since]


def anchors(
    folder: Folder,
    settings: Settings,
    named: Sequence[str],
    logs: Mapping[str, Signed],
    ledger: LedgerReader,
    record: Callable[[Fields], Future[Receipt]],
) -> Anchors:
    """The places, not started yet. `named` beside those of the settings. Raises UsageError."""
    places = {one.id: one for one in map(place, (*settings.ledger.anchor_to, *named))}
    found = [_anchor(folder, one) for one in places.values()]
    own = [place(text) for text in settings.ledger.anchor_to]
    if settings.ledger.timestamp_url:
        stamps = address(settings.ledger.timestamp_url, "timestamp-url", plain=True)
        own.append(Place(stamps.name, "", address=stamps))
    secret = any(one.is_secret for one in own)
    path = folder.root / SETTINGS_FILE
    if secret and path.stat().st_mode & 0o077:
        raise UsageError(
            "usage.setting",
            f"{path} holds an address of an anchor that is secret, and others may read it",
            hint=f"chmod 600 {path}",
        )
    trails = [_ours(folder, trail, log, ledger) for trail, log in logs.items()]

    def diverged(where: str, error: DivergedError) -> None:
        event = diverged_event(
            error.trail,
            error.size,
            error.root,
            where,
            error.what,
            shown=error.shown.decode(errors="replace"),
        )
        try:
            record(event)
        except SealtrailError as refused:  # it is seen again, and told then
            _log.warning("a divergence could not be recorded: %s", refused.what)

    if settings.ledger.timestamp_url:
        found.append(_stamps(settings))
    return Anchors(
        [Anchoring(one, trails, folder.state / STATE, diverged) for one in found],
        settings.ledger.timestamp_ca if settings.ledger.timestamp_url else "",
    )


def _stamps(settings: Settings) -> StampAnchor:
    from sealtrail.ledger.token import Authority

    told = settings.ledger
    # Over plain http as well: what comes back is signed, over our bytes and for this one question.
    where = address(told.timestamp_url, "timestamp-url", plain=True)
    if not told.timestamp_ca:
        raise UsageError(
            "usage.setting",
            "[ledger] timestamp-url is set and timestamp-ca is not: no timestamp could be checked",
            hint="Name the PEM file with the root certificate of the authority.",
        )
    try:
        pem = Path(told.timestamp_ca).read_bytes()
    except OSError as error:
        raise UsageError(
            "usage.setting", f"[ledger] timestamp-ca: {told.timestamp_ca}: {error.strerror}"
        ) from None
    return StampAnchor(where, Authority(pem, told.timestamp_ca), max(told.timestamp_seconds, 1.0))


def _anchor(folder: Folder, one: Place) -> Anchor:
    if not one.folder:
        return UrlAnchor(one)
    path = Path(one.folder)
    if not path.is_absolute():
        raise UsageError(
            "usage.setting",
            f"the folder of an anchor is named in full, and not {one.folder!r}",
            hint="Name it from the root of the file system on.",
        )
    if path.resolve().is_relative_to(folder.root.resolve()):
        raise UsageError(
            "usage.setting",
            f"{path} is within the data folder: an anchor lies elsewhere",
            hint="Name a folder on another machine's disk, or one that only grows.",
        )
    return FolderAnchor(one)


def _ours(folder: Folder, trail: str, log: Signed, ledger: LedgerReader) -> Ours:
    # Read anew each time it is asked for, which is seldom: a trail may be handed to another key meanwhile.
    def chain() -> Keychain:
        key = read_vkey(folder.keys / f"{trail}.vkey")
        return Keychain.of([key], handovers_of(folder.trails / trail))

    return Ours(
        trail,
        folder.trails / trail,
        read_vkey(folder.keys / f"{trail}.vkey").name,
        chain,
        log.checkpoint,
        lambda size: ledger.root(trail, size),
    )
