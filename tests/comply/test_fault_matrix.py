"""One fault at a time: the controls that rest upon its check turn, in every framework, and no other."""

from __future__ import annotations

import msgspec
import pytest

from sealtrail.comply.case import PruneFact
from sealtrail.comply.checks import CHECKS
from sealtrail.comply.library import find, names
from sealtrail.store.query.times import DAY, HOUR, MINUTE, from_stamp, stamp


def silent_source(estate):
    assert estate.remove(f'service.name:billing and @timestamp>="{stamp(estate.start + DAY)}"') == 48


def source_that_never_spoke(estate):
    estate.term(services=("billing", "shop", "search"))


def only_sign_ins(estate):
    for hour in range(0, 72, 6):
        estate.sign_in(hour * HOUR, f"idp{hour}", service__name="idp", user__id="u")


def unrecorded_failures(estate):
    assert estate.remove("event.action:authn_login_fail") == 3


def one_unrecorded_failure(estate):
    assert estate.remove("http.request.id:out1 and sealtrail.kind:authentication") == 1


def failure_without_request(estate):
    assert estate.remove("http.request.id:out1 and sealtrail.kind:request") == 1


def nobody(estate):
    estate.put("service.name:billing and sealtrail.index<20", user__id=None)


def no_outcome(estate):
    estate.put("service.name:billing and sealtrail.index<20", event__outcome=None)


def anonymous_card(estate):
    estate.put("sealtrail.object.type:card", user__id="anonymous")


def silent_admin(estate):
    estate.put("event.action:user.role.update", http__request__id=None)


def anonymous_export(estate):
    estate.put("event.action:sealtrail.export", user__id=None)


def role_of_whom(estate):
    estate.put("event.action:user.role.update", sealtrail__target__id=None)


def killed_collector(estate):
    assert estate.remove("event.action:sealtrail.stopped") == 1


def deleted_what(estate):
    estate.put("event.action:invoice.delete", sealtrail__target__type=None)


def shared_id(estate):
    estate.request(HOUR, "billing", user__id="root")


def one_factor(estate):
    estate.put("event.action:authn_login_success", sealtrail__auth__mfa=False)


def unexplained_emergency(estate):
    estate.act(HOUR, "break_glass.open", user__id="alice")


def tampered(estate):
    audit = msgspec.structs.replace(estate.facts.trails[1], problems=("audit/7: other bytes",))
    estate.fact(verdict="tampered", trails=(estate.facts.trails[0], audit))


def not_anchored(estate):
    estate.fact(anchored=False)


def anchored_too_early(estate):
    access = msgspec.structs.replace(estate.facts.trails[0], anchored_to=20)
    estate.fact(trails=(access, estate.facts.trails[1]))


def blind_verifier(estate):
    estate.fact(drill=(("one byte altered", False), ("taken out", True)))


def open_to_writing(estate):
    estate.fact(writable=("trails/audit/active-0",))


def open_to_reading(estate):
    estate.fact(readable=("trails/audit/active-0",))


def missing_review(estate):
    assert estate.remove("sealtrail.review.day:2026-01-02") == 1


def late_review(estate):
    estate.put("sealtrail.review.day:2026-01-02", event__ingested=stamp(estate.start + 3 * DAY + 1))


def no_detection(estate):
    estate.fact(seen=None)


def no_rules(estate):
    estate.fact(rules=0)


def detection_behind(estate):
    estate.fact(seen={"access": 30, "audit": 10_000})


def open_alert(estate):
    assert estate.remove("event.action:sealtrail.alert.close and sealtrail.alert.id:alert1") == 1


def short_retention(estate):
    access = msgspec.structs.replace(estate.facts.trails[0], first=500, oldest=stamp(estate.start - 40 * DAY))
    estate.fact(trails=(access, estate.facts.trails[1]))


def broken_index(estate):
    access = msgspec.structs.replace(estate.facts.trails[0], recent=10_000)
    estate.fact(trails=(access, estate.facts.trails[1]))


def early_removal(estate):
    row = estate.add(HOUR, "sealtrail.prune", "system")
    prune = PruneFact(
        f"audit/{row['sealtrail.index']}",
        "access",
        500,
        row["event.ingested"],
        stamp(estate.start - 40 * DAY),
    )
    estate.fact(prunes=(prune,))


def unnoticed_gap(estate):
    assert estate.remove("event.id:alertgap or sealtrail.alert.id:alertgap") == 2


def clock_ahead(estate):
    for row in estate.rows:
        if row.get("service.name") == "billing":
            there = from_stamp(row["@timestamp"])
            assert there is not None
            row["event.ingested"] = stamp(there - 10 * MINUTE)


def clock_behind(estate):
    for row in estate.rows:
        if row.get("service.name") == "billing":
            there = from_stamp(row["@timestamp"])
            assert there is not None
            row["event.ingested"] = stamp(there + 10 * MINUTE)


FAULTS = [
    ("COV-1", silent_source, "fail"),
    ("COV-1", source_that_never_spoke, "no-data"),
    ("COV-2", only_sign_ins, "fail"),
    ("COV-5", unrecorded_failures, "fail"),
    ("COV-5", one_unrecorded_failure, "fail"),
    ("COV-5", failure_without_request, "fail"),
    ("FLD-1", nobody, "fail"),
    ("FLD-1", no_outcome, "fail"),
    ("EVT-1", anonymous_card, "fail"),
    ("EVT-2", silent_admin, "fail"),
    ("EVT-3", anonymous_export, "fail"),
    ("EVT-4", role_of_whom, "fail"),
    ("EVT-5", killed_collector, "fail"),
    ("EVT-6", deleted_what, "fail"),
    ("IAM-1", shared_id, "fail"),
    ("IAM-5", one_factor, "fail"),
    ("IAM-10", unexplained_emergency, "fail"),
    ("INT-1", tampered, "fail"),
    ("INT-2", not_anchored, "needs-human"),
    ("INT-2", anchored_too_early, "needs-human"),
    ("INT-3", blind_verifier, "fail"),
    ("INT-5", open_to_writing, "fail"),
    ("RD-1", open_to_reading, "fail"),
    ("REV-1", missing_review, "fail"),
    ("REV-1", late_review, "fail"),
    ("REV-2", no_detection, "fail"),
    ("REV-2", no_rules, "fail"),
    ("REV-2", detection_behind, "fail"),
    ("REV-3", open_alert, "fail"),
    ("RET-1", short_retention, "fail"),
    ("RET-2", broken_index, "fail"),
    ("RET-3", early_removal, "fail"),
    ("LOG-1", unnoticed_gap, "fail"),
    ("TIM-1", clock_ahead, "fail"),
    ("TIM-1", clock_behind, "fail"),
]


@pytest.mark.parametrize("framework", names())
@pytest.mark.parametrize(
    ("check", "fault", "verdict"), FAULTS, ids=[fault.__name__ for _, fault, _ in FAULTS]
)
def test_a_fault_turns_the_controls_that_rest_upon_its_check_and_no_other(
    estate, framework, check, fault, verdict
):
    before = estate.judge(framework)
    assert not before.tally["fail"]
    assert not before.tally["no-data"]
    fault(estate)
    after = estate.judge(framework)
    turned = {name for name in after.verdicts if after.verdicts[name] != before.verdicts[name]}
    resting = {
        control.id
        for control in find(framework).controls
        if check in control.checks and after.verdicts[control.id] != "not-applicable"
    }
    assert turned == resting
    assert {after.verdicts[name] for name in turned} <= {verdict}
    others = {
        name for name in after.findings if after.findings[name].verdict != before.findings[name].verdict
    }
    assert others <= {check}


def test_every_check_that_a_log_can_answer_has_its_fault():
    asked_of_people = {"ATT", "LOG-2"}
    assert {check for check, _, _ in FAULTS} == set(CHECKS) - asked_of_people


def test_in_requirement_ten_a_fault_turns_one_control_or_the_two_that_rest_upon_the_ledger(estate):
    controls = find("pci-dss-4.0.1").controls
    for check in {check for check, _, _ in FAULTS}:
        resting = [c.id for c in controls if check in c.checks and not c.provider_only]
        assert len(resting) <= 1 or (check, resting) == ("INT-1", ["10.3.2", "10.3.4"])


@pytest.mark.parametrize("framework", names())
def test_an_empty_window_gives_no_pass_at_all(empty, estate, framework):
    assert empty.judge(framework).tally["pass"] == 0
    # The same of a folder that is full, asked about another time; and of one where only we have spoken.
    estate.window = msgspec.structs.replace(
        estate.window, start=estate.start - 30 * DAY, end=estate.start, judged=estate.start
    )
    assert estate.judge(framework).tally["pass"] == 0
    estate.window = msgspec.structs.replace(
        estate.window, start=estate.start, end=estate.start + DAY, judged=estate.start
    )
    assert estate.judge(framework).tally["pass"] == 0


@pytest.mark.parametrize("framework", names())
def test_what_only_we_said_is_no_record_of_the_estate(estate, framework):
    assert estate.remove("not sealtrail.source:collector") > 100
    verdicts = set(estate.judge(framework).verdicts.values())
    assert verdicts <= {"no-data", "needs-human", "not-applicable"}


def test_a_stopped_source_turns_ten_two_one_and_nothing_else(estate):
    before = estate.judge("pci-dss-4.0.1").verdicts
    estate.remove("service.name:billing")
    estate.put("service.name:shop and sealtrail.index<10", service__name="shop")
    estate.request(-DAY, "billing")  # it was there before the window
    after = estate.judge("pci-dss-4.0.1").verdicts
    assert {name: after[name] for name in after if after[name] != before[name]} == {"10.2.1": "no-data"}


def test_a_service_provider_is_asked_more(estate):
    assert estate.judge("pci-dss-4.0.1").verdicts["10.7.1"] == "not-applicable"
    estate.term(service_provider=True)
    assert estate.judge("pci-dss-4.0.1").verdicts["10.7.1"] == "pass"


def test_nothing_that_happened_is_not_exercised_and_the_zero_is_shown(estate):
    estate.remove("sealtrail.kind:alert or event.action:(sealtrail.alert.close or sealtrail.gap)")
    judgement = estate.judge("pci-dss-4.0.1")
    for control, check in (("10.4.3", "REV-3"), ("10.7.2", "LOG-1"), ("10.7.3", "LOG-2")):
        assert judgement.verdicts[control] == "not-exercised"
        numbers = judgement.findings[check].numbers
        assert [number.value for number in numbers if number.query] == [0]


@pytest.mark.parametrize("framework", names())
def test_no_pass_is_given_without_a_population_and_its_number(estate, framework):
    for name, finding in estate.judge(framework).findings.items():
        if finding.verdict == "pass":
            assert finding.population > 0, name
            assert finding.numbers or name == "INT-2"
            assert not finding.exceptions
