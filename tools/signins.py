"""Test sign-ins with the packages that applications use for them: `make test-signins`.

They are installed into a folder that is thrown away, at the versions of requirements-signins.lock, and put on
the path beside those of .venv: one of them can only be built from its sources. Without them the tests that
need one are skipped, and say so.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
LOCK = REPOSITORY / "requirements-signins.lock"
# Those that are skipped, in part or as a whole, where a package is not there.
TESTS = (
    "tests/capture/identity/test_quart_user.py",
    "tests/journeys/test_django_packages.py",
    "tests/journeys/test_flask_security.py",
    "tests/journeys/test_mounts.py",
)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="signins-") as folder:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]
        lock = ["--no-deps", "--require-hashes", "--target", folder, "-r", str(LOCK)]
        subprocess.run([*pip, *lock], check=True)
        path = os.pathsep.join(filter(None, (folder, os.environ.get("PYTHONPATH"))))
        pytest = [sys.executable, "-m", "pytest", "-q", *TESTS, *sys.argv[1:]]
        return subprocess.run(
            pytest, cwd=REPOSITORY, env={**os.environ, "PYTHONPATH": path}, check=False
        ).returncode


if __name__ == "__main__":
    raise SystemExit(main())
