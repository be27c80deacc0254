"""A process that locked itself in tries what an attacker would, with all of Python at hand."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sealtrail.store import confine as confining
from sealtrail.store.confine import possible

pytestmark = pytest.mark.skipif(bool(possible()), reason=possible() or "-")

BEGIN = """
import ctypes, mmap, os, resource, select, shutil, signal, socket, subprocess, sys, threading, time
from sealtrail.store.confine import confine
libc = ctypes.CDLL(None, use_errno=True)
kept = os.open(sys.argv[1], os.O_RDWR)
missing = confine(seconds=2, memory_bytes=64 << 20, parent=os.getppid())
def tried(what):
    try:
        answer = what()
    except BaseException as error:
        print(type(error).__name__, getattr(error, "errno", ""), flush=True)
    else:
        print("DONE", answer, flush=True)
"""


@pytest.fixture
def inside(tmp_path):
    """(exit code, lines printed, standard error) of Python that runs after the door is locked."""
    (tmp_path / "kept").write_bytes(b"kept")

    def run(code: str, **options):
        done = subprocess.run(
            [sys.executable, "-I", "-c", BEGIN + code, tmp_path / "kept"],
            capture_output=True,
            text=True,
            timeout=60,
            **options,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


@pytest.mark.parametrize(
    "attempt",
    [
        'os.open("/etc/passwd", os.O_RDONLY)',
        'os.open("/proc/self/environ", os.O_RDONLY)',
        'os.open("/tmp/new", os.O_WRONLY | os.O_CREAT)',
        'os.listdir("/")',
        'os.mkdir("/tmp/new")',
        'os.unlink("/etc/passwd")',
        'os.symlink("/etc", "/tmp/new")',
        'os.readlink("/proc/self/exe")',
        'os.chdir("/etc")',
        'os.chmod("/etc/passwd", 0o777)',
        "os.dup(kept)",
        "socket.socket()",
        "socket.socket(socket.AF_UNIX)",
        "os.fork()",
        'os.execv("/bin/sh", ["sh"])',
        'os.posix_spawn("/bin/sh", ["sh"], {})',
        'subprocess.run(["/bin/true"])',
        "os.kill(os.getppid(), 9)",
        "os.kill(os.getpid(), 9)",
        'os.memfd_create("x")',
        "os.setuid(0)",
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1, 1))",
        "mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)",
        "os.pidfd_open(os.getppid())",
        "os.sendfile(1, kept, 0, 4)",
    ],
)
def test_what_would_reach_outside_is_refused(inside, attempt):
    code, said, complaint = inside(f"tried(lambda: {attempt})")
    assert code == 0, complaint
    assert len(said) == 1
    assert not said[0].startswith("DONE"), said


def test_the_filter_and_landlock_stand_here_and_each_says_so(inside):
    _, said, _ = inside(
        "print(missing); tried(lambda: libc.syscall(41, 2, 1, 0) if os.uname().machine == 'x86_64' else -1)"
    )
    assert said[0] == "[]"
    assert said[1] == "DONE -1"


def test_a_file_that_is_open_can_be_read_and_never_grown(inside, tmp_path):
    code, said, _ = inside(
        "print(os.pread(kept, 4, 0), flush=True)\nos.write(kept, b'more')\nprint('written')"
    )
    assert said == ["b'kept'"]
    assert code != 0
    assert (tmp_path / "kept").read_bytes() == b"kept"


def test_threads_work_as_before(inside):
    _, said, complaint = inside(
        "t = threading.Thread(target=print, args=['in a thread']); t.start(); t.join()"
    )
    assert said == ["in a thread"], complaint


def test_memory_and_time_come_to_an_end(inside):
    code, said, _ = inside("tried(lambda: bytearray(128 << 20)); tried(lambda: len(bytearray(8 << 20)))")
    assert (code, said[0].strip(), said[1]) == (0, "MemoryError", f"DONE {8 << 20}")
    assert inside("while True: pass")[0] < 0


def test_the_user_is_nobody_where_it_was_root(inside):
    _, said, _ = inside("print(os.getuid(), os.geteuid(), os.getgid(), os.getegid())")
    if os.geteuid() == 0:
        assert said == ["65534 65534 65534 65534"]
    else:
        assert said == [f"{os.getuid()} {os.geteuid()} {os.getgid()} {os.getegid()}"]


def test_a_process_whose_parent_is_gone_does_not_begin(inside, tmp_path):
    done = subprocess.run(
        [sys.executable, "-I", "-c", BEGIN.replace("os.getppid()", "1"), tmp_path / "kept"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert "the process that asked is gone [usage.sandbox]" in done.stderr


def test_where_there_is_no_filter_nothing_is_run(monkeypatch):
    monkeypatch.setattr(confining, "MACHINES", {})
    assert "there is no filter of system calls" in possible()


def test_where_the_process_cannot_be_limited_nothing_is_run(inside):
    code, _, complaint = inside("confine(seconds=2, memory_bytes=-(1 << 60), parent=os.getppid())")
    assert code == 1
    assert "this process cannot be limited" in complaint


def test_the_unit_that_is_shipped_leaves_the_calls_by_which_a_process_locks_itself_in(repository):
    unit = (repository / "deploy" / "systemd" / "sealtrail.service").read_text()
    allowed = [line for line in unit.splitlines() if line.startswith("SystemCallFilter=@")]
    assert {"seccomp", "landlock_create_ruleset", "landlock_restrict_self"} <= set(allowed[0].split())
