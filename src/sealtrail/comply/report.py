"""The report as one model, from which every form of it is made. Pure: nothing here asks what time it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from sealtrail.comply.case import Facts, Finding, Number, Terms, Window
from sealtrail.comply.checks import CHECKS
from sealtrail.comply.evaluate import Judgement
from sealtrail.comply.framework import Control, Framework
from sealtrail.comply.verdict import Verdict
from sealtrail.store.query.times import stamp

FORMAT: Final = "sealtrail-report 1"


class Sample(msgspec.Struct, frozen=True):
    """One entry that stands for its population, or one exception. `proof` and `entry` are files beside."""

    address: str
    why: str  # sample or exception
    time: str = ""
    action: str = ""
    who: str = ""
    proof: str = ""
    entry: str = ""
    note: str = ""  # why there is no proof


class Evidence(msgspec.Struct, frozen=True):
    """What one check found, for one control that rests upon it."""

    check: str
    title: str
    criterion: str
    verdict: Verdict
    population: int
    exceptions: int
    found: tuple[str, ...]
    notes: tuple[str, ...]
    numbers: tuple[Number, ...]
    query: str
    samples: tuple[Sample, ...]


class Judged(msgspec.Struct, frozen=True):
    """One control."""

    id: str
    title: str
    mode: str
    criterion: str
    limits: str
    verdict: Verdict
    evidence: tuple[Evidence, ...]


class Head(msgspec.Struct, frozen=True):
    """A trail at the checkpoint the report stands on; `checkpoint` and `key` are files beside."""

    trail: str
    origin: str
    size: int
    root: str
    checkpoint: str
    key: str


class Verification(msgspec.Struct, frozen=True):
    """What `verify` said of the whole record when the report was made."""

    verdict: str
    anchored: bool
    trails: tuple[Mapping[str, Any], ...]
    notes: tuple[str, ...]


class Report(msgspec.Struct, frozen=True):
    """All of it. `records` is what the estate recorded in the window; `tally` counts controls by verdict."""

    format: str
    framework: Mapping[str, Any]
    entity: str
    window: Mapping[str, str]
    as_of: str
    generator: str
    records: int
    verdicts: Mapping[Verdict, int]
    verification: Verification
    checkpoints: tuple[Head, ...]
    settings: Mapping[str, Any]
    controls: tuple[Judged, ...]
    days: tuple[tuple[str, bool], ...] = ()  # of the window, and whether each was reviewed
    sources: tuple[tuple[str, tuple[int, ...]], ...] = ()  # records of each source in each step of the window

    def document(self) -> dict[str, Any]:
        """The JSON form."""
        return dict(msgspec.to_builtins(self))


def assembled(
    framework: Framework,
    judgement: Judgement,
    window: Window,
    terms: Terms,
    facts: Facts,
    *,
    entity: str,
    generator: str,
    verification: Verification,
    heads: Sequence[Head],
    samples: Mapping[str, Sequence[Sample]],
    days: Sequence[tuple[str, bool]] = (),
    sources: Sequence[tuple[str, tuple[int, ...]]] = (),
) -> Report:
    """Put the parts together. `samples` are by check."""
    return Report(
        format=FORMAT,
        framework={
            "id": framework.id,
            "name": framework.name,
            "version": framework.version,
            "pack_sha256": framework.digest,
            "notes": list(framework.notes),
        },
        entity=entity,
        window={"from": stamp(window.start), "to": stamp(window.end), "judged_to": stamp(window.judged)},
        as_of=facts.as_of,
        generator=generator,
        records=judgement.records,
        verdicts=judgement.tally,
        verification=verification,
        checkpoints=tuple(heads),
        settings=msgspec.to_builtins(terms),
        controls=tuple(_control(control, judgement, samples) for control in framework.controls),
        days=tuple(days),
        sources=tuple(sources),
    )


def _control(control: Control, judgement: Judgement, samples: Mapping[str, Sequence[Sample]]) -> Judged:
    verdict = judgement.verdicts[control.id]
    # A control that does not apply rests upon nothing here, also where another asked the same checks.
    checks = control.checks if verdict != "not-applicable" else ()
    return Judged(
        id=control.id,
        title=control.title,
        mode=control.mode,
        criterion=control.criterion,
        limits=control.limits,
        verdict=verdict,
        evidence=tuple(_evidence(name, judgement.findings[name], samples.get(name, ())) for name in checks),
    )


def _evidence(name: str, finding: Finding, samples: Sequence[Sample]) -> Evidence:
    check = CHECKS[name]
    return Evidence(
        check=name,
        title=check.title,
        criterion=check.criterion,
        verdict=finding.verdict,
        population=finding.population,
        exceptions=finding.exceptions,
        found=finding.found,
        notes=finding.notes,
        numbers=finding.numbers,
        query=finding.sampled,
        samples=tuple(samples),
    )
