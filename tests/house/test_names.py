"""Names say what a thing is for: modules, tests, and where a module's tests are."""

from __future__ import annotations

import ast
import re

import pytest

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "core", "misc", "base_utils", "manager"}


def test_no_module_is_called_by_what_it_is_not(sources):
    assert not [name for name in sources if FORBIDDEN & set(name.split("."))]


def _is_a_sentence(name: str) -> bool:
    return len([word for word in name.removeprefix("test_").split("_") if word]) >= 3


@pytest.mark.parametrize("name", ["test_parse", "test_it_works", "test__a_"])
def test_a_name_of_one_or_two_words_is_no_sentence(name):
    assert not _is_a_sentence(name)


def test_every_test_is_named_by_a_sentence(test_files):
    offenders = []
    for path in test_files:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
                fixture = any("fixture" in ast.unparse(d) for d in node.decorator_list)
                if not fixture and not _is_a_sentence(node.name):
                    offenders.append(f"{path.name}:{node.lineno} {node.name}")
    assert not offenders


def _has_logic(source: str) -> bool:
    """Whether there is more than names, constants and declarations: a branch or a loop."""
    branches = ast.If | ast.For | ast.While | ast.Try | ast.With | ast.IfExp | ast.comprehension
    return any(isinstance(node, branches) for node in ast.walk(ast.parse(source)))


def test_a_module_with_logic_has_its_test_beside_it_or_is_named_in_one(sources, repository):
    """tests/<room>/test_<module>.py, one to one; deeper modules by their last name.

    A small module may instead be tested through the one it was cut from, but some test must name it.
    """
    tests = [p.read_text() for p in (repository / "tests").rglob("*.py") if p.parent.name != "house"]
    missing = []
    for name, path in sources.items():
        if path.name == "__init__.py" or not _has_logic(path.read_text()):
            continue
        _, *rooms, module = name.split(".")
        room = rooms[0] if rooms else module
        wanted = f"test_{module.strip('_')}.py"
        parent = ".".join(["sealtrail", *rooms])
        named = re.compile(rf"\b{re.escape(name)}\b|from {re.escape(parent)} import [^\n]*\b{module}\b")
        if not list((repository / "tests" / room).rglob(wanted)) and not any(map(named.search, tests)):
            missing.append(f"tests/{room}/{wanted}")
    assert not missing
