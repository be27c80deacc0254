"""Coverage: is every source heard, does it record what it should, is every refusal recorded? Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from sealtrail.comply.case import (
    MAX_VALUES,
    RECORDS,
    Case,
    Check,
    Finding,
    hours,
    micros_of,
    moment,
    one_of,
    quoted,
)
from sealtrail.comply.verdict import Verdict, judged
from sealtrail.store.query.times import DAY, HOUR, MINUTE

# How far back a source is remembered that nobody put on an inventory.
REMEMBERED_SECONDS: Final = 90 * 86_400.0

# Sources that are looked at one by one. Whoever may send events can invent names: more are no estate.
MAX_SOURCES: Final = 300
MAX_NAME: Final = 500  # characters of a name, or of a path, that goes into a query

# A request and the records made within it carry times of their own; those near the edge have their partner
# beyond it.
_MARGIN: Final = 5 * MINUTE

# Ids that are compared in one check: beyond it the flood itself is what a person should look at.
MAX_COMPARED: Final = 50_000

# Ids asked for in one query, which may have 500 conditions and 16,384 characters.
_AT_ONCE: Final = 400
_CHARACTERS: Final = 12_000

_REFUSED: Final = (
    "sealtrail.kind:request and http.response.status_code:(401 or 403) and not sealtrail.own:true"
)
_FAILED: Final = "sealtrail.kind:authentication and event.outcome:failure"


def sources(case: Case) -> dict[str, str]:
    """Name -> query of each source that is expected: the inventory, else who was heard lately or now."""
    if case.terms.services:
        return {name: _by_service(name) for name in case.terms.services}
    since = case.window.start - int(REMEMBERED_SECONDS * 1_000_000)
    found: dict[str, str] = {}
    for value, _ in case.ask.values(RECORDS, "service.name", since, case.window.judged):
        found[str(value)] = _by_service(str(value))
    nameless = f"{RECORDS} and not service.name:*"
    for value, _ in case.ask.values(nameless, "sealtrail.source", since, case.window.judged):
        found[f"source {value}"] = f"{nameless} and sealtrail.source:{quoted(str(value))}"
    named = {name: query for name, query in sorted(found.items()) if len(name) <= MAX_NAME}
    if len(named) > MAX_SOURCES or len(named) < len(found):
        looked = min(len(named), MAX_SOURCES)
        case.notes.append(
            f"of {len(found):,} sources {looked:,} were looked at; name yours in [compliance] services"
        )
    return dict(islice(named.items(), MAX_SOURCES))


def _by_service(name: str) -> str:
    return f"{RECORDS} and service.name:{quoted(name)}"


def heard(case: Case) -> Finding:
    """COV-1"""
    expected = sources(case)
    some_left_out = bool(case.notes)
    if not case.terms.services:
        case.notes.append(
            "[compliance] services names no inventory: expected is who was heard in the 90 days before the "
            "window, or in it. A source that never recorded cannot be missed."
        )
    silent, gaps = [], []
    for name, query in expected.items():
        if case.count(f"records of {name}", query) == 0:
            silent.append(f"{name}: no record in the window")
        else:
            gaps += [f"{name}: {gap}" for gap in _gaps(case, query)]
    verdict: Verdict = judged(len(expected), len(gaps), empty="no-data")
    if verdict == "pass" and some_left_out:
        verdict = "needs-human"
    if silent and not gaps:
        # Of a source that says nothing nothing is known: neither a failure nor that all was quiet.
        verdict = "no-data"
    return case.finding(verdict, len(expected), len(silent) + len(gaps), [*silent, *gaps], RECORDS)


def _gaps(case: Case, query: str) -> list[str]:
    """Silences of a source within the window that last longer than the limit."""
    window, limit = case.window, case.terms.silent_hours * HOUR
    length = HOUR if window.judged - window.start <= 366 * DAY else DAY
    periods = case.ask.periods(query, length, window.start, window.judged)
    known = case.ask.count(query, None, window.start) > 0
    edge = window.start if known else periods[0][0]
    found = []
    for start, _ in [*periods, (window.judged, 0)]:
        if start - edge > limit:
            found.append(f"silent from {moment(edge)} to {moment(start)}, {hours(start - edge)}")
        edge = max(edge, start + length)
    return found


def active(case: Case) -> Finding:
    """COV-2"""
    population, found = 0, []
    for name, query in sources(case).items():
        signs = case.count(f"authentication records of {name}", f"{query} and sealtrail.kind:authentication")
        acts = case.count(f"requests and acts of {name}", f"{query} and sealtrail.kind:(request or audit)")
        if signs + acts:
            population += 1
            if not acts:
                found.append(f"{name}: records sign-ins and nothing of what is done then")
    return case.finding(
        judged(population, len(found), empty="no-data"), population, len(found), found, RECORDS
    )


def refusals(case: Case) -> Finding:
    """COV-5"""
    requests = case.count("requests in the window", "sealtrail.kind:request")
    refused = case.count("requests answered 401 or 403", _REFUSED)
    failed = case.count("failed sign-ins recorded", _FAILED)
    paths = _sign_in_paths(case)
    where = f"url.path:{one_of(paths)}" if paths else "http.request.method:POST"
    attempts = (
        f"sealtrail.kind:request and http.response.status_code:401 and not sealtrail.own:true and {where}"
    )
    case.count("refused sign-ins", attempts)
    lost = unmatched(case, attempts, "sealtrail.kind:authentication")
    with_request = f"{_FAILED} and http.request.id:*"
    stray = unmatched(case, with_request, "sealtrail.kind:request")
    found = [f"request {name}: refused with 401, and no authentication record" for name in lost.ids]
    found += [f"request {name}: a failed sign-in, and the request is not recorded" for name in stray.ids]
    case.number("refused sign-ins without an authentication record", len(lost.ids))
    case.number("failed sign-ins without their request", len(stray.ids))
    if not requests and not failed:
        return case.finding("no-data", 0)
    verdict = judged(refused + failed, len(found))
    if verdict == "pass" and (lost.capped or stray.capped):
        case.notes.append("in some hour more attempts came than can be compared one by one")
        verdict = "needs-human"
    return case.finding(verdict, refused + failed, len(found), found, f"({_REFUSED}) or ({_FAILED})")


def _sign_in_paths(case: Case) -> list[str]:
    """Where people sign in: the paths of requests within which an authentication record was made."""
    paths: set[str] = set()
    signs = "sealtrail.kind:authentication and http.request.id:*"
    for place in ("event.outcome:success", "event.outcome:failure"):
        for row in case.rows(f"{signs} and {place}", 20):
            request = f"sealtrail.kind:request and http.request.id:{quoted(str(row['http.request.id']))}"
            at = micros_of(row.get("@timestamp")) or case.window.start
            for one in case.ask.rows(request, 1, at - _MARGIN, at + _MARGIN):
                path = str(one.get("url.path") or "")
                if 0 < len(path) <= MAX_NAME:
                    paths.add(path)
    return sorted(paths)[:20]


class Unmatched:
    """Request ids of one query that the other does not have; `capped` where not all could be compared."""

    def __init__(self, ids: list[str], *, capped: bool) -> None:
        self.ids = ids
        self.capped = capped


def unmatched(case: Case, query: str, partner: str) -> Unmatched:
    """The ids of requests that `query` finds and `partner` does not, in the order of their texts."""
    missing: list[str] = []
    compared, capped = 0, False
    for start, end in _spans(case, query):
        ids = sorted({str(value) for value, _ in case.ask.values(query, "http.request.id", start, end)})
        if len(ids) >= MAX_VALUES or compared >= MAX_COMPARED:
            capped = True  # what was not given may be missing, or may not
            continue
        compared += len(ids)
        for some in _groups(ids):
            asked = f"{partner} and http.request.id:{one_of(some)}"
            found = case.ask.values(asked, "http.request.id", start - _MARGIN, end + _MARGIN)
            missing += sorted(set(some) - {str(value) for value, _ in found})
    return Unmatched(sorted(missing), capped=capped)


def _groups(ids: Sequence[str]) -> Iterator[list[str]]:
    """The ids in lists that fit into one query, whatever characters they hold."""
    some: list[str] = []
    length = 0
    for name in ids:
        long = len(quoted(name)) + 4
        if some and (len(some) >= _AT_ONCE or length + long > _CHARACTERS):
            yield some
            some, length = [], 0
        some.append(name)
        length += long
    if some:
        yield some


def _spans(case: Case, query: str) -> Iterator[tuple[int, int]]:
    """Stretches of the window with few enough matches each; a flood in one hour leaves the others exact."""
    window, held = case.window, 0
    start = end = window.start
    for hour, number in case.ask.periods(query, HOUR, window.start, window.judged):
        if held and held + number > MAX_VALUES // 2:
            yield start, end
            start, held = max(hour, window.start), 0
        held += number
        end = min(hour + HOUR, window.judged)
    if held:
        yield start, end


CHECKS: Final = (
    Check(
        "COV-1",
        "Sources heard",
        "every expected source recorded in the window, and none was silent for longer than "
        "[compliance] silent-hours",
        heard,
    ),
    Check("COV-2", "More than sign-ins", "every source records requests or acts, not sign-ins alone", active),
    Check(
        "COV-5",
        "Refusals matched both ways",
        "every refused sign-in has an authentication record of the same request, and every failed sign-in "
        "its request",
        refusals,
    ),
)
