"""Follows the ledger and raises alerts: every rule on every event, in commit order.

State is in memory. After a restart it is made again from the entries before the saved position (`catch_up`),
and alerts that come out a second time have the ids they had.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import msgspec

from sealtrail.detect.alert import Alert, identity, short
from sealtrail.detect.index import Index
from sealtrail.detect.match import Test, View, texts_of
from sealtrail.detect.rewind import entries_before
from sealtrail.detect.rule import SECOND, Correlation, Rule, Ruleset
from sealtrail.detect.taxonomy import lookup, sources
from sealtrail.detect.tree import Regex, leaves
from sealtrail.detect.window import Window
from sealtrail.event import Batch, Entry, Fields, Position, kind_of
from sealtrail.follow.protocols import Reader
from sealtrail.follow.state import Cursor

_log = logging.getLogger("sealtrail.detect")

LATENESS: Final = 60 * SECOND  # how far events of live producers may be out of order
JITTER: Final = SECOND  # an alert behind time by less than this is not called late
SKIPPED_KINDS: Final = frozenset({"alert", "system"})  # or an alert about an alert would be an endless story
# What the collector says about the recording itself. It follows from no alert, so no alert can feed on it.
HEARD_ACTIONS: Final = frozenset(
    {
        "sealtrail.gap",
        "sealtrail.cut",
        "sealtrail.silence",
        "sealtrail.silence.end",
        "sealtrail.diverged",
        "sealtrail.unwitnessed",
    }
)
SAVE_SECONDS: Final = 1.0  # an older position than needed costs a replay, never an alert
SLOW_SECONDS: Final = 1.0  # of one regular expression on one event
MAX_RAISED: Final = 50_000  # alerts one rule remembers to have raised
MAX_SHAPES: Final = 4096  # producers can invent shapes; then the table starts over

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Facts(msgspec.Struct):
    """What an operator should know about detection. `matches`: events by rule id, before any suppression."""

    events: int = 0
    skipped: int = 0
    alerts: int = 0
    suppressed: int = 0
    late: int = 0
    history: int = 0
    evicted_keys: int = 0
    forgotten_items: int = 0
    matches: dict[str, int] = {}
    unseen_fields: tuple[str, ...] = ()
    set_aside: tuple[str, ...] = ()


def microseconds(text: Any) -> int | None:
    """An RFC 3339 time in microseconds of the epoch; None for anything else."""
    try:
        past = datetime.fromisoformat(text) - _EPOCH
    except (TypeError, ValueError, OverflowError):
        return None
    return (past.days * 86_400 + past.seconds) * SECOND + past.microseconds


class Engine:
    """A follower. `sink` gets the alerts of a batch, and returns once they cannot be lost any more."""

    name = "detect"

    def __init__(
        self,
        ruleset: Ruleset,
        sink: Callable[[list[Alert]], None],
        *,
        cursor: Cursor | None = None,
        lateness: int = LATENESS,
        skipped_kinds: frozenset[str] = SKIPPED_KINDS,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._ruleset = ruleset
        self._sink = sink
        self._cursor = cursor
        self._lateness = lateness
        self._skipped_kinds = skipped_kinds
        self._clock = clock
        self._at: Position = cursor.load() if cursor is not None else {}
        self._pending: list[Alert] = []
        self._heard: Position = dict(self._at)
        self._saved = clock()
        self._watermark: int | None = None
        self._arrival: tuple[Any, int | None] = (None, None)  # event.ingested is the same for a whole commit
        self._facts = Facts()
        self._unseen = set(ruleset.fields)
        self._shapes: set[tuple[str, ...]] = set()
        self._index = Index(ruleset.rules)
        counted: dict[str, list[_Counted]] = {}
        self._counted = [_Counted(one, lateness) for one in ruleset.correlations]
        for one in self._counted:
            for rule_id in one.rule.rules:
                counted.setdefault(rule_id, []).append(one)
        self._asked = [_Asked(rule, tuple(counted.get(rule.head.id, ()))) for rule in ruleset.rules]

    @property
    def lookback_seconds(self) -> float:
        """How much of the past, by event.ingested, a restart has to hear again to be where it was."""
        spans = [one.live.period + one.rule.timespan for one in self._counted]
        spans += [rule.suppress.span for rule in self._ruleset.rules if rule.output]
        return (max(spans, default=0) + self._lateness) / SECOND

    def position(self) -> Position:
        return dict(self._at)

    def catch_up(self, reader: Reader) -> None:
        """Hear again what came before the saved position. Call it once, before the first `handle`."""
        for batch in entries_before(reader, self._at, self.lookback_seconds):
            self.warm_up(batch)

    def warm_up(self, batch: Batch) -> None:
        """Take a batch that was handled before the restart: state changes, no alert is raised."""
        for entry in batch.entries:
            self._judge(entry)

    def handle(self, batch: Batch) -> None:
        # The hub hands the same batch again when the sink failed. Its events are counted already; only the
        # alerts are still to be delivered.
        for entry in batch.entries:
            if entry.index >= self._heard.get(entry.trail, 0):
                self._heard[entry.trail] = entry.index + 1
                self._pending.extend(self._judge(entry))
        if self._pending:
            self._sink(self._pending)
            self._facts.alerts += len(self._pending)
            self._pending = []
        # The position follows the alerts: if we die between the two, they are found again, with the same ids.
        self._at = dict(batch.end)
        if self._clock() - self._saved >= SAVE_SECONDS:
            self.save()

    def save(self) -> None:
        """Keep the position. Also to be called once at the end."""
        if self._cursor is not None:
            self._cursor.save(self._at)
        self._saved = self._clock()

    def facts(self) -> Facts:
        windows = [window for one in self._counted for window in (one.live, one.history)]
        return msgspec.structs.replace(
            self._facts,
            evicted_keys=sum(window.evicted for window in windows),
            forgotten_items=sum(window.overflowed for window in windows),
            matches={
                **{one.rule.head.id: one.matches for one in self._asked},
                **{one.rule.head.id: one.live.hits + one.history.hits for one in self._counted},
            },
            unseen_fields=tuple(sorted(self._unseen)),
            set_aside=tuple(one.rule.head.id for one in self._asked if one.is_set_aside),
        )

    def _judge(self, entry: Entry) -> list[Alert]:
        fields = entry.fields
        kind = fields.get("sealtrail.kind")
        if type(kind) is not str:
            kind = kind_of(fields)
        # A refusal of our own answers an attack; counted, it would feed the alert that made it.
        skipped = kind in self._skipped_kinds and not (
            kind == "system" and fields.get("event.action") in HEARD_ACTIONS
        )
        if skipped or fields.get("sealtrail.own") is True:
            self._facts.skipped += 1
            return []
        self._facts.events += 1
        if self._unseen:
            self._see(fields)
        when = self._when(fields)
        places = self._index.pick(fields, kind=kind)
        if not places:
            return []
        heard = _Heard(entry, *when)
        found: list[Alert] = []
        view = View(fields)
        for place, test in places:
            one = self._asked[place]
            if one.is_set_aside or not self._ask(one, test, view):
                continue
            one.matches += 1
            if one.rule.output:
                self._alone(one, heard, found)
            for counted in one.counted:
                found.extend(self._count(counted, one.rule.head.id, heard))
        return found

    def _see(self, fields: Fields) -> None:
        """Note which fields of rules exist: a rule whose field never comes is dead."""
        shape = tuple(fields)
        if shape in self._shapes:
            return
        if len(self._shapes) < MAX_SHAPES:
            self._shapes.add(shape)
        self._unseen = {name for name in self._unseen if not any(key in fields for key in sources(name))}

    def _when(self, fields: Fields) -> tuple[int, bool]:
        """(time of the event, whether it is history). Moves the watermark."""
        ingested = fields.get("event.ingested")
        if ingested != self._arrival[0]:
            self._arrival = (ingested, microseconds(ingested))
        arrived = self._arrival[1]
        moment = microseconds(fields.get("@timestamp"))
        if moment is None:
            moment = arrived or 0
        elif arrived is not None and moment > arrived:
            moment = arrived  # a clock that is ahead must not make everybody else's events too late
        if fields.get("sealtrail.import") is True:
            self._facts.history += 1
            return moment, True
        if self._watermark is None or moment > self._watermark:
            self._watermark = moment
        elif moment < self._watermark - self._lateness:
            self._facts.history += 1
            return moment, True
        return moment, False

    def _ask(self, one: _Asked, test: Test, view: View) -> bool:
        if not one.has_regex:
            return test(view)
        begun = self._clock()
        matched = test(view)
        if self._clock() - begun > SLOW_SECONDS:
            # Python's regular expressions cannot be interrupted. One rule is given up, loudly, rather than
            # all of them: a second text like this one would hold up detection again.
            one.is_set_aside = True
            _log.error("rule %s is set aside: its regular expression ran too long", one.rule.head.id)
        return matched

    def _alone(self, one: _Asked, heard: _Heard, found: list[Alert]) -> None:
        rule, (entry, moment, history) = one.rule, heard
        key = {name: text for name in rule.suppress.by if (text := _text(lookup(entry.fields, name)))}
        place = entry.address
        if rule.suppress.span:
            place = str(moment // rule.suppress.span)
            mark = (tuple(key.items()), place, history)
            if mark in one.raised:
                self._facts.suppressed += 1
                return
            one.raised[mark] = None
            if len(one.raised) > MAX_RAISED:
                one.raised.popitem(last=False)
        found.append(
            Alert(
                id=identity(rule.head.id, tuple(f"{k}={v}" for k, v in key.items()), place, history=history),
                head=rule.head,
                key=key,
                count=1,
                time=moment,
                rise=moment,
                events=(entry.address,),
                late=self._is_late(moment),
                history=history,
                respond=rule.respond,
                target=_text(lookup(entry.fields, rule.respond.block)) if rule.respond else "",
            )
        )

    def _count(self, one: _Counted, rule_id: str, heard: _Heard) -> list[Alert]:
        rule, (entry, moment, history) = one.rule, heard
        key: list[str] = []
        for part in rule.group_by:
            text = _text(lookup(entry.fields, part[rule_id]))
            if not text:
                return []  # without a key there is nobody to count for
            key.append(text)
        value = ""
        if rule.distinct:
            values = [_text(lookup(entry.fields, name)) for name in rule.values]
            if not all(values):
                return []
            value = values[0] if len(values) == 1 else msgspec.json.encode(values).decode()
        window = one.history if history else one.live
        met = window.hits
        hits = window.add(tuple(key), moment, value, entry.address, None if history else self._watermark)
        if not hits:
            self._facts.suppressed += window.hits - met
            return []
        named = dict(zip(rule.keys, key, strict=True))
        return [
            Alert(
                id=identity(rule.head.id, tuple(key), str(hit.bucket), history=history),
                head=rule.head,
                key=named,
                count=hit.count,
                time=hit.time,
                rise=hit.rise,
                events=hit.events,
                late=self._is_late(hit.time),
                history=history,
                respond=rule.respond,
                target=named.get(rule.respond.block, "") if rule.respond else "",
            )
            for hit in hits
        ]

    def _is_late(self, moment: int) -> bool:
        late = self._watermark is not None and moment < self._watermark - JITTER
        self._facts.late += late
        return late


class _Heard(NamedTuple):
    """An entry, the time it counts for in microseconds, and whether it belongs to history."""

    entry: Entry
    moment: int
    history: bool


class _Asked:
    """A rule and what it has done."""

    __slots__ = ("counted", "has_regex", "is_set_aside", "matches", "raised", "rule")

    def __init__(self, rule: Rule, counted: tuple[_Counted, ...]) -> None:
        self.rule = rule
        self.counted = counted
        self.has_regex = any(isinstance(leaf, Regex) for leaf in leaves(rule.condition))
        self.matches = 0
        self.is_set_aside = False
        self.raised: OrderedDict[tuple[Any, ...], None] = OrderedDict()


class _Counted:
    """A correlation and its windows. History has its own, or an import would count into live traffic."""

    __slots__ = ("history", "live", "rule")

    def __init__(self, rule: Correlation, lateness: int) -> None:
        self.rule = rule
        self.live = Window(rule, lateness=lateness)
        self.history = Window(rule, lateness=lateness)


def _text(value: Any) -> str:
    """A value as part of a key: its text, or all of a list's as one; empty when missing."""
    if type(value) is str:
        return value if len(value) <= 256 else short(value)
    texts = texts_of(value)
    if len(texts) <= 1:
        return short(texts[0]) if texts else ""
    return short(msgspec.json.encode(texts).decode())
