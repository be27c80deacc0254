"""Standard output as a spool, in processes of their own whose other end is read, not read, or gone."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sealtrail.event import check, decode
from sealtrail.spool.layout import MARK
from sealtrail.spool.loss import LOSS

PROGRAM = """
import os, signal, sys
sys.excepthook = lambda *error: os.write(2, repr(error).encode())
from sealtrail.event.model import constants
from sealtrail.spool import disk, stdout
disk._RETRY_SECONDS = 0.0
spool = stdout.Stream()
spool.constants = constants("shop", pid=os.getpid())
HEAD = (b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"0193a1b2-0000-7000-8000-000000000000",'
        b'"sealtrail.kind":"audit","event.action":"a.b","event.reason":"%b"')
def write(size=100, count=1):
    return [spool.write(HEAD % (b"x" * size) + spool.constants) for _ in range(count)]
def tell(*what):
    print(*what, spool.written, spool.failed, spool.dropped, file=sys.stderr, flush=True)
"""


def start(body: str, **how: Any) -> subprocess.Popen[bytes]:
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **how}
    return subprocess.Popen([sys.executable, "-c", PROGRAM + body], stdin=subprocess.PIPE, **how)


def ours(output: bytes) -> list[dict[str, Any]]:
    """The events among the lines of an output; each one whole, and such as the door takes."""
    found = []
    for line in output.split(b"\n"):
        if line.startswith(MARK) and line.endswith(b"}"):
            found.append(decode(b"{" + line.removeprefix(MARK)))
            check(found[-1])
    return found


def test_each_event_is_one_line_with_a_mark_among_those_that_the_application_prints():
    process = start("""
for number in range(3):
    print("hello", number, flush=True)
    write()
tell()
""")
    output, said = process.communicate()
    assert said == b"3 0 0\n"
    lines = output.splitlines()
    assert lines[0::2] == [b"hello 0", b"hello 1", b"hello 2"]
    assert json.loads(lines[1])["sealtrail.stream"] == 1
    assert [event["sealtrail.seq"] for event in ours(output)] == [0, 1, 2]


def test_a_reader_that_is_too_slow_delays_nothing_and_what_it_missed_is_counted_and_told():
    process = start("""
done = write(1000, 200)
tell(sum(done))
sys.stdin.readline()
write()
""")
    assert b"too slow" in process.stderr.readline()
    assert process.stderr.readline()  # all 200 have returned, and nobody has read
    output = os.read(process.stdout.fileno(), 1_000_000)
    process.stdin.write(b"\n")
    process.stdin.flush()
    output += process.stdout.read()
    process.communicate()
    found = ours(output)
    told = [event["sealtrail.details"] for event in found if event["event.action"] == LOSS]
    lost = sum(loss["access"] for loss in told)
    assert 50 < lost < 200
    numbers = {event["sealtrail.seq"] for event in found}
    assert len(set(range(max(numbers))) - numbers) == lost
    assert {cause for loss in told for cause in loss["causes"]} == {
        "whoever reads standard output is too slow"
    }


def test_the_applications_own_output_waits_for_its_reader_as_ever():
    read, write = os.pipe()
    process = start("write(); tell()", stdout=write)
    process.communicate()
    assert not fcntl.fcntl(write, fcntl.F_GETFL) & os.O_NONBLOCK
    assert len(ours(os.read(read, 10_000))) == 1
    os.close(read)
    os.close(write)


@pytest.mark.parametrize("handler", ["SIG_IGN", "SIG_DFL"])
def test_a_reader_that_is_gone_raises_nothing_and_kills_nobody(handler):
    process = start(f"""
signal.signal(signal.SIGPIPE, signal.{handler})
write()
sys.stdin.readline()
done = write(100, 5)
tell(sum(done))
assert not signal.sigpending()
assert signal.SIGPIPE not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
os._exit(7)
""")
    assert ours(process.stdout.readline())
    process.stdout.close()
    _, said = process.communicate(b"\n")
    assert process.returncode == 7
    assert said.endswith(b"0 1 5 0\n")
    assert b"Broken pipe" in said


def test_a_long_line_that_does_not_fit_is_cut_off_from_the_next_one():
    process = start("""
import fcntl
fcntl.fcntl(1, 1031, 4096 * 4)  # F_SETPIPE_SZ
done = write(30_000)
sys.stdin.readline()
done += write(50, 2)
tell(done)
""")
    head = os.read(process.stdout.fileno(), 65_536)
    assert head.startswith(MARK)
    assert b"\n" not in head
    output, said = process.communicate(b"\n")
    assert said.endswith(b"[False, True, True] 3 1 0\n")
    # The loss is told behind the next event, as number 2.
    assert [event["sealtrail.seq"] for event in ours(head + output)] == [1, 2, 3]


def test_many_processes_write_whole_lines():
    process = start("""
children = []
for _ in range(4):
    child = os.fork()
    if child == 0:
        write(700, 50)
        os._exit(0)
    children.append(child)
for child in children: os.waitpid(child, 0)
tell(all(write(700)))
""")
    output, _ = process.communicate()
    found = ours(output)
    assert len(found) >= 40  # what the pipe could not take is no half line
    assert output.count(MARK) == len(found)
    # On a busy machine one of them may have met a full pipe each time.
    assert len({event["sealtrail.emitter"] for event in found}) >= 2
    numbers = [(event["sealtrail.emitter"], event["sealtrail.seq"]) for event in found]
    assert len(set(numbers)) == len(numbers)


def test_to_a_file_a_terminal_and_a_socket_as_well(tmp_path: Path):
    with (tmp_path / "out").open("wb") as file:
        start("print('first', flush=True); write(); print('last'); tell()", stdout=file).communicate()
    first, event, last = (tmp_path / "out").read_bytes().splitlines()
    assert (first, last) == (b"first", b"last")
    assert ours(event)

    near, far = socket.socketpair()
    process = start("tell(sum(write(1000, 400)))", stdout=far)
    said = process.communicate()[1]
    far.close()
    taken = int(said.split()[-4])
    assert 50 < taken < 400  # it did not wait
    near.setblocking(False)
    output = b""
    while part := near.recv(1_000_000):
        output += part
    near.close()
    assert len([event for event in ours(output) if event["event.action"] == "a.b"]) == taken

    master, slave = pty.openpty()
    process = start("write(); tell()", stdout=slave)
    process.communicate()
    os.close(slave)
    assert select.select([master], [], [], 5)[0]
    assert ours(os.read(master, 10_000).replace(b"\r", b""))
    os.close(master)


def test_a_pipe_that_may_not_be_opened_again_is_written_without_waiting_all_the_same():
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody who may not open it")
    body = """
spool.close()
os.setgid(65534); os.setuid(65534)
taken = sum(write(1000, 200))
tell(spool._waits, taken)
"""
    process = start(body)
    said = process.stderr.read()
    assert b"True" in said  # each write says that it does not wait
    output, _ = process.communicate()
    assert 20 < len(ours(output)) < 200


def test_where_nobody_can_read_it_is_said_and_counted():
    process = start("tell(write())", stdout=subprocess.DEVNULL)
    said = process.communicate()[1]
    assert b"/dev/null" in said
    assert said.endswith(b"[False] 0 1 0\n")


def test_what_the_application_makes_of_its_number_is_not_written_to(tmp_path: Path):
    process = start(f"""
descriptor = os.open({str(tmp_path / "precious")!r}, os.O_CREAT | os.O_WRONLY)
os.dup2(descriptor, 1)
done = write()
os.dup2(descriptor, spool._descriptor)
spool.check()
done += write()
tell(done)
""")
    output, said = process.communicate()
    assert (tmp_path / "precious").read_bytes() == b""
    assert len(ours(output)) == 1
    assert said.split(b"\n")[-2].startswith(b"[True, False]")


def test_what_must_be_durable_is_refused_and_what_must_be_certain_is_not():
    process = start("""
def held():
    return len(os.listdir("/proc/self/fd"))
before = held()
ways = ("certain", "fsync", "fsync", "certain")
tell([spool.write(HEAD % b"y" + spool.constants, **{how: True}) for how in ways], held() - before)
""")
    output, said = process.communicate()
    assert b"[True, False, False, True] 0 4 0 0" in said
    assert said.count(b"standard output cannot be synced") == 1
    assert b"the disk" not in said
    assert len(ours(output)) == 4
