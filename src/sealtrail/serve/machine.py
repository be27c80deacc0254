"""The doctor's look at the machine: versions, clock, room on the disk."""

from __future__ import annotations

import ctypes
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Final

from sealtrail.serve.findings import Finding, fail, ok, warn
from sealtrail.settings import DiskSettings

PYTHON: Final = (3, 11)

INODES: Final = 10_000  # files that can still be made: an installation makes a few a minute

# What pyproject.toml asks for, in the two forms it uses.
_REQUIREMENT: Final = re.compile(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*(>=|==)\s*([0-9][0-9.]*)", re.ASCII)

# adjtimex(2), which changes nothing when its first word, `modes`, is 0. This is what it answers where nobody
# keeps the clock right.
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512


def versions() -> Iterator[Finding]:
    """Python, and every package the server needs, against what our own metadata asks for."""
    check = "versions"
    if sys.version_info < PYTHON:
        wanted = ".".join(map(str, PYTHON))
        yield fail(check, f"Python {platform.python_version()} is too old", f"Use {wanted} or newer.")
    wrong = list(_unfit())
    for what in wrong:
        yield fail(check, what, "Install with the lock file: `pip install -r requirements.lock`.")
    if not wrong:
        yield ok(check, f"sealtrail {version('sealtrail')} on Python {platform.python_version()}")


def _unfit() -> Iterator[str]:
    for text in requires("sealtrail") or ():
        asked, _, marker = text.partition(";")
        wanted = _REQUIREMENT.fullmatch(asked.strip())
        if wanted is None or (marker and not re.search(r"extra\s*==\s*['\"]server['\"]", marker)):
            continue
        name, sign, least = wanted.groups()
        try:
            there = version(name)
        except PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        fits = numbers(there) >= numbers(least) if sign == ">=" else there == least
        if not fits:
            yield f"{name} {there} is installed, {sign}{least} is needed"


def numbers(text: str) -> tuple[int, ...]:
    """The leading numbers of a version: `2.0.1rc1` is (2, 0, 1)."""
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(part) for part in found[0].split(".")) if found is not None else ()


def clock_error() -> bool | None:
    """Whether the kernel says that nobody keeps the clock right; None where it cannot be asked."""
    try:
        answer = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if answer < 0 else answer == _TIME_ERROR


def clock(ask: Callable[[], bool | None] = clock_error) -> Finding:
    """Events carry the time of the machine they happen on: a wrong clock spoils every question about time."""
    wrong = ask()
    if wrong is None:
        return ok("clock", "the kernel does not say whether the clock is kept right")
    if wrong:
        return warn(
            "clock",
            "the kernel says that nobody keeps the clock right",
            "Run a time service (chrony, systemd-timesyncd). In a container, on the host.",
        )
    return ok("clock", "the kernel says that the clock is kept right")


def room(folder: Path, settings: DiskSettings) -> Iterator[Finding]:
    """Room on the file system of the data folder, in bytes and in files."""
    check, free = "disk", shutil.disk_usage(folder).free
    reserve = settings.free_bytes
    told = f"{free >> 20:,} MiB are free where {folder} is"
    todo = "Free space, give the folder a larger disk, or shorten [retention]."
    if free < reserve:
        yield fail(check, f"{told}; below {reserve >> 20:,} MiB nothing is accepted", todo)
    elif free < 2 * reserve:
        yield warn(check, f"{told}; below {reserve >> 20:,} MiB nothing is accepted", todo)
    else:
        yield ok(check, told)
    found = os.statvfs(folder)
    if found.f_files and found.f_favail < INODES:  # some file systems have no fixed number of files
        yield warn(check, f"only {found.f_favail:,} more files can be made on it", todo)
