"""The README works: its commands are run as a reader would type them, its Python compiles, its links lead."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
PAGES = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])
RUN = [
    REPOSITORY / "README.md",
    REPOSITORY / "docs" / "how-to" / "stolen-key.md",
    *sorted((REPOSITORY / "docs" / "tutorial").glob("*.md")),
]


def _label(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


@pytest.mark.parametrize("page", RUN, ids=_label)
def test_the_commands_of_a_page_give_what_it_shows(page, tmp_path, console):
    environment = {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "COLUMNS": "110",
        "NO_COLOR": "1",
    }
    blocks = console.blocks(page.read_text())
    assert any(not block.why for block in blocks), "a page with nothing to run promises nothing"
    for block in blocks:
        for step in block.steps if not block.why else ():
            wrong = console.run(step, tmp_path, environment)
            assert wrong is None, wrong


@pytest.mark.parametrize("page", PAGES, ids=_label)
def test_python_in_a_page_compiles(page):
    for match in re.finditer(r"^```python\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        compile(match[1], f"{_label(page)}: {match[1].splitlines()[0]}", "exec")


@pytest.mark.parametrize("page", PAGES, ids=_label)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#\s:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{_label(page)}: {target}"


@pytest.mark.parametrize("page", PAGES, ids=_label)
def test_links_to_a_heading_find_it(page):
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", page.read_text()):
        there = (page.parent / target) if target else page
        headings = re.findall(r"^#+ (.*)$", there.read_text(), re.MULTILINE)
        anchors = {re.sub(r"[^\w -]", "", h.lower()).strip().replace(" ", "-") for h in headings}
        assert anchor in anchors, f"{_label(page)}: {target}#{anchor}"


def test_the_index_names_every_page():
    index = (REPOSITORY / "docs" / "README.md").read_text()
    missing = [
        str(path.relative_to(REPOSITORY / "docs"))
        for path in (REPOSITORY / "docs").rglob("*.md")
        if path.name != "README.md" and f"]({path.relative_to(REPOSITORY / 'docs')})" not in index
    ]
    assert not missing
