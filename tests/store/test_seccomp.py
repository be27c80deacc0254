"""The filter, run by an interpreter of its own: what each call is answered, for every machine."""

from __future__ import annotations

import errno
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.store.seccomp import MACHINES, program

ALLOWED, KILLED = "allowed", "killed"
PID = 4711
MACHINE = pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
# What an attacker would like, by its number on each machine.
WANTED = {
    "x86_64": {"open": 2, "socket": 41, "connect": 42, "fork": 57, "vfork": 58, "execve": 59, "kill": 62,
               "ptrace": 101, "unlink": 87, "mount": 165, "openat": 257, "execveat": 322, "openat2": 437,
               "io_uring_setup": 425, "process_vm_writev": 311, "memfd_create": 319, "pidfd_open": 434,
               "bpf": 321, "setrlimit": 160, "tkill": 200, "dup": 32, "ioctl": 16},
    "aarch64": {"openat": 56, "socket": 198, "connect": 203, "execve": 221, "kill": 129, "ptrace": 117,
                "unlinkat": 35, "mount": 40, "execveat": 281, "openat2": 437, "io_uring_setup": 425,
                "process_vm_writev": 271, "memfd_create": 279, "pidfd_open": 434, "bpf": 280, "tkill": 130,
                "setrlimit": 164, "dup": 23, "ioctl": 29},
}  # fmt: skip


def answered(machine, number, *arguments, mark=None):
    """What the kernel would do, by the meaning of the classic packet filter's instructions."""
    steps = list(struct.iter_unpack("=HBBI", program(machine, PID)))
    data = struct.pack(
        "=IIQ6Q", number, machine.mark if mark is None else mark, 0, *arguments, *[0] * (6 - len(arguments))
    )
    word = place = 0
    while True:
        code, yes, no, value = steps[place]
        place += 1
        if code == 0x20:
            word = struct.unpack_from("=I", data, value)[0]
        elif code == 0x06:
            break
        else:
            true = {0x15: word == value, 0x35: word >= value, 0x45: bool(word & value)}[code]
            place += yes if true else no
    kind = value & 0xFFFF0000
    return KILLED if kind == 0x80000000 else ALLOWED if kind == 0x7FFF0000 else value & 0xFFFF


@MACHINE
def test_what_an_attacker_needs_is_refused(machine):
    name = next(name for name, known in MACHINES.items() if known is machine)
    for call, number in WANTED[name].items():
        assert answered(machine, number) == errno.EPERM, call


@MACHINE
def test_what_computing_needs_is_allowed(machine):
    for call in ("read", "write", "futex", "munmap", "brk", "madvise", "exit_group", "clock_gettime"):
        assert answered(machine, machine.calls[call]) == ALLOWED, call


@MACHINE
@given(number=st.integers(0, 2**30 - 1))
def test_every_number_that_is_not_listed_is_refused(machine, number):
    if number not in machine.calls.values():
        assert answered(machine, number) == errno.EPERM


@MACHINE
def test_threads_may_be_made_and_processes_may_not(machine):
    calls = machine.calls
    assert answered(machine, calls["clone"], 0x003D0F00) == ALLOWED  # what pthread_create asks for
    assert answered(machine, calls["clone"], 17) == errno.EPERM  # what fork asks for
    assert answered(machine, calls["clone3"]) == errno.ENOSYS


@MACHINE
@pytest.mark.parametrize("call", ["mmap", "mprotect"])
def test_memory_is_never_made_into_code(machine, call):
    assert answered(machine, machine.calls[call], 0, 4096, 3) == ALLOWED
    assert answered(machine, machine.calls[call], 0, 4096, 7) == errno.EPERM
    assert answered(machine, machine.calls[call], 0, 4096, 4) == errno.EPERM


@MACHINE
def test_signals_limits_and_switches_reach_this_process_alone(machine):
    calls = machine.calls
    assert answered(machine, calls["tgkill"], PID, PID, 6) == ALLOWED
    assert answered(machine, calls["tgkill"], 1, 1, 9) == errno.EPERM
    assert answered(machine, calls["prlimit64"], 0, 7, 0) == ALLOWED
    assert answered(machine, calls["prlimit64"], 0, 7, 1) == errno.EPERM
    assert answered(machine, calls["prlimit64"], 0, 7, 1 << 32) == errno.EPERM
    assert answered(machine, calls["prctl"], 15) == ALLOWED
    assert answered(machine, calls["prctl"], 4) == errno.EPERM


@MACHINE
def test_calls_under_another_numbering_end_the_process(machine):
    assert answered(machine, 0, mark=0x40000003) == KILLED  # 32-bit x86
    assert answered(machine, 0x40000000) == KILLED  # x32
