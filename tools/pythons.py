"""Test the capture side under every Python 3.11 or later that this machine has: `make test-pythons`.

The built package is installed into an environment of its own, first with its two dependencies and nothing
else, then with the frameworks at the versions of requirements.lock. The interpreters are those on the PATH
and those of pyenv. One that is not there is named; one that is there and fails makes this fail. Run by the
Python of .venv, whose own version `make test` covers.
"""

from __future__ import annotations

import importlib.metadata
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parent.parent
MINORS = range(11, 15)
# What the tests of these folders import, and nothing of the server.
FOLDERS = (
    *("event", "scrub", "spool", "capture", "asgi", "flask", "django", "logging", "structlog", "testing"),
    *("sqlalchemy", "outgoing"),
)
PACKAGES = (
    *("pytest", "hypothesis", "httpx", "requests", "urllib3", "structlog", "opentelemetry-sdk"),
    *("opentelemetry-instrumentation-flask", "opentelemetry-instrumentation-fastapi", "python-multipart"),
    *("flask", "flask-login", "fastapi", "starlette", "django", "litestar", "quart", "sqlalchemy", "pyjwt"),
    *("hyperscan", "gevent", "websockets", "uvicorn", "gunicorn", "zstandard", "cryptography"),
)


def runs(python: Path | str) -> str:
    """`3.N` of an interpreter that can make environments; empty for one that cannot, such as a pyenv shim."""
    code = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"
    try:
        ran = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.strip() if ran.returncode == 0 else ""


def interpreters() -> dict[str, Path]:
    """Version `3.N` to one interpreter of it."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    found: dict[str, Path] = {}
    for minor in MINORS:
        name = f"python3.{minor}"
        on_path = [Path(folder) / name for folder in os.get_exec_path()]
        for path in (*on_path, *sorted(pyenv.glob(f"3.{minor}.*/bin/{name}"), reverse=True)):
            if f"3.{minor}" not in found and path.is_file() and runs(path) == f"3.{minor}":
                found[f"3.{minor}"] = path
    return found


def needed() -> set[str]:
    """The packages and all that they ask for, by what is installed here."""
    wanted = [(name, "") for name in PACKAGES]
    seen: set[tuple[str, str]] = set()
    names: set[str] = set()
    while wanted:
        name, extra = wanted.pop()
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        names.add(canonicalize_name(name))
        for text in requires:
            one = Requirement(text)
            if one.marker is None or one.marker.evaluate({"extra": extra}):
                wanted += [(canonicalize_name(one.name), more) for more in ("", *one.extras)]
    return names


def lock_of(names: set[str]) -> str:
    """Those blocks of requirements.lock, hashes included."""
    text = (REPOSITORY / "requirements.lock").read_text()
    blocks = re.findall(r"^[a-z0-9][^\n]*==(?:[^\n]*\\\n)*[^\n]*\n", text, re.MULTILINE)
    return "".join(block for block in blocks if canonicalize_name(block.partition("==")[0]) in names)


def run(*command: Path | str, cwd: Path) -> str:
    """Run and return what was printed; the whole of it is the error where it fails."""
    ran = subprocess.run(
        command,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PYTHONDONTWRITEBYTECODE": "1"},
    )
    if ran.returncode:
        raise RuntimeError(f"{' '.join(map(str, command[:4]))} ... ended with {ran.returncode}\n{ran.stdout}")
    return ran.stdout


def check(version: str, python: Path, wheel: Path, lock: Path, scratch: Path) -> str:
    """Test one interpreter; what to say of it. Raises RuntimeError where something fails."""
    began = time.monotonic()
    home = scratch / version
    run(python, "-m", "venv", home, cwd=scratch)
    inside = home / "bin" / "python"
    pip = (inside, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps")
    hashed = ("--require-hashes", "--only-binary", ":all:", "-r")
    run(*pip, *hashed, REPOSITORY / "requirements-capture.lock", cwd=scratch)
    run(*pip, "--no-index", wheel, cwd=scratch)
    alone = REPOSITORY / "tests" / "light" / "capture_alone.py"
    said = run(inside, "-W", "error", alone, "--installed", cwd=scratch).strip()
    run(*pip, *hashed, lock, cwd=scratch)
    folders = [f"tests/{name}" for name in FOLDERS if (REPOSITORY / "tests" / name).is_dir()]
    tests = run(inside, "-m", "pytest", "-q", "-p", "no:cacheprovider", *folders, cwd=REPOSITORY)
    seconds = time.monotonic() - began
    return f"Python {version} ({python}): {said}; {tests.strip().splitlines()[-1]}; {seconds:.0f} s in all"


def main() -> int:
    found = interpreters()
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    for minor in MINORS:
        version = f"3.{minor}"
        if version == own:
            print(f"Python {version}: the one of .venv, which the whole suite runs under")
        elif version not in found:
            print(f"Python {version}: NOT FOUND on the PATH or in pyenv, so it was not tested")
    failed = False
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        scratch = Path(folder)
        pip = (
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "--quiet",
            "--no-deps",
            "--no-build-isolation",
            "--no-index",
        )
        run(*pip, "--wheel-dir", scratch, REPOSITORY, cwd=scratch)
        wheel = next(scratch.glob("sealtrail-*.whl"))
        lock = scratch / "frameworks.lock"
        lock.write_text(lock_of(needed()))
        chosen = [(version, path) for version, path in found.items() if version != own]
        pending = [pool.submit(check, version, path, wheel, lock, scratch) for version, path in chosen]
        for (version, _), one in zip(chosen, pending, strict=True):
            try:
                print(one.result())
            except RuntimeError as error:
                failed = True
                print(f"Python {version}: FAILED\n{error}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
