"""Every wall stands: a violation of each contract, planted in a copy of the sources, is found.

The contracts are in pyproject.toml; `make check` holds the real sources against them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# (the contracts it breaks, the module it is planted in, the import). A module called `planted` is a new one,
# so that nothing imports it and exactly the wall in question is touched.
PLANTS = [
    # Up is not allowed, nor sideways, nor a room that has no place.
    ("layers", "spool.planted", "sealtrail.capture"),
    ("layers", "event.planted", "sealtrail.scrub"),
    ("layers", "collect.planted", "sealtrail.serve"),
    ("layers", "follow.planted", "sealtrail.store"),
    ("layers", "accounts.planted", "sealtrail.web"),
    ("layers", "web.planted", "sealtrail.collect"),
    ("layers", "web.planted", "sealtrail.console"),
    ("layers", "console.planted", "sealtrail.collect"),
    ("layers", "detect.planted", "sealtrail.respond"),
    ("layers", "comply.planted", "sealtrail.accounts"),
    ("layers", "respond.planted", "sealtrail.comply.verdict"),
    ("layers pure", "errors", "sealtrail.settings"),
    ("layers", "mystery", "sealtrail.errors"),
    ("layers", "helpers.planted", "sealtrail.errors"),
    # Strangers are siblings as well, so the layers notice too.
    ("strangers layers", "ledger.planted", "sealtrail.store"),
    ("strangers layers", "store.planted", "sealtrail.ledger.reader"),
    # Light: each of the rooms, and the two files beneath them.
    ("light", "capture.planted", "duckdb"),
    ("light", "capture.planted", "flask"),
    ("light", "capture.planted", "asgiref"),
    ("light", "capture.planted", "litestar"),
    ("light", "capture.planted", "jinja2"),
    ("light", "spool.planted", "cryptography"),
    ("light", "scrub.planted", "yaml"),
    ("light", "event.planted", "pyarrow"),
    ("light layers", "capture.planted", "sealtrail.store.query"),
    ("light layers", "spool.planted", "sealtrail.ledger.merkle"),
    ("light doors front", "settings", "rich"),
    ("light doors front ship", "errors", "click"),
    ("doors", "flask", "sigma"),
    ("doors", "flask", "sealtrail.ledger.proof"),
    ("doors", "asgi", "starlette"),
    ("doors", "wsgi", "sealtrail.store.query"),
    ("doors", "logging.planted", "sealtrail.ledger.reader"),
    ("doors", "structlog", "rich"),
    ("doors", "testing.planted", "sealtrail.store.query"),
    ("doors", "django", "uvicorn"),
    ("doors", "pyjwt", "sealtrail.ledger.note"),
    ("doors", "outgoing.planted", "cryptography"),
    ("layers", "outgoing.planted", "sealtrail.flask"),
    ("front", "", "sealtrail.outgoing.httpx"),
    ("layers", "django", "sealtrail.asgi"),  # doors do not know one another
    ("layers", "structlog", "sealtrail.logging"),
    ("ship", "ship.planted", "duckdb"),
    ("ship", "ship.planted", "sealtrail.web.routes"),  # a server's
    ("ship", "ship.planted", "sealtrail.store.columnar"),
    ("layers", "ship.planted", "sealtrail.collect.intake"),
    ("ship", "anchor.planted", "sealtrail.store.columnar"),
    ("layers", "anchor.planted", "sealtrail.ship.line"),
    ("pure", "anchor.places", "os"),
    ("pure", "anchor.standing", "time"),
    ("front", "", "click"),
    ("front", "", "sealtrail.flask"),
    ("front", "", "sealtrail.django"),
    ("front", "", "sealtrail.asgi"),
    ("front", "", "sealtrail.sqlalchemy"),
    ("doors", "sqlalchemy", "sealtrail.ledger.proof"),
    ("layers", "sqlalchemy", "sealtrail.django"),
    ("front", "", "sealtrail.logging"),
    ("front", "", "sealtrail.structlog"),
    ("front", "", "sealtrail.testing"),
    ("inside layers", "spool.planted", "sealtrail"),  # the front stands upon capture
    ("inside", "cli.planted", "sealtrail"),
    # One writer, one hand on the lever: in the room itself, and from far away.
    ("append", "serve.planted", "sealtrail.ledger.log"),
    ("append", "collect.planted", "sealtrail.ledger.log"),
    ("append", "ledger.planted", "sealtrail.ledger.log"),
    ("append faces", "cli.planted", "sealtrail.ledger.log"),
    ("lever", "serve.planted", "sealtrail.respond.act"),
    ("lever", "respond.planted", "sealtrail.respond.act"),
    # Pure.
    ("pure", "event.planted", "os"),
    ("pure", "event.planted", "sealtrail.settings"),
    ("pure", "scrub.planted", "pathlib"),
    ("pure", "store.query.planted", "time"),
    ("pure", "store.seccomp", "os"),
    ("pure", "detect.planted", "random"),
    ("pure", "respond.alert", "subprocess"),
    ("pure", "comply.planted", "time"),
    ("pure", "respond.alerts", "time"),
    ("pure", "ledger.merkle", "socket"),
    ("pure", "ledger.note", "secrets"),
    ("pure", "ledger.checkpoint", "time"),
    ("pure", "ledger.layout", "os"),
    ("pure", "ledger.heads", "time"),
    ("pure", "ledger.policy", "os"),
    ("pure", "ledger.proof", "threading"),
    ("pure", "ledger.witness", "http"),
    # Faces.
    ("faces", "cli.planted", "sealtrail.ledger.reader"),
    ("faces", "cli.planted", "sealtrail.store.columnar"),
    ("faces", "console.planted", "sealtrail.ledger.reader"),
    ("faces", "console.planted", "sealtrail.store.columnar"),
    ("faces", "web.planted", "sealtrail.ledger.reader"),
    ("faces", "web.planted", "sealtrail.store.columnar"),
]


def contracts(pyproject: Path) -> dict[str, str]:
    """Name -> id of every contract."""
    settings = tomllib.loads(pyproject.read_text())
    return {c["name"]: c["id"] for c in settings["tool"]["importlinter"]["contracts"]}


def broken(copy: Path) -> tuple[set[str], set[str], str]:
    """(ids of broken contracts, ids of kept ones, what was printed) for the sources in `copy`."""
    ran = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache"],
        cwd=copy,
        env={**os.environ, "PYTHONPATH": str(copy / "src"), "COLUMNS": "500"},
        capture_output=True,
        text=True,
    )
    ids = contracts(copy / "pyproject.toml")
    found = {
        verdict: {
            ids[name]
            for name in re.findall(
                rf"^(.*) {verdict}(?: \(\d+ ignored imports?\))?$", ran.stdout, re.MULTILINE
            )
        }
        for verdict in ("BROKEN", "KEPT")
    }
    assert (ran.returncode == 0) == (not found["BROKEN"] and bool(found["KEPT"])), ran.stdout + ran.stderr
    return found["BROKEN"], found["KEPT"], ran.stdout + ran.stderr


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    shutil.copy(repository / "pyproject.toml", tmp_path)
    shutil.copytree(repository / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def plant(copy: Path, module: str, imported: str) -> None:
    parts = module.split(".") if module else ["__init__"]
    path = copy.joinpath("src", "sealtrail", *parts).with_suffix(".py")
    if path.with_suffix("").is_dir():
        path = path.with_suffix("") / "__init__.py"
    if not path.parent.exists():
        path.parent.mkdir()
        (path.parent / "__init__.py").touch()
    new = parts[-1] in {"planted", "mystery"}
    assert path.exists() != new, f"{path} is not what this plant was made for"
    with path.open("a") as file:
        file.write(f"\nimport {imported}\n")


def test_the_sources_as_they_are_break_no_wall(copy):
    walls_down, walls_up, output = broken(copy)
    assert not walls_down, output
    assert walls_up == set(contracts(copy / "pyproject.toml").values())


@pytest.mark.parametrize(("walls", "module", "imported"), PLANTS)
def test_a_planted_violation_breaks_its_wall_and_no_other(walls, module, imported, copy):
    plant(copy, module, imported)
    walls_down, walls_up, output = broken(copy)
    assert walls_down == set(walls.split()), output
    assert walls_up == set(contracts(copy / "pyproject.toml").values()) - walls_down


def test_every_contract_is_broken_by_some_plant(repository):
    planted = {wall for walls, _, _ in PLANTS for wall in walls.split()}
    assert planted == set(contracts(repository / "pyproject.toml").values())


def test_every_module_that_is_called_pure_is_planted_in(repository):
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    pure = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "pure")
    planted = {
        f"sealtrail.{module}".removesuffix(".planted") for walls, module, _ in PLANTS if walls == "pure"
    }
    assert planted == set(pure["source_modules"])


def test_the_exceptions_are_edges_that_are_there_and_no_more(copy):
    """An exception that names a module which is not there would lie in wait for one that is."""
    settings = tomllib.loads((copy / "pyproject.toml").read_text())
    pure = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "pure")
    for line in pure["ignore_imports"]:
        module = line.split(" -> ")[0].removeprefix("sealtrail.")
        assert copy.joinpath("src", "sealtrail", *module.split(".")).with_suffix(".py").exists(), line
