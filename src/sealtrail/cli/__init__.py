"""The command line: one module a command group, no logic of its own."""

from __future__ import annotations

import sys
from typing import Final

from sealtrail.errors import UsageError

PROCESS: Final = object()
"""What click's context carries where the command is all that its process does."""


def run() -> None:
    """The `sealtrail` script. The application's side installs it as well, without what it needs."""
    try:
        from sealtrail.cli.main import main
    except ModuleNotFoundError as error:
        problem = missing(error.name)
        print(f"sealtrail: {problem}", file=sys.stderr)  # noqa: T201 - click is what is missing
        sys.exit(problem.exit_code)
    main(obj=PROCESS)


def missing(package: str | None) -> UsageError:
    """What to say where only the application's side is installed."""
    return UsageError(
        "usage.extra",
        f"the command needs {package}, which is not installed",
        hint="This is the application's side alone. Install the collector with the `server` extra.",
    )
