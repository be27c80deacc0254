"""Every dependency has one reason, and the locks are what pyproject.toml asks for."""

from __future__ import annotations

import json
import re
import tomllib

import pytest


def _name(requirement: str) -> str:
    return re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0].lower().replace("_", "-")


@pytest.fixture(scope="module")
def asked(repository) -> dict[str, set[str]]:
    """Group -> names of what it asks for."""
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    groups = {"capture": project["project"]["dependencies"], "build": project["build-system"]["requires"]}
    groups |= project["project"]["optional-dependencies"]
    return {group: {_name(r) for r in wanted} - {"sealtrail"} for group, wanted in groups.items()}


def _locked(repository, name: str) -> dict[str, str]:
    text = (repository / name).read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==(\S+)", text, re.MULTILINE))


@pytest.fixture(scope="module")
def foreign(repository) -> dict[str, dict[str, str]]:
    """Environment of tools/foreign.py -> what it asks for, at which version."""
    text = (repository / "tools" / "foreign.py").read_text()
    rows = re.findall(r'Environment\(\s*"([a-z0-9-]+)",\s*\[(.*?)\]', text, re.DOTALL)
    return {name: dict(re.findall(r'"([a-z0-9-]+)==([^"]+)"', packages)) for name, packages in rows}


def test_every_dependency_has_one_reason(asked, foreign, docs):
    page = (docs / "dependencies.md").read_text()
    explained = re.findall(r"^\| `([a-z0-9-]+)` \| .{15,} \|", page, re.MULTILINE)
    assert sorted(explained) == sorted(set(explained))
    wanted = set().union(*asked.values(), *foreign.values())
    assert wanted - set(explained) == set(), "say why in docs/dependencies.md"
    assert set(explained) - wanted == set(), "these are explained and not asked for"


def test_the_capture_side_asks_for_msgspec_and_one_id_library(asked):
    assert asked["capture"] == {"msgspec", "uuid-utils"}


def test_the_lock_holds_all_that_is_asked_for(asked, repository):
    assert set().union(*asked.values()) <= set(_locked(repository, "requirements.lock"))


def test_the_lock_of_the_capture_side_holds_nothing_else(asked, repository):
    everything = _locked(repository, "requirements.lock")
    capture = _locked(repository, "requirements-capture.lock")
    assert set(capture) == asked["capture"]
    assert capture == {name: everything[name] for name in capture}


def test_every_locked_version_is_one_that_is_asked_for(repository):
    from packaging.requirements import Requirement

    project = tomllib.loads((repository / "pyproject.toml").read_text())
    locked = _locked(repository, "requirements.lock")
    wanted = list(project["project"]["dependencies"]) + list(project["build-system"]["requires"])
    wanted += [r for group in project["project"]["optional-dependencies"].values() for r in group]
    for requirement in map(Requirement, wanted):
        if requirement.name != "sealtrail":
            assert requirement.specifier.contains(locked[_name(requirement.name)]), requirement


def test_verifiers_by_other_people_are_locked_at_the_versions_that_are_asked_for(foreign, repository):
    assert {"verifiers", "go", "node"} <= set(foreign)
    for name, packages in foreign.items():
        locked = _locked(repository, f"tests/foreign/{name}.lock")
        assert {package: locked.get(package) for package in packages} == packages


def test_what_comes_from_npm_is_pinned_with_hashes_and_explained(repository, docs):
    home = repository / "tests" / "foreign" / "node"
    asked = json.loads((home / "package.json").read_text())["dependencies"]
    locked = json.loads((home / "package-lock.json").read_text())["packages"]
    assert locked.pop("")["dependencies"] == asked
    assert {name: locked[f"node_modules/{name}"]["version"] for name in asked} == asked
    assert all(one["integrity"].startswith("sha512-") for one in locked.values())
    page = (docs / "dependencies.md").read_text()
    assert [name for name in asked if f"`{name}`" not in page] == []
