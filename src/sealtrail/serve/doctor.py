"""`sealtrail doctor`: everything about an installation that can be wrong and can be seen from here.

It changes nothing. With a server running it asks the server how it is, through the inbox, as every command
does; `sealtrail verify` is the examination of the ledger itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from sealtrail.collect.inbox import ask
from sealtrail.errors import SealtrailError
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve import anchored, drift, machine, neighbours, standing, tidiness
from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.settings import load

LAG_ENTRIES: Final = 100_000  # a follower that far behind is minutes behind


def examine(data: Path, spools: Sequence[Path] = ()) -> list[Finding]:
    """Look at everything. `spools` beside those that a running server follows.

    A machine that only records and ships has no data folder: with `spools` given it need not be there.
    """
    return list(_examine(Folder(data), spools))


def _examine(folder: Folder, spools: Sequence[Path]) -> Iterator[Finding]:
    yield from machine.versions()
    yield machine.clock()
    if spools and not os.path.lexists(folder.root):
        todo = "Right for a machine that only records. Where the collector runs, name it with --data."
        yield warn("folder", f"there is no data folder {folder.root}: the spools alone are looked at", todo)
        for spool in dict.fromkeys(path.absolute() for path in spools):
            yield from neighbours.spool(spool, None, followed=False)
        return
    try:
        folder.check()
        settings = load(folder.root)
    except (SealtrailError, OSError) as error:
        what = error.what if isinstance(error, SealtrailError) else str(error)
        hint = error.hint if isinstance(error, SealtrailError) else ""
        yield fail("folder", what, hint or "Name the right folder with --data or SEALTRAIL_DATA.")
        return
    yield from machine.room(folder.root, settings.disk)
    yield from tidiness.settings(settings)
    yield from tidiness.permissions(folder)
    yield from tidiness.keys(folder)
    yield from _files(folder)
    health: dict[str, Any] = {}
    if folder.writer() is None:
        yield warn("server", "no server has the folder open", "Start one: `sealtrail serve`.")
    else:
        health, found = _asked(folder)
        yield from found
    yield from anchored.alone_here(folder, settings, health)
    followed = [Path(name) for name in health.get("spools", {})]
    for spool in dict.fromkeys([*followed, *(path.absolute() for path in spools)]):
        yield from neighbours.spool(spool, folder, followed=spool in followed)


def _files(folder: Folder) -> Iterator[Finding]:
    """Ledger and index. What cannot even be opened is a finding as well."""
    reader = LedgerReader(folder.root)
    try:
        yield from drift.ledger(folder, reader)
        if reader.sizes():
            yield from drift.index(Reading.open(folder))
    except (SealtrailError, OSError) as error:
        what = error.what if isinstance(error, SealtrailError) else str(error)
        hint = error.hint if isinstance(error, SealtrailError) else ""
        yield fail("ledger", what, hint or "Run `sealtrail verify`: it names the place.")
    finally:
        reader.close()


def _asked(folder: Folder) -> tuple[dict[str, Any], list[Finding]]:
    """What the running server says of itself: its health, and what is wrong with it."""
    pid = folder.writer()
    if os.geteuid() not in {0, folder.root.stat().st_uid}:
        what = f"process {pid} serves it, and this user may not ask it"
        return {}, [warn("server", what, "Run the doctor as the collector's user.")]
    try:
        health = ask(folder.inbox, {"act": "health"}, timeout=20.0)
    except SealtrailError as error:
        what = f"process {pid} serves it and does not answer: {error.what}"
        return {}, [fail("server", what, "See its log. Stop it with SIGTERM and start it again.")]
    found = []
    if health["ready"]:
        found.append(ok("server", f"process {pid} serves it, and accepts events"))
    else:
        found.append(fail("server", f"process {pid} accepts no events: {health['why']}", "See its log."))
    # What an anchor or a witness lacks is a finding of its own.
    troubles = [one for one in health["troubles"] if not one.startswith(("anchor ", "witness"))]
    found += [warn("server", trouble, "See the server's log.") for trouble in troubles]
    found += anchored.findings(health["anchors"])
    found += standing.findings(health["witnesses"])
    for name, counts in health["spools"].items():
        if counts["gaps"]:
            found.append(
                warn(
                    f"spool {name}",
                    f"{counts['gaps']:,} events never arrived since the server started",
                    "Search for event.action:capture.loss: the application says there what was lost and why.",
                )
            )
    lags = health["lag"]
    slow = {name: lag for name, lag in lags.items() if lag > LAG_ENTRIES}
    for name, lag in slow.items():
        todo = "Give it time, or the machine more processors; nothing is lost by it."
        found.append(warn("followers", f"{name} is {lag:,} entries behind", todo))
    if not slow:
        told = ", ".join(f"{name} {lag:,}" for name, lag in lags.items())
        found.append(ok("followers", f"entries still to be seen: {told}"))
    return health, found
