"""Write requirements.lock and requirements-capture.lock from pyproject.toml: `make lock`.

pip-tools does the resolving, in an environment that is thrown away. The hashes are those of every wheel of a
version, so one lock serves all platforms and Python versions. Where packages come from is the installer's
affair: no line of a lock names a host.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
PIP_TOOLS = "pip-tools==7.6.2"

HEADER = """\
# {what}
# Written by `make lock` from pyproject.toml; do not edit. Install with
#   python -m pip install --require-hashes --only-binary :all: -r {name}
"""

LOCKS = (
    (
        "requirements.lock",
        "Everything: the server, the demo, the tests, and what builds the package.",
        ["--extra", "dev"],
    ),
    ("requirements-capture.lock", "The capture side alone, as an application installs it.", []),
)


def compile_lock(python: Path, name: str, what: str, extra: list[str]) -> None:
    target = REPOSITORY / name
    arguments = [
        "--quiet", "--generate-hashes", "--strip-extras", "--allow-unsafe", "--no-header",
        "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links", "--no-emit-options",
        *extra,
    ]  # fmt: skip
    if extra:
        arguments += ["--build-deps-for", "editable"]
    with tempfile.TemporaryDirectory() as scratch:
        output = Path(scratch) / name
        if target.exists() and "--upgrade" not in sys.argv:  # keep the pins that still fit
            output.write_text(target.read_text())
        subprocess.run(
            [python, "-m", "piptools", "compile", *arguments, "-o", output, "pyproject.toml"],
            cwd=REPOSITORY,
            check=True,
            env={**os.environ, "CUSTOM_COMPILE_COMMAND": "make lock"},
        )
        body = output.read_text().replace(str(scratch) + os.sep, "")
    target.write_text(HEADER.format(what=what, name=name) + body)


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        venv.create(scratch, with_pip=True)
        python = Path(scratch) / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", PIP_TOOLS], check=True)
        for name, what, extra in LOCKS:
            compile_lock(python, name, what, extra)
            print(f"{name} written")


if __name__ == "__main__":
    main()
