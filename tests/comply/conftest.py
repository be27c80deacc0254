"""An estate in memory: what two services recorded in three days, with every control of ours in order.

Tests take something away or put something wrong in, and look what turns.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from sealtrail.comply.case import Case, Facts, Terms, TrailFact, Window
from sealtrail.comply.evaluate import Judgement, evaluate
from sealtrail.comply.framework import Framework
from sealtrail.comply.library import find
from sealtrail.event import Fields
from sealtrail.store.query import parse, predicate
from sealtrail.store.query.times import DAY, HOUR, SECOND, micros, stamp

START = micros(datetime(2026, 1, 1, tzinfo=UTC))
WINDOW = Window(START, START + 3 * DAY, START + 3 * DAY)
AS_OF = START + 5 * DAY
TERMS = Terms(
    data="sealtrail.object.type:card",
    data_setting="cardholder-data",
    retention={"access": 365, "audit": 365},
    admin_roles=("admin",),
    shared_ids=("root",),
)


def matching(query: str) -> Callable[[Fields], bool]:
    asked = predicate(parse(query, AS_OF))
    return lambda row: asked(row, row["sealtrail.trail"], row["sealtrail.index"])


class Memory:
    """Answers questions from a list of events, by the query language's own predicate."""

    def __init__(self, rows: list[Fields]) -> None:
        self._rows = rows

    def _found(self, query: str, since: int | None, until: int | None) -> list[Fields]:
        matches = matching(query)
        found = []
        for row in self._rows:
            time = micros(datetime.fromisoformat(row["@timestamp"]))
            if (since is None or time >= since) and (until is None or time < until) and matches(row):
                found.append(row)
        return sorted(found, key=lambda row: (row["@timestamp"], row["sealtrail.index"]))

    def count(self, query: str, since: int | None, until: int | None) -> int:
        return len(self._found(query, since, until))

    def values(self, query: str, field: str, since: int | None, until: int | None) -> list[tuple[Any, int]]:
        return Counter(row[field] for row in self._found(query, since, until) if field in row).most_common()

    def periods(self, query: str, length: int, since: int | None, until: int | None) -> list[tuple[int, int]]:
        times = [micros(datetime.fromisoformat(r["@timestamp"])) for r in self._found(query, since, until)]
        return sorted(Counter(time - time % length for time in times).items())

    def rows(
        self, query: str, limit: int, since: int | None, until: int | None, *, newest: bool = False
    ) -> list[Fields]:
        found = self._found(query, since, until)
        return found[::-1][:limit] if newest else found[:limit]


class Estate:
    """Events with addresses, and the facts beside them. Times are microseconds from the window's start."""

    start = START

    def __init__(self) -> None:
        self.rows: list[Fields] = []
        self.terms = TERMS
        self.window = WINDOW
        trails = (trail_fact("access"), trail_fact("audit"))
        self.facts = Facts(
            as_of=stamp(AS_OF),
            verdict="intact",
            anchored=True,
            trails=trails,
            paths=10,
            readers=("key 1, auditor",),
            seen={"access": 10_000, "audit": 10_000},
            rules=5,
            recent_since=stamp(AS_OF - 90 * DAY),
            drill=(("one byte altered", True), ("taken out", True), ("exchanged", True)),
        )

    def add(self, at: int, action: str, kind: str = "request", **fields: Any) -> Fields:
        """An event `at` microseconds of the window; names with two underscores for dots."""
        row: Fields = {
            "@timestamp": stamp(START + at),
            "event.id": f"e{len(self.rows)}",
            "sealtrail.kind": kind,
            "event.action": action,
            "event.outcome": "success",
            "event.ingested": stamp(START + at + SECOND // 10),
            "sealtrail.source": "collector" if action.startswith("sealtrail.") else "spool",
            "sealtrail.trail": "access" if kind == "request" else "audit",
            "sealtrail.index": len(self.rows),
        }
        row.update({name.replace("__", "."): value for name, value in fields.items()})
        self.rows.append({name: value for name, value in row.items() if value is not None})
        return self.rows[-1]

    def request(self, at: int, service: str, name: str | None = None, **more: Any) -> Fields:
        usual = {
            "http__request__id": name or f"r{len(self.rows)}",
            "http__request__method": "GET",
            "url__path": "/things",
            "http__response__status_code": 200,
            "client__ip": "192.0.2.7",
            "user__id": "anonymous",
        }
        return self.add(at, "http.request", **{"service__name": service, **usual, **more})

    def sign_in(self, at: int, name: str, action: str = "authn_login_success", **more: Any) -> Fields:
        usual = {"service__name": "shop", "http__request__id": name, "client__ip": "192.0.2.7"}
        return self.add(at, action, "authentication", **{**usual, **more})

    def act(self, at: int, action: str, name: str | None = None, **more: Any) -> Fields:
        usual = {"service__name": "shop", "http__request__id": name, "client__ip": "192.0.2.7"}
        return self.add(at, action, "audit", **{**usual, "user__id": "alice", **more})

    def remove(self, query: str) -> int:
        """Take out what matches; how many."""
        matches = matching(query)
        before = len(self.rows)
        self.rows = [row for row in self.rows if not matches(row)]
        return before - len(self.rows)

    def put(self, query: str, **fields: Any) -> None:
        """Change what matches; None takes a field out."""
        matches = matching(query)
        for row in self.rows:
            if matches(row):
                for name, value in fields.items():
                    row.pop(name.replace("__", "."), None)
                    if value is not None:
                        row[name.replace("__", ".")] = value

    def fact(self, **changes: Any) -> None:
        self.facts = msgspec.structs.replace(self.facts, **changes)

    def term(self, **changes: Any) -> None:
        self.terms = msgspec.structs.replace(self.terms, **changes)

    def case(self) -> Case:
        """The ledger has what the index has, where a test does not say otherwise."""
        trails = []
        for trail in self.facts.trails:
            held = sum(row["sealtrail.trail"] == trail.trail for row in self.rows)
            trails.append(trail if trail.recent else msgspec.structs.replace(trail, recent=held))
        facts = msgspec.structs.replace(self.facts, trails=tuple(trails))
        return Case(Memory(self.rows), self.window, self.terms, facts)

    def judge(self, framework: Framework | str) -> Judgement:
        pack = find(framework) if isinstance(framework, str) else framework
        case = self.case()
        return evaluate(pack, case.ask, case.window, case.terms, case.facts)


def trail_fact(trail: str) -> TrailFact:
    return TrailFact(
        trail=trail,
        base=trail,
        size=10_000,
        signed=10_000,
        root="r",
        first=0,
        oldest=stamp(START - 400 * DAY),
        anchored_to=10_000,
    )


def _fill(estate: Estate) -> None:
    estate.add(-2 * DAY, "sealtrail.started", "system")
    estate.add(-DAY, "sealtrail.stopped", "system")
    estate.add(HOUR // 2, "sealtrail.started", "system")
    for hour in range(72):
        for service in ("billing", "shop"):
            estate.request(hour * HOUR, service, user__id=f"u{hour % 5}")
    for day in range(3):
        at = day * DAY + 9 * HOUR
        estate.request(at, "shop", url__path="/cards/1", sealtrail__object__type="card", user__id="carol")
        name = f"in{day}"
        estate.request(at, "shop", name, url__path="/login", http__request__method="POST", user__id="alice")
        estate.sign_in(at, name, user__id="alice", user__roles=["admin"], sealtrail__auth__mfa=True)
        name = f"out{day}"
        estate.request(
            at, "shop", name, url__path="/login", http__request__method="POST",
            http__response__status_code=401, event__outcome="failure",
        )  # fmt: skip
        estate.sign_in(at, name, "authn_login_fail", event__outcome="failure", user__hash="h")
        name = f"role{day}"
        estate.request(
            at, "shop", name, url__path="/users/7/role", http__request__method="PUT",
            user__id="alice", user__roles=["admin"],
        )  # fmt: skip
        estate.act(at, "user.role.update", name, event__category=["iam"], sealtrail__target__id="7")
        estate.act(at, "invoice.delete", event__type=["deletion"], sealtrail__target__type="invoice")
        estate.add(
            at, "sealtrail.alert", "alert", event__id=f"alert{day}", event__outcome="unknown",
            sealtrail__alert__events=["access/1"],
        )  # fmt: skip
        estate.add(
            at + HOUR, "sealtrail.alert.close", "system", sealtrail__alert__id=f"alert{day}", user__id="dora"
        )
        estate.add((day + 1) * DAY + HOUR, "sealtrail.review", "system", user__id="rita",
                   sealtrail__review__day=stamp(START + day * DAY)[:10])  # fmt: skip
    estate.add(2 * DAY, "sealtrail.export", "system", user__id="rita")
    gap = estate.add(2 * DAY, "sealtrail.gap", "system")
    estate.add(
        2 * DAY + SECOND, "sealtrail.alert", "alert", event__id="alertgap", event__outcome="unknown",
        sealtrail__alert__events=[f"audit/{gap['sealtrail.index']}"],
    )  # fmt: skip
    estate.add(2 * DAY + HOUR, "sealtrail.alert.close", "system", sealtrail__alert__id="alertgap")


@pytest.fixture
def estate() -> Estate:
    """Everything in order: no verdict of `fail` or `no-data` in any framework."""
    estate = Estate()
    _fill(estate)
    return estate


@pytest.fixture
def empty() -> Estate:
    """A folder in perfect order in which nothing was recorded."""
    return Estate()


@pytest.fixture
def finding() -> Callable[..., Any]:
    """What one check says of an estate."""
    from sealtrail.comply.checks import CHECKS

    return lambda estate, check: CHECKS[check].judge(estate.case())
