from __future__ import annotations

import pytest

from sealtrail.cli.output import counted


@pytest.mark.parametrize("told", ["1 entry", "0 entries", "2,000 entries", "2 days", "3 events"])
def test_a_number_has_its_noun_as_people_write_it(told):
    number, _, noun = told.partition(" ")
    single = {"entry": "entry", "entries": "entry", "days": "day", "events": "event"}[noun]
    assert counted(int(number.replace(",", "")), single) == told
