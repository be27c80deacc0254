from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.comply.case import Number
from sealtrail.comply.library import find, names, page
from sealtrail.comply.render import plain, rendered
from sealtrail.comply.report import Evidence, Head, Report, Sample, Verification, assembled
from sealtrail.comply.verdict import VERDICTS

HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>{{ 7*7 }}\u202egnp.\u2066\x00\x1b[31m</style>"
)
TRAIL = {"trail": "audit", "size": 3, "checkpoints": 2, "anchored_to": 0, "problems": []}


class Page(HTMLParser):
    """Every element and attribute of a page."""

    VOID = frozenset({"meta", "rect", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.texts: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.texts.append(data)


@pytest.fixture
def report(estate) -> Report:
    case = estate.case()
    return assembled(
        find("pci-dss-4.0.1"), estate.judge("pci-dss-4.0.1"), case.window, case.terms, case.facts,
        entity="Example Ltd", generator="sealtrail 1",
        verification=Verification("intact", anchored=False, trails=(TRAIL,), notes=("not anchored",)),
        heads=[Head("audit", "log.example", 3, "cm9vdA==", "c/audit.checkpoint", "keys/audit.vkey")],
        samples={"INT-1": [Sample("audit/1", "sample", "2026-01-01T00:00:00.000000Z", "x", "u",
                                  "proofs/audit-1.tlog-proof", "proofs/audit-1.json")]},
        days=[("2026-01-01", True), ("2026-01-02", False)], sources=[("shop", (3, 0, 4))],
    )  # fmt: skip


def shown(report: Report) -> str:
    return rendered(report, *page()).decode()


def hostile(report: Report) -> Report:
    """The same report with a hostile text wherever a text of strangers can stand."""
    part = Evidence(
        "INT-1", "title", "criterion", "fail", 1, 1, (HOSTILE,), (HOSTILE,), (Number(HOSTILE, 1, HOSTILE),),
        HOSTILE, (Sample(HOSTILE, "sample", HOSTILE, HOSTILE, HOSTILE, "", "", HOSTILE),),
    )  # fmt: skip
    controls = tuple(
        msgspec.structs.replace(control, verdict="fail", evidence=(part,)) for control in report.controls
    )
    problems = [{"place": HOSTILE, "what": HOSTILE, "index": 1}]
    verification = Verification(
        "tampered",
        anchored=False,
        trails=({**TRAIL, "trail": HOSTILE, "problems": problems},),
        notes=(HOSTILE,),
    )
    return msgspec.structs.replace(
        report, controls=controls, entity=HOSTILE, verification=verification, sources=((HOSTILE, (1,)),),
        settings={"data": HOSTILE, "services": [HOSTILE], "retention": {HOSTILE: 1}},
    )  # fmt: skip


def test_the_page_is_the_same_each_time_and_well_formed(report):
    assert shown(report) == shown(report)
    page = Page(shown(report))
    assert not page.open
    assert page.tags[0] == "html"


def test_the_policy_allows_the_pages_own_style_and_nothing_else(report):
    text = shown(report)
    page = Page(text)
    policy = next(
        value for tag, name, value in page.attributes if name == "content" and "default-src" in value
    )
    (style,) = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert "url(" not in style
    assert "@import" not in style


def test_nothing_in_the_page_runs_or_asks_anybody(report):
    page = Page(shown(hostile(report)))
    assert not {"script", "img", "iframe", "object", "embed", "link", "form", "base"} & set(page.tags)
    for _, name, value in page.attributes:
        assert not name.startswith("on")
        assert name not in {"style", "src", "srcdoc", "action", "formaction"}
        if name == "href":
            assert value.startswith(("#", "proofs/"))


def test_texts_of_strangers_are_texts(report):
    plainly, with_hostile = Page(shown(report)), Page(shown(hostile(report)))
    assert set(with_hostile.tags) <= set(plainly.tags) | {"ul", "li"}
    text = "".join(with_hostile.texts)
    assert text.count("<script>alert(1)</script>") > 27 * 6
    assert "{{ 7*7 }}" in text
    assert "49" not in re.findall(r"\{\{.*?\}\}", text)
    assert not re.search("[\u202e\u2066\x00\x1b]", text)
    assert "\\u202egnp." in text


@given(st.text())
def test_what_is_shown_has_no_hidden_characters(value):
    assert not re.search("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069]", plain(value))
    assert plain(plain(value)) == plain(value)


def test_every_verdict_is_told_in_words_and_counted(report):
    text = " ".join("".join(Page(shown(report)).texts).split())
    for verdict in VERDICTS:
        assert verdict in text
    assert "%" not in text


def test_every_control_check_number_and_sample_is_on_the_page(report):
    text = "".join(Page(shown(report)).texts)
    for control in report.controls:
        assert control.id in text
        assert control.title in text
        for part in control.evidence:
            assert part.criterion in text
            assert all(number.query in text for number in part.numbers)
    assert "audit/1" in text
    assert (
        "sealtrail verify proofs/audit-1.tlog-proof --entry proofs/audit-1.json --key keys/audit.vkey" in text
    )


def test_links_within_the_page_lead_somewhere(report):
    page = Page(shown(hostile(report)))
    places = {value for _, name, value in page.attributes if name == "id"}
    assert len(places) == sum(name == "id" for _, name, _ in page.attributes)
    for _, name, value in page.attributes:
        if name == "href" and value.startswith("#"):
            assert value[1:] in places


@pytest.mark.parametrize("framework", names())
def test_an_empty_folder_has_a_page_as_well(empty, framework):
    case = empty.case()
    report = assembled(
        find(framework), empty.judge(framework), case.window, case.terms, case.facts, entity="",
        generator="sealtrail 1", verification=Verification("unchecked", anchored=False, trails=(), notes=()),
        heads=(), samples={},
    )  # fmt: skip
    text = " ".join("".join(Page(shown(report)).texts).split())
    assert "No source recorded anything in the window" in text
    assert "not named" in text
