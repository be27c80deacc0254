"""Every error code is raised somewhere, raised only under its name, and explained."""

from __future__ import annotations

import ast
import re

import pytest

from sealtrail import errors
from sealtrail.errors import CODES, SealtrailError

CLASSES = {
    name: value
    for name, value in vars(errors).items()
    if isinstance(value, type) and issubclass(value, SealtrailError)
}


def _code_like(source: str) -> set[str]:
    """Texts in a module that have the form of a code."""
    families = {code.split(".")[0] for code in CODES}
    return {
        node.value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[a-z-]+\.[a-z0-9-]+", node.value)
        and node.value.split(".")[0] in families
    }


@pytest.fixture(scope="module")
def used(repository) -> dict[str, set[str]]:
    """Code-like text -> modules that hold it."""
    found: dict[str, set[str]] = {}
    for path in (repository / "src").rglob("*.py"):
        source = path.read_text()
        if path.name == "errors.py":  # the table itself is no use of a code
            source = source.split("class SealtrailError", 1)[1].join(("class SealtrailError", ""))
        for code in _code_like(source):
            found.setdefault(code, set()).add(path.name)
    return found


def test_every_code_is_explained_once(docs):
    page = (docs / "reference" / "errors.md").read_text()
    rows = re.findall(r"^\| `([a-z0-9.-]+)` \|", page, re.MULTILINE)
    assert sorted(rows) == sorted(set(rows))
    assert set(CODES) - set(rows) == set(), "explain these in docs/reference/errors.md"
    assert set(rows) - set(CODES) == set(), "these are explained and do not exist"


def test_every_explanation_says_what_to_do(docs):
    page = (docs / "reference" / "errors.md").read_text()
    for row in re.findall(r"^\| `[a-z0-9.-]+` \|.*$", page, re.MULTILINE):
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert len(cells) == 3, row
        assert all(len(cell) > 5 for cell in cells), row


def test_every_code_is_used_somewhere(used):
    assert not sorted(set(CODES) - set(used)), "nothing raises these"


def test_every_error_raised_in_the_sources_has_a_listed_code(repository):
    offenders = []
    for path in (repository / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (
                isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES
            ):
                continue
            if node.func.id == "TamperedError" or not node.args:
                continue  # it has one code, its own
            first = node.args[0]
            if isinstance(first, ast.Constant) and first.value not in CODES:
                offenders.append(f"{path.name}:{node.lineno} {first.value}")
    assert not offenders


def test_a_code_that_is_not_listed_cannot_be_raised():
    with pytest.raises(KeyError):
        SealtrailError("event.invented", "this code is in no table")


def test_there_are_at_most_ten_classes_and_the_tree_shows_them_all():
    assert len(CLASSES) <= 10
    for name in CLASSES:
        assert name in (errors.__doc__ or "")


def test_an_error_prints_what_why_and_what_to_do_next():
    error = errors.QueryError("query.syntax", "expected a value", query="a:", column=2, hint="Write a:*.")
    assert str(error) == "expected a value [query.syntax]\n  a:\n    ^\n  Write a:*."
    assert (errors.TamperedError("x").exit_code, errors.UsageError("usage.path", "x").exit_code) == (1, 2)


def test_code_like_texts_are_found_wherever_they_stand():
    assert _code_like('x = {"a": "event.torn"}; raise E("busy.disk", f"event.{x}")') == {
        "event.torn",
        "busy.disk",
    }
