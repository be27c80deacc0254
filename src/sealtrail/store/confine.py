"""A process locks itself in: after `confine` it computes with what is open already, and does nothing else.

Four layers, each of which would do for most attacks: limits of the kernel on what it uses, another user where
we are root, Landlock against files and the network, and a filter of system calls, which is the one that must
stand: without it `confine` raises, and no statement is run.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import os
import resource
import signal
from pathlib import Path
from typing import Final

from sealtrail.errors import UsageError
from sealtrail.store.seccomp import MACHINES, program

NOBODY: Final = 65534  # the user and group that own nothing, on every Linux

# Numbers that are the same on every machine Landlock came to.
_LANDLOCK_CREATE: Final = 444
_LANDLOCK_RESTRICT: Final = 446
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_FILTER_ALL_THREADS: Final = 1

_SET_PARENT_DEATH: Final = 1
_SET_DUMPABLE: Final = 4
_SET_NO_NEW_PRIVILEGES: Final = 38


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def possible() -> str:
    """Empty where a process can be locked in; else why not, as far as can be told without trying."""
    system, machine = os.uname().sysname, os.uname().machine
    if system == "Linux" and machine in MACHINES:
        return ""
    return f"there is no filter of system calls for {system} on {machine}, so SQL is not run here"


def confine(*, seconds: float, memory_bytes: int, parent: int) -> list[str]:
    """Lock this process in, for good. Call it once, after all imports and before anything foreign is touched.

    It may use `seconds` of processor time and `memory_bytes` beyond what it has.
    It dies with `parent`, a pid.
    Gives the names of layers that this kernel lacks. Raises UsageError where what remains is not enough.
    """
    try:
        _limit(seconds, memory_bytes)
    except (OSError, ValueError, IndexError) as error:
        raise _refused(f"this process cannot be limited: {error}") from None
    missing = []
    if not _become_nobody():
        missing.append("another user")
    libc = _libc()
    # Changing the user takes this back, so it comes after.
    if libc.prctl(_SET_PARENT_DEATH, signal.SIGKILL, 0, 0, 0) or os.getppid() != parent:
        raise _refused("the process that asked is gone")
    libc.prctl(_SET_DUMPABLE, 0, 0, 0, 0)
    if libc.prctl(_SET_NO_NEW_PRIVILEGES, 1, 0, 0, 0):
        raise _refused("the kernel has no PR_SET_NO_NEW_PRIVS")
    if not _no_files():
        missing.append("Landlock")
    _filter()
    return missing


def _limit(seconds: float, memory_bytes: int) -> None:
    """The kernel's limits, lowered hard: nothing in here can raise one again."""
    # Allocators have reserved address space by now, up to a gigabyte that nobody has written to.
    reserved = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    for kind, wanted in (
        (resource.RLIMIT_CPU, max(1, math.ceil(seconds))),
        # Not the address space: segments that are only read lie in it, and take no memory of ours.
        (resource.RLIMIT_DATA, reserved + memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 0),
        (resource.RLIMIT_MSGQUEUE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (most, most))
    # Where memory runs out this process goes, not the collector; where time does, the collector comes first.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")
    with contextlib.suppress(OSError):
        os.nice(10)
    os.chdir("/")


def _become_nobody() -> bool:
    """False where we are root and must stay it: a container without other users."""
    if os.geteuid() != 0:
        return True
    try:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    except OSError:
        return False
    return True


def _no_files() -> bool:
    """No file, device, address, port or process of others, by rules without one exception."""
    libc = _libc()
    version = libc.syscall(_LANDLOCK_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(1))
    if version < 1:
        return False
    files = 13 + (version >= 2) + (version >= 3) + (version >= 5)
    rules = _Ruleset((1 << files) - 1, 0b11 if version >= 4 else 0, 0b11 if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    ruleset = libc.syscall(_LANDLOCK_CREATE, ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint32(0))
    if ruleset < 0:
        return False
    try:
        return bool(libc.syscall(_LANDLOCK_RESTRICT, ctypes.c_int(ruleset), ctypes.c_uint32(0)) == 0)
    finally:
        os.close(ruleset)


def _filter() -> None:
    """The filter of system calls, on every thread there is already. Raises UsageError."""
    why = possible()
    if why:
        raise _refused(why)
    machine = os.uname().machine
    steps = program(MACHINES[machine], os.getpid())
    whole = _Program(len(steps) // 8, steps)
    answer = _libc().syscall(
        _SECCOMP[machine],
        ctypes.c_uint(1),
        ctypes.c_uint(_FILTER_ALL_THREADS),
        ctypes.byref(whole),
    )
    if answer != 0:
        raise _refused(f"the kernel took no filter of system calls: {os.strerror(ctypes.get_errno())}")


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _refused(why: str) -> UsageError:
    return UsageError(
        "usage.sandbox",
        f"SQL cannot be run here: {why}",
        hint="It needs Linux 4.14 or newer, on x86_64 or aarch64. `search` and `count` work anywhere.",
    )
