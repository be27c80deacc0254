"""The doctor's look at what vouches for the trails from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from sealtrail.anchor.standing import Standing
from sealtrail.errors import SealtrailError
from sealtrail.serve.alone import ALONE, WAYS, others
from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.settings import Settings

CHECK: Final = "anchors"


def findings(told: Sequence[Any]) -> Iterator[Finding]:
    """What a running server says of its anchors."""
    for one in msgspec.convert(told, list[Standing]):
        what = f"{one.where}: {one.told()}"
        if one.diverged:
            yield fail(
                CHECK,
                what,
                "Keep what is there and the data folder: both are evidence. See docs/how-to/anchor.md.",
            )
        elif one.since:
            yield fail(CHECK, what, "It is tried again by itself. Nothing that was recorded is lost by it.")
        elif one.at:
            yield ok(CHECK, what)
        else:
            yield warn(CHECK, what, "Look again in a moment.")


def alone_here(folder: Folder, settings: Settings, health: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether anything outside this host could contradict the trails."""
    settled = settings.ledger
    witnessed = folder.witnesses.exists() and folder.witnesses.stat().st_size
    if settled.anchor_to or settled.timestamp_url or health.get("anchors") or witnessed:
        return
    try:
        elsewhere = others(Reading.open(folder))
    except (SealtrailError, OSError):
        return  # the index has a finding of its own
    if elsewhere:
        yield ok(CHECK, f"clients on {', '.join(elsewhere[:3])} hold this collector to what it signed")
    else:
        yield warn(CHECK, ALONE, WAYS)
