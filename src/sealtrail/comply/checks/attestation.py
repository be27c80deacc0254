"""What no log can answer. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import Case, Check, Finding


def stated(case: Case) -> Finding:
    """ATT"""
    case.notes.append("a person has to state and sign this part; the record holds no such statement")
    return case.finding("needs-human", 0)


CHECKS: Final = (
    Check(
        "ATT", "A person's statement", "a signed statement of who is responsible", stated, needs_records=False
    ),
)
