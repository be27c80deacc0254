from __future__ import annotations

import re

import pytest

from sealtrail.comply.checks import CHECKS
from sealtrail.comply.library import PACKS, find, names
from sealtrail.errors import NotFoundError


def test_every_pack_that_comes_with_the_package_can_be_used():
    assert names() == ["pci-dss-4.0.1", "soc2-2017", "hipaa-164"]
    assert sorted(path.stem for path in PACKS.iterdir()) == sorted(names())
    for name in names():
        assert find(name).id == name


@pytest.mark.parametrize("name", ["pci-dss-3.2.1", "pci-dss", "soc2", "", "../../etc/passwd"])
def test_a_framework_or_version_that_is_not_there_is_refused_and_those_that_are_named(name):
    with pytest.raises(NotFoundError) as caught:
        find(name)
    assert caught.value.code == "not-found.framework"
    assert "pci-dss-4.0.1, soc2-2017, hipaa-164" in caught.value.hint


def test_all_of_requirement_ten_is_there_in_its_order():
    ids = [control.id for control in find("pci-dss-4.0.1").controls]
    assert ids == sorted(ids, key=lambda name: [int(part) for part in name.split(".")])
    assert {"10.2.1", *(f"10.2.1.{n}" for n in range(1, 8)), "10.2.2", "10.3.1", "10.3.2"} <= set(ids)
    assert {"10.3.3", "10.3.4", "10.4.1", "10.4.1.1", "10.4.3", "10.5.1", "10.6.1", "10.7.2"} <= set(ids)
    assert len(ids) == 27


def test_every_check_is_asked_by_some_control():
    asked = {check for name in names() for control in find(name).controls for check in control.checks}
    assert asked == set(CHECKS)


def test_no_two_controls_of_a_framework_that_logs_answer_rest_upon_the_same_checks():
    """Else one fault would be counted as several, and one pass as well."""
    for name in names():
        sets = [c.checks for c in find(name).controls if c.mode != "human" and not c.provider_only]
        assert len(set(sets)) == len(sets), name


def test_every_check_says_what_it_holds_against_what():
    for check in CHECKS.values():
        assert re.fullmatch(r"[A-Z]{2,3}(-\d+)?", check.id)
        assert len(check.criterion) > 15
