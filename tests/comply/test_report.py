from __future__ import annotations

import json

import msgspec
import pytest

from sealtrail.comply.library import find, names
from sealtrail.comply.report import Report, Sample, Verification, assembled
from sealtrail.comply.verdict import combined, tally


@pytest.fixture
def model(estate):
    """The model of an estate's report."""

    def made(framework: str = "pci-dss-4.0.1", **samples) -> Report:
        case = estate.case()
        return assembled(
            find(framework),
            estate.judge(framework),
            case.window,
            case.terms,
            case.facts,
            entity="Example Ltd",
            generator="sealtrail 1",
            verification=Verification("intact", anchored=True, trails=(), notes=()),
            heads=(),
            samples=samples,
        )

    return made


@pytest.mark.parametrize("framework", names())
def test_the_verdicts_that_are_counted_are_those_that_are_shown(model, framework):
    report = model(framework)
    assert report.verdicts == tally(control.verdict for control in report.controls)
    for control in report.controls:
        if control.verdict != "not-applicable":
            assert control.verdict == combined(part.verdict for part in control.evidence)


def test_what_does_not_apply_has_no_evidence(model):
    found = {control.id: control for control in model().controls}
    assert found["10.7.1"].evidence == ()
    assert [part.check for part in found["10.7.2"].evidence] == ["LOG-1"]


def test_samples_stand_with_every_control_that_rests_upon_their_check(model):
    sample = Sample("access/1", "sample", proof="proofs/access-1.tlog-proof")
    found = {c.id: [e.samples for e in c.evidence] for c in model(**{"INT-1": [sample]}).controls}
    assert found["10.3.2"] == [(sample,), ()]
    assert found["10.3.4"] == [(sample,), ()]
    assert found["10.2.1"] == [()]


def test_the_document_is_plain_json_and_the_same_each_time(model):
    document = model().document()
    text = msgspec.json.encode(document)
    assert json.loads(text)["controls"][0]["verdict"] == "needs-human"
    assert text == msgspec.json.encode(model().document())
    assert document["settings"]["retention"] == {"access": 365, "audit": 365}
    assert document["framework"]["pack_sha256"] == find("pci-dss-4.0.1").digest
