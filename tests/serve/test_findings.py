from __future__ import annotations

from sealtrail.serve.findings import Finding, document, fail, ok, warn, worst


def test_the_worst_of_all_is_what_counts():
    assert worst([]) == "ok"
    assert worst([ok("a", "b"), warn("a", "b", "c")]) == "warn"
    assert worst([fail("a", "b", "c"), warn("a", "b", "c"), ok("a", "b")]) == "fail"


def test_the_document_holds_every_finding_as_it_is():
    told = document([ok("disk", "room"), Finding("clock", "warn", "off", "set it")])
    assert told == {
        "state": "warn",
        "findings": [
            {"check": "disk", "state": "ok", "what": "room", "todo": ""},
            {"check": "clock", "state": "warn", "what": "off", "todo": "set it"},
        ],
    }
