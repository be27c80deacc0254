from __future__ import annotations

import re

import pytest

from sealtrail.comply.pack import EDITIONS, read
from sealtrail.errors import RuleError

GOOD = """\
framework: soc2-2017
name: SOC 2
version: "2017"
data: confidential-data
retention: {access: 365, audit: 365}
notes: [one]
controls:
  - id: CC2.1
    title: Complete
      and correct
    mode: auto
    checks: [COV-1, INT-1]
    criterion: All of it
  - id: CC4.1
    title: Shown as things go on
    mode: human
    checks: [ATT]
    criterion: A statement
"""
CHECKS = {"COV-1", "INT-1", "ATT"}


def refusal(text: str) -> RuleError:
    with pytest.raises(RuleError) as caught:
        read(text, "soc2-2017.yml", CHECKS)
    assert caught.value.code == "rule.pack"
    return caught.value


def test_a_pack_becomes_a_framework():
    framework = read(GOOD, "soc2-2017.yml", CHECKS)
    assert (framework.id, framework.version, framework.data) == ("soc2-2017", "2017", "confidential-data")
    assert framework.retention == {"access": 365, "audit": 365}
    assert [control.id for control in framework.controls] == ["CC2.1", "CC4.1"]
    assert framework.controls[0].title == "Complete and correct"
    assert framework.controls[0].checks == ("COV-1", "INT-1")
    assert framework.digest != read(GOOD + "# more\n", "soc2-2017.yml", CHECKS).digest


@pytest.mark.parametrize(
    ("old", "new", "line", "what"),
    [
        ("COV-1, INT-1", "COV-1, COV-9", 12, "no check `COV-9`"),
        ("id: CC2.1", "id: 10.2.1", 8, "no id of soc2-2017"),
        ("id: CC4.1", "id: CC2.1", 14, "there twice"),
        ('"2017"', '"2022"', 3, "version 2017"),
        ("framework: soc2-2017", "framework: soc2-2022", 1, "no framework"),
        ("data: confidential-data", "data: gold", 4, "`data` is `gold`"),
        ("{access: 365, audit: 365}", "{access: 365}", 5, "each trail"),
        ("{access: 365, audit: 365}", "{access: 365, audit: 0}", 5, "no number of days"),
        ("mode: auto", "mode: sometimes", 11, "`mode` is `sometimes`"),
        ("mode: auto", "mode: partial", 8, "what it leaves out"),
        ("mode: auto", "mode: human", 11, "mode human"),
        ("mode: human", "mode: auto", 16, "mode human"),
        ("[COV-1, INT-1]", "[COV-1, ATT]", 11, "the mode is hybrid"),
        ("[COV-1, INT-1]", "[]", 12, "not empty"),
        ("criterion: All of it", "criterion: ''", 13, "`criterion`"),
        ("criterion: All of it", "criterium: All of it", 13, "no key `criterium`"),
        ("notes: [one]", "remarks: [one]", 6, "no key `remarks`"),
        ("title: Shown as things go on", "title: [a]", 15, "no text"),
        ("notes: [one]", "notes: [one", 7, "not YAML"),
        ("name: SOC 2\n", "name: SOC 2\nname: SOC 3\n", 3, "twice"),
    ],
)
def test_what_is_wrong_is_refused_with_the_line_at_fault(old, new, line, what):
    assert old in GOOD
    error = refusal(GOOD.replace(old, new, 1))
    assert error.line == line
    assert re.search(what, error.what), error.what
    assert str(error).startswith(f"soc2-2017.yml:{line}: ")


def test_two_documents_or_none_are_no_pack():
    assert "one YAML document" in refusal(GOOD + "---\n" + GOOD).what
    assert "one YAML document" in refusal("").what
    assert "not empty" in refusal(GOOD.split("controls:", maxsplit=1)[0] + "controls: []\n").what


def test_an_error_says_what_there_is():
    assert "ATT, COV-1, INT-1" in refusal(GOOD.replace("COV-1, INT-1", "COV-9")).hint
    assert all(name in refusal(GOOD.replace("soc2-2017", "x")).hint for name in EDITIONS)
