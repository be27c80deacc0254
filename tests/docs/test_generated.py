"""The generated parts of the reference say what the code says today."""

from __future__ import annotations

import re

import pytest

PAGES = {
    "fields": "fields",
    "settings": "settings",
    "limits": "limits",
    "commands": "commands",
    "http": "routes",
    "metrics": "metrics",
    "frameworks": "frameworks",
    "rules": "pack",
    "scrubbing": "scrubbing",
}


@pytest.mark.parametrize(("page", "block"), PAGES.items())
def test_a_generated_page_is_up_to_date(page, block, docs, reference):
    text = (docs / "reference" / f"{page}.md").read_text()
    assert f"<!-- generated: {block} -->" in text
    assert reference.written(text) == text, "run `make docs`"


def test_no_other_page_has_a_block_that_nothing_writes(docs, reference):
    for path in docs.rglob("*.md"):
        for name in re.findall(r"<!-- generated: (\S+) -->", path.read_text()):
            assert name in reference.BLOCKS, path


def test_a_page_that_fell_behind_is_noticed(reference):
    text = "before\n<!-- generated: fields -->\nfell behind\n<!-- end -->\nafter\n"
    fresh = reference.written(text)
    assert fresh.startswith("before\n")
    assert fresh.endswith("after\n")
    assert "fell behind" not in fresh
    assert "| `@timestamp` | time |" in fresh
    assert reference.written(fresh) == fresh


def test_every_limit_has_its_reason(reference):
    assert not [f"{where}.{name}" for where, name, _, why in reference.limit_rows() if not why]


def test_every_setting_has_its_meaning(reference):
    assert not [f"{section}.{name}" for section, name, _, why in reference.setting_rows() if not why]
