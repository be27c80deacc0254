from __future__ import annotations

import pytest

from sealtrail.comply.checks.events import MISSING
from sealtrail.store.query.times import HOUR

WITHOUT = {
    "who": {"user__id": None},
    "what": {"event__action": None},
    "when": {},
    "outcome": {"event__outcome": None},
    "origin": {"client__ip": None},
    "object": {"url__path": None, "service__name": None},
}


@pytest.mark.parametrize("name", [name for name in WITHOUT if WITHOUT[name]])
def test_each_of_the_six_is_missed_by_itself(estate, finding, name):
    row = estate.request(HOUR, "shop", "lacking")
    assert finding(estate, "FLD-1").verdict == "pass"
    estate.put("http.request.id:lacking", **WITHOUT[name])
    said = finding(estate, "FLD-1")
    assert (said.verdict, said.exceptions) == ("fail", 1)
    assert {n.name for n in said.numbers if n.value == 1} == {
        f"records that lack: {name}",
        "records that lack any of them",
    }
    assert said.found[0].startswith(f"access/{row['sealtrail.index']} ")


def test_the_door_lets_no_event_in_without_a_time(estate):
    assert [name for name, _ in MISSING] == list(WITHOUT)


def test_a_failed_sign_in_without_a_name_lacks_nobody(estate, finding):
    estate.request(HOUR, "shop", "jwt")
    estate.sign_in(HOUR, "jwt", "authn_login_fail", event__outcome="failure", event__reason="bad_signature")
    assert finding(estate, "FLD-1").verdict == "pass"


def test_what_is_called_from_here_is_no_access_to_it_and_is_not_counted(estate, finding):
    before = finding(estate, "FLD-1").population
    estate.add(HOUR, "http.client", "outbound", destination__domain="api.example.com")
    said = finding(estate, "FLD-1")
    assert (said.verdict, said.population) == ("pass", before)


def test_a_job_on_a_host_has_an_origin(estate, finding):
    estate.act(HOUR, "invoice.export", client__ip=None, host__name="worker-1")
    assert finding(estate, "FLD-1").verdict == "pass"


@pytest.mark.parametrize(
    ("check", "term", "told"),
    [
        ("EVT-1", {"data": ""}, "cardholder-data names no query"),
        ("EVT-2", {"admin_roles": ()}, "admin-roles names no role"),
        ("IAM-5", {"admin_roles": ()}, "admin-roles names no role"),
    ],
)
def test_what_the_entity_did_not_say_a_person_has_to(estate, finding, check, term, told):
    estate.term(**term)
    said = finding(estate, check)
    assert said.verdict == "needs-human"
    assert told in said.notes[0]


def test_data_that_was_refused_was_not_accessed(estate, finding):
    estate.request(HOUR, "shop", sealtrail__object__type="card", event__outcome="failure")
    assert finding(estate, "EVT-1").verdict == "pass"


@pytest.mark.parametrize(
    ("check", "query"),
    [
        ("EVT-1", "sealtrail.object.type:card"),
        ("EVT-2", "http.request.method:PUT"),
        ("EVT-3", "event.action:sealtrail.export"),
        ("EVT-4", "event.action:user.role.update"),
        ("EVT-6", "event.action:invoice.delete"),
        ("IAM-5", "event.action:authn_login_success"),
        ("IAM-10", "event.action:nothing"),
    ],
)
def test_what_did_not_happen_was_not_exercised(estate, finding, check, query):
    estate.remove(query)
    if check == "EVT-2":
        estate.remove("http.request.method:POST and user.roles:admin")
    said = finding(estate, check)
    assert (said.verdict, said.population, said.found) == ("not-exercised", 0, ())


def test_an_administrator_who_changes_without_a_request_id_cannot_be_matched(estate, finding):
    estate.request(HOUR, "shop", http__request__method="PUT", user__roles=["admin"], http__request__id=None)
    said = finding(estate, "EVT-2")
    assert (said.verdict, said.exceptions) == ("fail", 1)


def test_an_administrator_who_reads_or_fails_changes_nothing(estate, finding):
    estate.request(HOUR, "shop", user__roles=["admin"])
    estate.request(HOUR, "shop", user__roles=["admin"], http__request__method="PUT", event__outcome="failure")
    assert finding(estate, "EVT-2").population == 3


def test_names_of_the_vocabulary_count_as_changes_of_identity(estate, finding):
    before = finding(estate, "EVT-4").population
    for action in ("user_created:root,bob,admin", "privilege_permissions_changed:bob", "authn_token_created"):
        estate.act(HOUR, action, sealtrail__target__id="7")
    assert finding(estate, "EVT-4").population == before + 3


def test_without_a_list_of_shared_ids_none_is_shared(estate, finding):
    estate.request(HOUR, "shop", user__id="root")
    assert finding(estate, "IAM-1").verdict == "fail"
    estate.term(shared_ids=())
    assert finding(estate, "IAM-1").verdict == "pass"


def test_an_emergency_access_with_person_and_reason_passes(estate, finding):
    estate.act(HOUR, "break_glass.open", event__reason="ticket 7")
    said = finding(estate, "IAM-10")
    assert (said.verdict, said.population) == ("pass", 1)
