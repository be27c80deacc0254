"""Placing and releasing legal holds: acts that are events, and nothing beside them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.inbox import Act, ask
from sealtrail.collect.own import RELEASE
from sealtrail.collect.pipeline import Pipeline
from sealtrail.errors import LedgerError, NotFoundError, UsageError
from sealtrail.event import TRAILS, Fields
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.serve.holds import Hold, Register
from sealtrail.serve.housekeeping import Housekeeping
from sealtrail.serve.sparing import placing
from sealtrail.store.query import parse
from sealtrail.store.query.times import instant, micros, stamp

MAX_TEXT: Final = 2000  # characters of a reason or a query: an event has room for no more of each

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)


class Wanted(msgspec.Struct, frozen=True):
    """A hold as it is asked for. Times are as people write them; what is empty is open."""

    name: str
    reason: str
    query: str = ""
    trail: str = ""
    since: str = ""
    until: str = ""
    ordered: str = ""


class Holding:
    """A running collector's hand on its holds. From any thread."""

    def __init__(self, housekeeping: Housekeeping, pipeline: Pipeline) -> None:
        self._housekeeping = housekeeping
        self._pipeline = pipeline

    def place(self, wanted: Wanted, by: str, now: datetime | None = None) -> Hold:
        """Have a hold in force; the same one again is no news. Raises QueryError, UsageError."""
        hold = asked(wanted, by, now or datetime.now(UTC))
        with self._housekeeping.lock:
            known = self._register().open.get(hold.name)
            if known is not None:
                if _terms(known) == _terms(hold):
                    return known
                raise UsageError(
                    "usage.argument",
                    f"a hold {hold.name} is in force already, since {known.placed} ({known.address})",
                    hint="Give this one another name: holds may overlap.",
                )
            self._pipeline.record(placing(hold)).result()
            return self._register().open[hold.name]

    def release(self, name: str, reason: str, by: str) -> Hold:
        """End a hold. Raises NotFoundError, UsageError."""
        with self._housekeeping.lock:
            register = self._register()
            if name not in register.open:
                raise NotFoundError(
                    "not-found.hold",
                    f"no hold {name[:64]!r} is in force",
                    hint="`sealtrail hold list` shows those that are.",
                )
            hold = register.open[name]
            self._pipeline.record(releasing(hold, _reason(reason), by)).result()
            return self._register().past[-1]

    def listed(self) -> list[Hold]:
        """Holds in force, then those that were released, the latest last."""
        with self._housekeeping.lock:
            return everything(self._register())

    def operate(self, act: Act) -> Act:
        """An act from the inbox."""
        match act["verb"]:
            case "place":
                hold = self.place(msgspec.convert(act["wanted"], Wanted), str(act["by"]))
            case "release":
                hold = self.release(str(act["name"]), str(act["reason"]), str(act["by"]))
            case other:
                raise UsageError("usage.argument", f"holds have no {other!r}")
        return {"hold": msgspec.to_builtins(hold)}

    def _register(self) -> Register:
        register = self._housekeeping.sparing.register
        register.catch_up()
        return register


def asked(wanted: Wanted, by: str, now: datetime) -> Hold:
    """The hold that is meant, not in force yet. Raises QueryError, UsageError."""
    if _NAME.fullmatch(wanted.name) is None:
        raise UsageError(
            "usage.argument",
            f"{wanted.name[:64]!r} is no name for a hold",
            hint="Small letters, digits, dots, dashes and underscores, 64 at most, such as case-2026-17.",
        )
    if wanted.trail and wanted.trail not in TRAILS:
        raise UsageError("usage.argument", f"{wanted.trail[:64]!r} is no trail: {', '.join(TRAILS)}")
    if not (wanted.query.strip() or wanted.trail or wanted.since or wanted.until):
        raise UsageError(
            "usage.argument",
            "a hold is on something",
            hint="Give a query, a trail or a period; the query `*` is everything.",
        )
    if max(len(wanted.query), len(wanted.ordered)) > MAX_TEXT:
        raise UsageError("usage.argument", f"a query has at most {MAX_TEXT:,} characters here")
    at = micros(now)
    query = wanted.query.strip() or "*"
    parse(query, at)
    hold = Hold(
        name=wanted.name,
        query=query,
        trail=wanted.trail,
        since=stamp(instant(wanted.since, at)) if wanted.since else "",
        until=stamp(instant(wanted.until, at)) if wanted.until else "",
        reason=_reason(wanted.reason),
        by=by,
        ordered=wanted.ordered.strip(),
        placed=stamp(at),
        address="",
    )
    if hold.since and hold.until and hold.since >= hold.until:
        raise UsageError("usage.argument", f"nothing lies from {hold.since} to {hold.until}")
    hold.matcher()  # what cannot be asked of an entry must be refused now, not when something is to go
    return hold


def releasing(hold: Hold, reason: str, by: str) -> Fields:
    """The event that ends a hold."""
    return {
        "event.action": RELEASE,
        "event.type": ["deletion"],
        "event.reason": reason,
        "user.id": by,
        "sealtrail.hold.name": hold.name,
        "sealtrail.details": {"address": hold.address, "placed": hold.placed},
    }


def everything(register: Register) -> list[Hold]:
    """What is in force by name, then what was released."""
    return [*(register.open[name] for name in sorted(register.open)), *register.past]


def listed(data: Path) -> list[Hold]:
    """The holds of a data folder, by its ledger alone."""
    folder = Folder(data)
    folder.check()
    register = Register(LedgerReader(folder.root))
    register.catch_up()
    return everything(register)


def operate(data: Path, act: Act) -> Hold:
    """Place or release through the server that has the folder open; without one by opening it for that."""
    folder = Folder(data)
    folder.check()
    for _ in range(2):
        if folder.writer() is not None:
            return msgspec.convert(ask(folder.inbox, {"act": "hold", **act})["hold"], Hold)
        from sealtrail.serve.writing import Collector  # here: it loads the index's libraries

        try:
            with Collector(folder, guard=False) as collector:
                return msgspec.convert(collector.holding.operate(act)["hold"], Hold)
        except LedgerError as error:
            if error.code != "ledger.locked":
                raise
            # A server was started in between: it is the one to ask.
    raise LedgerError("ledger.locked", f"{folder.root} is taken and let go again", hint="Try again.")


def _terms(hold: Hold) -> dict[str, Any]:
    return {name: getattr(hold, name) for name in ("query", "trail", "since", "until", "reason", "ordered")}


def _reason(text: str) -> str:
    text = text.strip()
    if not 0 < len(text) <= MAX_TEXT:
        raise UsageError(
            "usage.argument",
            f"a reason has 1 to {MAX_TEXT:,} characters",
            hint="Say why: whoever looks at the record later has nothing else.",
        )
    return text
