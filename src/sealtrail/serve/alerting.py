"""Alerts for people: which there are, why each was raised, and what is done about it.

Reading works on a folder with and without a server. What people do is recorded as events, one for each alert,
by the server that has the folder open: `record` is None where there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from sealtrail.detect.explain import Reason, explain
from sealtrail.detect.library import load
from sealtrail.detect.rule import SECOND, Correlation, Rule, Ruleset
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.event import Fields, Receipt, base_of
from sealtrail.follow.order import open_entry
from sealtrail.follow.protocols import Reader
from sealtrail.ledger.reader import LedgerReader
from sealtrail.respond.alerts import ACK, CLOSE, REOPEN, STATES, Known
from sealtrail.respond.book import AUDIT, Book
from sealtrail.serve.folder import Folder

Record = Callable[[Fields], "Future[Receipt]"]

MAX_TRIAGE: Final = 1_000  # alerts in one act: each is an event
MIN_PREFIX: Final = 6  # characters of an id that stand for all of it
MAX_REASON: Final = 1_024  # characters of a reason
SEEN_SECONDS: Final = 5.0  # for what was recorded to be in the table as well

# What may be done in which state. Anything else changes nothing, so it is not recorded.
_FROM: Final[Mapping[str, frozenset[str]]] = {
    ACK: frozenset({"open"}),
    CLOSE: frozenset({"open", "acknowledged"}),
    REOPEN: frozenset({"acknowledged", "closed"}),
}
_NAMES: Final = {"ack": ACK, "close": CLOSE, "reopen": REOPEN}


class Evidence(msgspec.Struct, frozen=True):
    """One event behind an alert. `rule`: the title of the rule, or part of one, it matches; empty when none.

    `gone`: why there is nothing to see.
    """

    address: str
    fields: Fields
    rule: str = ""
    reasons: tuple[Reason, ...] = ()
    gone: str = ""


class Why(msgspec.Struct, frozen=True):
    """Why an alert was raised. `rule`: the rule as it is now, None where it is not loaded any more.

    `counted` says what a correlation counts; `event` is the alert's own event.
    """

    alert: Known
    event: Fields
    rule: dict[str, Any] | None
    counted: str
    events: tuple[Evidence, ...]


class Alerting:
    """Questions about alerts, and acts on them. From any thread."""

    def __init__(self, book: Book, ledger: Reader, ruleset: Ruleset, record: Record | None = None) -> None:
        self._book = book
        self._ledger = ledger
        self._rules = {rule.head.id: rule for rule in ruleset.rules}
        self._correlations = {rule.head.id: rule for rule in ruleset.correlations}
        self._record = record

    @classmethod
    def open(cls, folder: Folder, rules: Sequence[Path] = ()) -> Self:
        """Open for reading alone: nothing is written, no lock is taken."""
        folder.check()
        ledger = LedgerReader(folder.root)
        book = Book(folder.alerts)
        # Nothing is kept from here: the server's own snapshot is younger, or nobody needs one.
        book.catch_up(ledger)
        return cls(book, ledger, load(rules))

    # --- reading

    def newest(self, state: str = "", level: str = "", rule: str = "", limit: int = 100) -> list[Known]:
        """The newest alerts, newest first. `state` `active` means not closed; `rule` is an id or a title."""
        if state not in ("", "active", *STATES):
            raise UsageError(
                "usage.argument", f"`{state}` is no state", hint=f"One of active, {', '.join(STATES)}."
            )
        found = [
            one
            for one in reversed(self._book.all())
            if (not state or one.state == state or (state == "active" and one.state != "closed"))
            and (not level or one.level == level)
            and (not rule or rule.casefold() in (one.rule.casefold(), one.title.casefold()))
        ]
        return found[:limit]

    def counts(self) -> dict[str, int]:
        """How many alerts are in each state."""
        counts: dict[str, int] = dict.fromkeys(STATES, 0)
        for one in self._book.all():
            counts[one.state] += 1
        return counts

    def get(self, identity: str) -> Known:
        """The alert of an id, or of the beginning of one that no other has. Raises NotFoundError."""
        named = self._book.named(identity) if len(identity) >= MIN_PREFIX else []
        if len(named) == 1:
            return named[0]
        if named:
            raise UsageError(
                "usage.argument",
                f"{len(named)} alerts have an id that begins with {identity}: give more of it",
            )
        raise NotFoundError(
            "not-found.alert",
            f"there is no alert {identity[:64]}",
            hint="`sealtrail alerts list --state all` shows them; very old ones are found by "
            "`sealtrail search event.id:ID`.",
        )

    def why(self, identity: str) -> Why:
        """The rule on the stored events again: what of it matched, and where. Raises NotFoundError."""
        known = self.get(identity)
        event = self._fields(known.address)
        addresses = event.get("sealtrail.alert.events")
        rule = self._rules.get(known.rule)
        correlation = self._correlations.get(known.rule)
        parts = [rule] if rule is not None else []
        if correlation is not None:
            parts = [self._rules[name] for name in correlation.rules]
        head = rule.head if rule is not None else correlation.head if correlation is not None else None
        return Why(
            alert=known,
            event=event,
            rule=_head(head) if head is not None else None,
            counted=_counted(correlation) if correlation is not None else "",
            events=tuple(
                self._evidence(str(address), parts)
                for address in (addresses if isinstance(addresses, list) else ())
            ),
        )

    def _evidence(self, address: str, parts: Sequence[Rule]) -> Evidence:
        try:
            fields = self._fields(address)
        except NotFoundError as error:
            return Evidence(address, {}, gone=error.what)
        for rule in parts:
            reasons = explain(rule.condition, fields)
            if reasons is not None:
                return Evidence(address, fields, rule.head.title, tuple(reasons))
        return Evidence(address, fields)

    def _fields(self, address: str) -> Fields:
        trail, _, index = address.rpartition("/")
        if not index.isascii() or not index.isdigit():
            raise NotFoundError("not-found.entry", f"{address} is not an address TRAIL/INDEX")
        found = self._ledger.read(trail, int(index), 1)
        if not found:
            raise NotFoundError("not-found.entry", f"{address} was not written yet")
        return open_entry(trail, int(index), found[0]).fields

    # --- acts

    def act(
        self, verb: str, identities: Iterable[str], *, by: str, reason: str = "", request: str = ""
    ) -> dict[str, list[str]]:
        """`ack`, `close` or `reopen` alerts: {"changed": ids, "unchanged": ids}.

        Closing needs a reason. `request` names who asked: the same request again records nothing twice.
        Raises NotFoundError before anything is done where one of the alerts is not there.
        """
        if self._record is None:
            raise UsageError("usage.path", "no server has the folder open, and only it can record an act")
        action = _NAMES.get(verb)
        if action is None:
            raise UsageError("usage.argument", f"`{verb[:40]}` is nothing that can be done about an alert")
        reason = reason.strip()
        if action == CLOSE and not reason:
            raise UsageError(
                "usage.argument",
                "closing an alert needs a reason",
                hint="Say what it was: a false alarm and why, or what was done about it.",
            )
        if len(reason) > MAX_REASON:
            raise UsageError("usage.argument", f"a reason has at most {MAX_REASON:,} characters")
        wanted = list(dict.fromkeys(identities))
        if not 0 < len(wanted) <= MAX_TRIAGE:
            raise UsageError("usage.argument", f"name between 1 and {MAX_TRIAGE:,} alerts at once")
        known = {one.id: one for one in map(self.get, wanted)}
        waiting = {
            one.id: self._record(_event(one, action, by, reason, request))
            for one in known.values()
            if one.state in _FROM[action]
        }
        receipts = {identity: future.result() for identity, future in waiting.items()}
        self._settle(list(receipts.values()))
        changed = [identity for identity, receipt in receipts.items() if receipt.accepted]
        return {"changed": changed, "unchanged": [one for one in known if one not in changed]}

    def settle(self) -> None:
        """Wait a moment until the table holds all that is recorded, such as a block that was just made."""
        for trail, size in self._ledger.sizes().items():
            if base_of(trail) == AUDIT:
                self._book.wait(trail, size, SEEN_SECONDS)

    def _settle(self, receipts: Sequence[Receipt]) -> None:
        """So that who asks next sees what was done. It is recorded in any case, so the wait ends."""
        for receipt in receipts[-1:]:
            for part in receipt.receipts:
                self._book.wait(part.trail, part.ranges[-1][1], SEEN_SECONDS)


def _event(known: Known, action: str, by: str, reason: str, request: str) -> Fields:
    fields: Fields = {
        "event.action": action,
        "event.category": ["intrusion_detection"],
        "event.type": ["change"],
        "user.id": by,
        "rule.id": known.rule,
        "rule.name": known.title,
        "sealtrail.alert.id": known.id,
        "sealtrail.alert.level": known.level,
    }
    if reason:
        fields["event.reason"] = reason
    if request:
        # Named after the request: one that is carried out again after a crash is recorded once.
        name = hashlib.sha256(f"{request} {known.id}".encode(errors="surrogatepass")).hexdigest()
        fields |= {"sealtrail.emitter": f"triage:{name}", "sealtrail.seq": 0}
    return fields


def _head(head: Any) -> dict[str, Any]:
    kept = ("id", "title", "name", "level", "description", "tags", "file", "line")
    return {name: getattr(head, name) for name in kept}


_SIGNS: Final = {"gt": "more than", "gte": "at least", "lt": "less than", "lte": "at most"}


def _counted(rule: Correlation) -> str:
    """What a correlation counts, in words."""
    bounds = " and ".join(f"{_SIGNS.get(op, op)} {number}" for op, number in rule.bounds)
    what = f"different values of {', '.join(rule.values)}" if rule.distinct else "events"
    keys = f" for one {', '.join(rule.keys)}" if rule.keys else ""
    return f"{bounds} {what}{keys} within {_span(rule.timespan)}"


def _span(micros: int) -> str:
    seconds = micros // SECOND
    for unit, size in (("d", 86_400), ("h", 3600), ("m", 60)):
        if seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"
