"""The container file and the composition: not root, nothing writable but what must be, one folder shared."""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sealtrail.spool.layout import FOLDER_MODE


@pytest.fixture
def folder(repository) -> Path:
    return repository / "deploy" / "container"


def instructions(text: str) -> list[tuple[str, str]]:
    joined = re.sub(r"\\\n\s*", " ", text)
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_not_root_and_says_how_it_is_asked_and_stopped(folder):
    last = dict(instructions((folder / "Containerfile").read_text()))
    assert last["USER"] == "10001:10001"
    assert last["STOPSIGNAL"] == "SIGTERM"
    assert "/healthz" in last["HEALTHCHECK"]
    assert (last["ENTRYPOINT"], last["CMD"]) == ('["sealtrail"]', '["serve"]')


def test_everything_is_installed_by_hash_and_copied_files_are_there(folder, repository):
    told = instructions((folder / "Containerfile").read_text())
    assert any("--require-hashes" in rest for word, rest in told if word == "RUN")
    for word, rest in told:
        if word == "COPY" and not rest.startswith("--from"):
            for name in rest.split()[:-1]:
                assert (repository / name).exists(), name
    project = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    for name in (project["readme"], *project["license-files"]):
        assert any(name in rest.split() for word, rest in told if word == "COPY"), name


def test_what_only_the_tests_need_is_not_in_the_image(folder, repository):
    told = instructions((folder / "Containerfile").read_text())
    (run,) = [rest for word, rest in told if word == "RUN" and "pip uninstall" in rest]
    gone = set(run.partition("pip uninstall --yes --quiet")[2].split())
    project = tomllib.loads((repository / "pyproject.toml").read_text())
    groups = project["project"]["optional-dependencies"]
    dev = {canonicalize_name(Requirement(name).name) for name in groups["dev"]}
    assert gone == (dev - {"sealtrail"} - _needed(*groups["server"], *groups["demo"])) | {"hatchling"}


def _needed(*wanted: str) -> set[str]:
    """Names of all that these need to be installed, however far down."""
    found: set[str] = set()
    waiting = [Requirement(name) for name in wanted]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        if name != "sealtrail":
            waiting += map(Requirement, importlib.metadata.requires(name) or ())
    return found


def test_application_and_collector_share_one_folder_and_one_group(folder):
    services = yaml.safe_load((folder / "compose.yaml").read_text())["services"]
    collector, shop = services["collector"], services["shop"]
    assert collector["group_add"] == shop["group_add"] == ["10003"]
    assert shop["user"].split(":")[0] not in {"0", "10001"}
    assert "spool:/spool" in collector["volumes"]
    assert "spool:/spool" in shop["volumes"]
    assert not any(volume.startswith("data:") for volume in shop["volumes"])
    told = " ".join(services["spool"]["command"])
    assert f"chmod {FOLDER_MODE:o} /spool" in told
    assert f"chown {shop['user'].split(':')[0]}:10003" in told
    for service in (collector, shop):
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
    assert collector["ports"][0].startswith("127.0.0.1:")
