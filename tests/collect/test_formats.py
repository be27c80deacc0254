from __future__ import annotations

from pathlib import Path

import pytest

from sealtrail.collect.formats import AUTO, PARSERS, any_format, detect, parser
from sealtrail.errors import EventError, UsageError

COMMON = b'203.0.113.9 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 5'
COMBINED = COMMON + b' "-" "curl/8.5"'
OBJECT = b'{"@timestamp":"2026-11-24T08:00:00Z","url":{"path":"/"}}'
SSHD = b"Dec 10 06:55:46 LabSZ sshd[24200]: Invalid user webmaster from 173.234.31.186"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        ([COMBINED] * 3, "combined"),
        ([COMMON], "common"),
        ([b"", OBJECT, b"  "], "ndjson"),
        ([b"torn", COMBINED, COMBINED], "combined"),
        ([COMBINED, COMMON], AUTO),
        ([SSHD] * 30 + [COMBINED], AUTO),
        ([SSHD, SSHD, COMBINED], AUTO),
        ([], AUTO),
    ],
)
def test_the_first_lines_decide_only_where_they_are_of_one_mind(lines: list[bytes], name: str):
    assert detect(lines) == name


def test_no_line_has_two_formats():
    for line in (COMMON, COMBINED, OBJECT):
        fits = []
        for name, parse in PARSERS.items():
            try:
                parse(line)
            except EventError:
                continue
            fits.append(name)
        assert len(fits) == 1
        assert any_format(line) == PARSERS[fits[0]](line)


def test_a_line_without_a_format_is_told_what_each_one_missed():
    with pytest.raises(EventError) as caught:
        any_format(SSHD)
    assert caught.value.code == "event.unreadable-line"
    assert caught.value.path == "column 8"
    for word in ("for combined", "for common", "for ndjson"):
        assert word in caught.value.what


def test_an_object_that_is_none_is_told_as_an_object():
    with pytest.raises(EventError) as caught:
        any_format(b'{"a":1,"a":2}')
    assert (caught.value.code, caught.value.path) == ("event.duplicate-key", "$.a")


def test_an_unknown_format_is_named_with_those_there_are():
    with pytest.raises(UsageError, match="xml") as caught:
        parser("xml")
    assert "combined" in caught.value.hint
    assert parser(AUTO) is any_format


@pytest.mark.corpus
def test_a_real_server_log_is_recognised_and_a_real_sshd_log_is_not(corpora: Path):
    apache = (corpora / "data/apache_logs.log").read_bytes().split(b"\n")
    sshd = (corpora / "data/openssh_2k.log").read_bytes().split(b"\n")
    assert detect(apache[:20]) == "combined"
    assert detect(sshd[:20]) == AUTO
