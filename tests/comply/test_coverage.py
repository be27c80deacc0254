from __future__ import annotations

import pytest

from sealtrail.comply.case import MAX_VALUES
from sealtrail.comply.checks import CHECKS, coverage
from sealtrail.store.query.times import DAY, HOUR, stamp


def test_the_inventory_is_what_was_heard_lately_where_nobody_declared_one(estate, finding):
    estate.request(-100 * DAY, "gone")
    estate.request(-80 * DAY, "quiet")
    said = finding(estate, "COV-1")
    assert said.verdict == "no-data"
    assert said.found == ("quiet: no record in the window",)
    assert said.population == 3
    assert "names no inventory" in said.notes[0]


def test_a_declared_inventory_is_the_whole_of_it(estate, finding):
    estate.term(services=("shop",))
    estate.remove("service.name:billing")
    said = finding(estate, "COV-1")
    assert (said.verdict, said.population, said.notes) == ("pass", 1, ())


def test_a_source_without_a_service_goes_by_what_it_came_through(estate, finding):
    for hour in range(72):
        estate.request(hour * HOUR, "shop", service__name=None, sealtrail__source='import:"a" log')
    names = coverage.sources(estate.case())
    assert list(names) == ["billing", "shop", 'source import:"a" log']
    assert finding(estate, "COV-1").verdict == "pass"


def test_a_silence_is_named_with_its_edges(estate, finding):
    first, last = (stamp(estate.start + hour * HOUR) for hour in (10, 40))
    estate.remove(f'service.name:billing and @timestamp>="{first}" and @timestamp<"{last}"')
    said = finding(estate, "COV-1")
    assert said.verdict == "fail"
    assert said.found == ("billing: silent from 2026-01-01T10:00Z to 2026-01-02T16:00Z, 30 h",)
    estate.term(silent_hours=30)
    assert finding(estate, "COV-1").verdict == "pass"


def test_a_new_source_is_not_missed_before_it_came(estate, finding):
    for hour in range(50, 72):
        estate.request(hour * HOUR, "young")
    assert finding(estate, "COV-1").verdict == "pass"


def test_a_known_source_that_begins_late_in_the_window_was_silent(estate, finding):
    estate.request(-DAY, "old")
    for hour in range(50, 72):
        estate.request(hour * HOUR, "old")
    assert "old: silent from 2026-01-01T00:00Z" in finding(estate, "COV-1").found[0]


def test_hostile_names_of_sources_are_names_and_no_queries(estate, finding):
    name = 'a" or user.id:* or "\\\n'
    for hour in range(72):
        estate.request(hour * HOUR, name)
    numbers = {number.name: number.value for number in finding(estate, "COV-1").numbers}
    assert numbers[f"records of {name}"] == 72


def test_invented_names_do_not_drown_the_estate_and_are_never_a_pass(estate, finding, monkeypatch):
    monkeypatch.setattr(coverage, "MAX_SOURCES", 3)
    for hour in range(72):
        for name in ("v", "w", "x" * 501):
            estate.request(hour * HOUR, name)
    said = finding(estate, "COV-1")
    assert (said.verdict, said.population) == ("needs-human", 3)
    assert "of 5 sources 3 were looked at" in said.notes[0]
    estate.term(services=("billing", "shop"))
    assert finding(estate, "COV-1").verdict == "pass"


def test_paths_of_any_length_fit_into_the_question(estate, finding):
    for number in range(30):
        name = f"long{number}"
        path = "/login/" + f"{number}" + '"' * 3000
        estate.request(HOUR, "shop", name, url__path=path, http__request__method="POST")
        estate.sign_in(HOUR, name, user__id="u")
    assert finding(estate, "COV-5").verdict == "pass"


def test_where_no_sign_in_was_ever_recorded_every_refused_post_is_one(estate, finding):
    assert estate.remove("sealtrail.kind:authentication")
    said = finding(estate, "COV-5")
    assert said.verdict == "fail"
    assert [line.split(":")[0] for line in said.found] == ["request out0", "request out1", "request out2"]


def test_a_refusal_elsewhere_is_its_own_record(estate, finding):
    estate.request(HOUR, "shop", http__response__status_code=403, url__path="/admin")
    estate.request(HOUR, "shop", http__response__status_code=401, url__path="/me")
    said = finding(estate, "COV-5")
    assert (said.verdict, said.population) == ("pass", 8)


def test_our_own_refusals_are_no_attempts_to_sign_in(estate, finding):
    estate.request(
        HOUR, "shop", http__response__status_code=401, http__request__method="POST", url__path="/login",
        sealtrail__own=True,
    )  # fmt: skip
    assert finding(estate, "COV-5").verdict == "pass"


def test_without_a_refusal_it_was_not_exercised(estate, finding):
    estate.remove("http.request.id:(out0 or out1 or out2)")
    said = finding(estate, "COV-5")
    assert (said.verdict, said.population) == ("not-exercised", 0)


def test_without_requests_and_sign_ins_there_is_nothing_to_judge(estate, finding):
    estate.remove("sealtrail.kind:(request or authentication)")
    assert finding(estate, "COV-5").verdict == "no-data"


def test_partners_across_an_hour_or_the_edge_of_the_window_are_found(estate, finding):
    login = {
        "url__path": "/login",
        "http__request__method": "POST",
        "http__response__status_code": 401,
        "event__outcome": "failure",
    }
    failed = {"action": "authn_login_fail", "event__outcome": "failure", "user__hash": "h"}
    estate.request(2 * HOUR + 1, "shop", "hour", **login)
    estate.sign_in(2 * HOUR - 1, "hour", **failed)
    estate.request(1, "shop", "edge", **login)
    estate.sign_in(-1, "edge", **failed)
    assert finding(estate, "COV-5").verdict == "pass"


@pytest.mark.parametrize(("matched", "verdict"), [(True, "needs-human"), (False, "fail")])
def test_of_a_flood_it_says_that_it_could_not_compare_all(estate, finding, monkeypatch, matched, verdict):
    if not matched:
        estate.remove("sealtrail.kind:authentication and http.request.id:out2")
    case = estate.case()
    values, periods = case.ask.values, case.ask.periods

    def many(query, field, since, until):
        flood = until is not None and until <= estate.start + DAY and "request.id:(" not in query
        return [(n, 1) for n in range(MAX_VALUES)] if flood else values(query, field, since, until)

    def full(query, length, since, until):
        found = periods(query, length, since, until)
        return [(at, number * MAX_VALUES if at < estate.start + DAY else number) for at, number in found]

    monkeypatch.setattr(case.ask, "values", many)
    monkeypatch.setattr(case.ask, "periods", full)
    said = CHECKS["COV-5"].judge(case)
    assert said.verdict == verdict
    assert said.found == (
        () if matched else ("request out2: refused with 401, and no authentication record",)
    )


def test_many_refusals_are_compared_in_few_questions(estate, monkeypatch):
    for number in range(1000):
        name = f"try{number}-" + '\\"' * 30
        estate.request(
            HOUR, "shop", name, http__request__method="POST", url__path="/login",
            http__response__status_code=401, event__outcome="failure",
        )  # fmt: skip
        if number != 777:
            estate.sign_in(HOUR, name, "authn_login_fail", event__outcome="failure", user__hash="h")
    case = estate.case()
    asked = []
    values = case.ask.values
    monkeypatch.setattr(case.ask, "values", lambda *one: asked.append(one) or values(*one))
    said = CHECKS["COV-5"].judge(case)
    assert [line.split("-")[0] for line in said.found] == ["request try777"]
    assert len(asked) < 60


def test_a_source_of_sign_ins_alone_is_no_record_of_activity(estate, finding):
    assert finding(estate, "COV-2").verdict == "pass"
    estate.sign_in(HOUR, "x", service__name="idp")
    said = finding(estate, "COV-2")
    assert (said.verdict, said.population) == ("fail", 3)
    assert "idp: records sign-ins" in said.found[0]
