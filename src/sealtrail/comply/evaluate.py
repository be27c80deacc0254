"""A framework held against a window: each check once, each control from its checks. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sealtrail.comply.case import RECORDS, Ask, Case, Check, Facts, Finding, Number, Terms, Window
from sealtrail.comply.checks import CHECKS
from sealtrail.comply.framework import Control, Framework
from sealtrail.comply.verdict import Verdict, combined, tally


class Judgement(msgspec.Struct, frozen=True):
    """What became of a framework: each check's finding, each control's verdict, and how many of each."""

    findings: Mapping[str, Finding]
    verdicts: Mapping[str, Verdict]
    tally: Mapping[Verdict, int]
    records: int


def evaluate(framework: Framework, ask: Ask, window: Window, terms: Terms, facts: Facts) -> Judgement:
    """Run what the framework's controls rest upon. Raises QueryError where a setting's query is none."""
    records = ask.count(RECORDS, window.start, window.judged) if window.judged > window.start else 0
    needed = [name for control in framework.controls if _applies(control, terms) for name in control.checks]
    findings = {
        name: _run(CHECKS[name], Case(ask, window, terms, facts), records) for name in dict.fromkeys(needed)
    }
    verdicts = {
        control.id: combined(findings[name].verdict for name in control.checks)
        if _applies(control, terms)
        else "not-applicable"
        for control in framework.controls
    }
    return Judgement(findings, verdicts, tally(verdicts.values()), records)


def _applies(control: Control, terms: Terms) -> bool:
    return terms.service_provider or not control.provider_only


def _run(check: Check, case: Case, records: int) -> Finding:
    if check.needs_records and not records:
        # Whatever a check would say of nothing, it is not that anything held.
        return Finding(
            "no-data",
            0,
            notes=("nothing was recorded in the window",),
            numbers=(Number("records in the window", 0, RECORDS),),
        )
    return check.judge(case)
