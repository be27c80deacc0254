"""The kernel's filter for the process that runs foreign SQL: what it may still ask of the kernel. Pure.

A list of what is allowed, not of what is forbidden: memory, threads, time, and reading and writing what is
open already. There is no opening, no socket, no other program, no other process, no signal to anybody else.
What is not listed answers EPERM, so a library that asks for more gets a refusal it knows how to take.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Final, NamedTuple


class Machine(NamedTuple):
    """One architecture: its mark in the filter's input, and the numbers of its system calls."""

    mark: int
    calls: dict[str, int]


_X86_64: Final = (
    "read 0, write 1, close 3, fstat 5, poll 7, lseek 8, mmap 9, mprotect 10, munmap 11, brk 12, "
    "rt_sigaction 13, rt_sigprocmask 14, rt_sigreturn 15, pread64 17, readv 19, writev 20, "
    "sched_yield 24, mremap 25, madvise 28, nanosleep 35, getpid 39, clone 56, exit 60, uname 63, "
    "getrusage 98, sysinfo 99, times 100, getuid 102, getgid 104, geteuid 107, getegid 108, "
    "sigaltstack 131, prctl 157, gettid 186, futex 202, sched_getaffinity 204, restart_syscall 219, "
    "clock_gettime 228, clock_getres 229, clock_nanosleep 230, exit_group 231, tgkill 234, "
    "set_robust_list 273, prlimit64 302, getcpu 309, getrandom 318, membarrier 324, rseq 334, clone3 "
    "435"
)
_AARCH64: Final = (
    "close 57, lseek 62, read 63, write 64, readv 65, writev 66, pread64 67, fstat 80, exit 93, "
    "exit_group 94, futex 98, set_robust_list 99, nanosleep 101, clock_gettime 113, clock_getres 114, "
    "clock_nanosleep 115, sched_getaffinity 123, sched_yield 124, restart_syscall 128, tgkill 131, "
    "sigaltstack 132, rt_sigaction 134, rt_sigprocmask 135, rt_sigreturn 139, times 153, uname 160, "
    "getrusage 165, prctl 167, getcpu 168, getpid 172, getuid 174, geteuid 175, getgid 176, getegid "
    "177, gettid 178, sysinfo 179, brk 214, munmap 215, mremap 216, clone 220, mmap 222, mprotect "
    "226, madvise 233, prlimit64 261, getrandom 278, membarrier 283, rseq 293, ppoll 73, clone3 435"
)


def _numbers(text: str) -> dict[str, int]:
    return {name: int(number) for name, number in (pair.split() for pair in text.split(","))}


MACHINES: Final = {
    "x86_64": Machine(0xC000003E, _numbers(_X86_64)),
    "aarch64": Machine(0xC00000B7, _numbers(_AARCH64)),
}
"""By `os.uname().machine`. Elsewhere there is no filter, so no SQL."""

# Instructions of the classic packet filter.
_LOAD: Final = 0x20  # a 32-bit word of the input
_EQUAL: Final = 0x15
_AT_LEAST: Final = 0x35
_ANY_BIT: Final = 0x45
_RETURN: Final = 0x06

_KILL: Final = 0x80000000
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_UNKNOWN: Final = 0x00050000 | errno.ENOSYS

_NUMBER: Final = 0  # offsets in the input
_MARK: Final = 4
_ARGUMENTS: Final = 16

_OTHER_NUMBERING: Final = 0x40000000  # x32's numbers: another table under the same mark
_THREAD: Final = 0x00010000  # CLONE_THREAD
_EXECUTABLE: Final = 0x4  # PROT_EXEC
_NAME_OF_THREAD: Final = 15  # PR_SET_NAME


def program(machine: Machine, pid: int) -> bytes:
    """The filter for one process, as the kernel reads it: 8 bytes an instruction."""
    return b"".join(struct.pack("=HBBI", *step) for step in _steps(machine, pid))


def _steps(machine: Machine, pid: int) -> Iterator[tuple[int, int, int, int]]:
    """(code, jump if so, jump if not, value). Every call ends in a `return` of its own, so no jump is far."""
    yield _load(_MARK)
    yield (_EQUAL, 1, 0, machine.mark)
    yield _return(_KILL)
    yield _load(_NUMBER)
    yield (_AT_LEAST, 0, 1, _OTHER_NUMBERING)
    yield _return(_KILL)
    for name, number in machine.calls.items():
        rule = [*_judged(name, pid)]
        yield (_EQUAL, 0, len(rule), number)
        yield from rule
    yield _return(_REFUSE)


def _judged(name: str, pid: int) -> Iterator[tuple[int, int, int, int]]:
    """What is asked of a call's arguments, ending in an answer for every case."""
    if name == "clone":
        # A thread shares this filter and this process's limits; a process of its own is refused.
        yield _load(_argument(0))
        yield (_ANY_BIT, 0, 1, _THREAD)
        yield _return(_ALLOW)
        yield _return(_REFUSE)
    elif name == "clone3":
        # Its flags stand behind a pointer, which a filter cannot follow: libc falls back to clone.
        yield _return(_UNKNOWN)
    elif name in {"mmap", "mprotect"}:
        yield _load(_argument(2))
        yield (_ANY_BIT, 0, 1, _EXECUTABLE)
        yield _return(_REFUSE)
        yield _return(_ALLOW)
    elif name == "prctl":
        yield from _only(0, _NAME_OF_THREAD)
    elif name == "tgkill":
        yield from _only(0, pid)  # abort() sends itself a signal
    elif name == "prlimit64":
        # Asking is allowed, setting is not: both halves of the pointer to new limits are null.
        yield _load(_argument(2))
        yield (_EQUAL, 0, 3, 0)
        yield _load(_argument(2) + 4)
        yield (_EQUAL, 0, 1, 0)
        yield _return(_ALLOW)
        yield _return(_REFUSE)
    else:
        yield _return(_ALLOW)


def _only(argument: int, value: int) -> Iterator[tuple[int, int, int, int]]:
    yield _load(_argument(argument))
    yield (_EQUAL, 0, 1, value)
    yield _return(_ALLOW)
    yield _return(_REFUSE)


def _load(offset: int) -> tuple[int, int, int, int]:
    return (_LOAD, 0, 0, offset)


def _return(answer: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, answer)


def _argument(number: int) -> int:
    """Where the low half of an argument stands: both machines keep the low half first."""
    return _ARGUMENTS + 8 * number
