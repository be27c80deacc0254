"""Run commands as another user of this machine: as root, with a JSON list of command lines on standard input.

Everything is loaded before the user changes, because the interpreter may lie where only root can read.
Prints a JSON list of [exit code, standard output, standard error, what was raised].
"""

from __future__ import annotations

import encodings.idna  # noqa: F401 - loaded late by whoever listens
import importlib
import json
import os
import pkgutil
import sys

from click.testing import CliRunner

import sealtrail

NOBODY = 65534
# Doors of frameworks, and what begins by being imported.
LEFT_OUT = ("sealtrail.__main__", "sealtrail.django", "sealtrail.store.cell")


def main() -> None:
    for module in pkgutil.walk_packages(sealtrail.__path__, "sealtrail."):
        if not module.name.startswith(LEFT_OUT):
            importlib.import_module(module.name)
    from sealtrail.cli.main import main as command

    lines, place = json.load(sys.stdin), sys.argv[1]
    for line in lines:
        if line[0] == "rules":  # what they load only when they run
            CliRunner().invoke(command, line)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    os.chdir(place)
    told = []
    for line in lines:
        done = CliRunner().invoke(command, line, input="nine green boats at anchor\n")
        raised = "" if isinstance(done.exception, SystemExit) else repr(done.exception or "")
        told.append([done.exit_code, done.stdout, done.stderr, raised.strip("'")])
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main()
