"""Foreign SQL: one SELECT over the index, run by a process that holds nothing but open files.

Here the process is started, told, timed and killed; `store.cell` is what runs in it. What comes back is read
as the words of a stranger: at most so many bytes, of exactly the form of `store.wire`.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import msgspec

from sealtrail.errors import BusyError, QueryError, UsageError
from sealtrail.serve.reading import Reading
from sealtrail.store.confine import possible
from sealtrail.store.lending import Loan
from sealtrail.store.wire import Fault, Head, Job, Message, Rows
from sealtrail.web.protocols import Column, Selected

MAX_ROWS: Final = 100_000
"""Of one answer: it is held in memory whole."""

MAX_SECONDS: Final = 300.0
"""Of one statement: who needs longer exports the events and asks elsewhere."""

MAX_STATEMENT: Final = 100_000
"""Characters of a statement: nobody writes more, and it is repeated in errors."""

MEMORY_BYTES: Final = 512 * 1024 * 1024
"""What DuckDB may use for a statement, as for all searches together; nothing is spilled to disk."""

ANSWER_BYTES: Final = 32 * 1024 * 1024
"""Of one answer, as it comes out of the process: beyond it the process is killed."""

MAX_AT_ONCE: Final = 2
"""Statements at one time in one server: each may take its whole memory."""

MAX_THREADS: Final = 2
"""Of one statement: the rest of the machine is for the writer."""

LOOK_SECONDS: Final = 0.25
"""Between two looks whether the server stops: a statement must not hold it up."""

_COMPLAINT_BYTES: Final = 4096
_PIECE: Final = 65536
_KINDS: Final = {"query.sql": "DuckDB refuses the statement: "}
_HINTS: Final = {
    "query.sql": "Names stand in double quotes, texts in single ones; `DESCRIBE events` lists the columns. "
    "A statement reaches `events` and `alerts`, and no file or address.",
    "query.not-select": "Ask one question, a SELECT over `events` or `alerts`.",
    "query.too-large": "Group or narrow what is asked, or bound the time with --since and --until.",
    "usage.sandbox": "`search`, `count` and `export` work anywhere.",
    "usage.format": "`sealtrail rebuild` makes the index again from the ledger; nothing is lost.",
}

_running = threading.BoundedSemaphore(MAX_AT_ONCE)


def select(
    reading: Reading,
    statement: str,
    *,
    since: str = "",
    until: str = "",
    rows: int = 1000,
    seconds: float = 30.0,
    stopping: Callable[[], bool] = lambda: False,
) -> Selected:
    """The answer to one SELECT over `events` and `alerts`; through a door it takes the right `export`.

    Raises QueryError for a statement that is refused, fails or needs too much, BusyError where others run,
    UsageError where this machine cannot lock a process in.
    """
    if not 0 < rows <= MAX_ROWS or not 0 < seconds <= MAX_SECONDS:
        raise UsageError(
            "usage.argument",
            f"an answer has 1 to {MAX_ROWS:,} rows and takes at most {MAX_SECONDS:g} seconds",
        )
    if len(statement) > MAX_STATEMENT or not _is_text(statement):
        raise QueryError("query.sql", f"a statement is UTF-8 text of at most {MAX_STATEMENT:,} characters")
    why = possible()
    if why:
        raise UsageError("usage.sandbox", why, hint=_HINTS["usage.sandbox"])
    if not _running.acquire(blocking=False):
        raise BusyError("busy.query", f"{MAX_AT_ONCE} statements are running, which is the most at one time")
    try:
        with reading.lend(since, until) as (loan, start, end):
            job = Job(
                statement=statement,
                parent=os.getpid(),
                rows=rows,
                seconds=seconds * MAX_THREADS,
                memory=MEMORY_BYTES,
                threads=min(MAX_THREADS, os.cpu_count() or 1),
                files=loan.segments,
                live=loan.live,
                floors=loan.floors,
                since=start,
                until=end,
            )
            return _understood(_run(job, loan, seconds, stopping), statement)
    finally:
        _running.release()


def _run(job: Job, loan: Loan, seconds: float, stopping: Callable[[], bool]) -> bytes:
    """What the cell prints. Raises QueryError where it took too long, said too much or died."""
    said, complaint = bytearray(), bytearray()
    until = time.monotonic() + seconds
    with _cell(loan) as cell, selectors.DefaultSelector() as pipes:
        # A job is smaller than a pipe, or the cell is reading it: either way this does not wait for long.
        _tell(cell, msgspec.json.encode(job))
        for pipe, kept in ((cell.stdout, said), (cell.stderr, complaint)):
            if pipe is not None:
                pipes.register(pipe, selectors.EVENT_READ, kept)
        while pipes.get_map():
            ready = pipes.select(max(0.0, min(LOOK_SECONDS, until - time.monotonic())))
            if time.monotonic() >= until:
                raise _too_slow(seconds)
            if stopping():
                raise BusyError("busy.stopping", "the collector is stopping")
            for key, _ in ready:
                piece = os.read(key.fd, _PIECE)
                if not piece:
                    pipes.unregister(key.fileobj)
                elif key.data is said or len(complaint) < _COMPLAINT_BYTES:
                    key.data.extend(piece)
                if len(said) > ANSWER_BYTES:
                    raise QueryError(
                        "query.too-large",
                        f"the answer is larger than {ANSWER_BYTES >> 20} MiB",
                        hint=_HINTS["query.too-large"],
                    )
        try:
            ended = cell.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            raise _too_slow(seconds) from None
    if ended == -signal.SIGXCPU:
        raise _too_slow(seconds)
    if ended:
        last = complaint.decode(errors="replace").strip().rpartition("\n")[2][:200]
        raise QueryError(
            "query.died",
            f"the process that ran the statement ended with {ended}{f': {last}' if last else ''}",
            hint="Most likely it met a limit of memory: group or narrow what is asked.",
        )
    return bytes(said)


@contextmanager
def _cell(loan: Loan) -> Iterator[subprocess.Popen[bytes]]:
    """The process; on leaving it is dead, however we leave."""
    # -I: neither environment, nor working folder, nor the user's own packages decide what is imported.
    process = subprocess.Popen(
        [sys.executable, "-I", "-m", "sealtrail.store.cell"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={},
        cwd="/",
        pass_fds=[*loan.segments, loan.live],
        start_new_session=True,  # a Ctrl-C is for us; we then kill it
    )
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        process.wait()


def _tell(cell: subprocess.Popen[bytes], job: bytes) -> None:
    assert cell.stdin is not None
    try:
        cell.stdin.write(job)
        cell.stdin.close()
    except BrokenPipeError:
        pass  # it died before it listened; how it ended says why


def _understood(said: bytes, statement: str) -> Selected:
    """The messages, put together. Raises what they report."""
    head: Head | None = None
    rows: list[list[Any]] = []
    try:
        for line in said.splitlines():
            message: Message = msgspec.json.decode(line, type=Message)
            if isinstance(message, Fault):
                raise _reported(message, statement)
            if isinstance(message, Head):
                head = message
            elif isinstance(message, Rows):
                rows += message.rows
            elif head is not None and all(len(row) == len(head.columns) for row in rows):
                columns = [Column(name, type_) for name, type_ in head.columns]
                return Selected(columns, rows, message.more, head.missing)
    except msgspec.MsgspecError:
        pass
    raise QueryError("query.died", "the process that ran the statement did not say how it ended")


def _reported(fault: Fault, statement: str) -> QueryError | UsageError:
    hint = _HINTS[fault.code]
    if fault.code in {"usage.sandbox", "usage.format"}:
        return UsageError(fault.code, fault.what, hint=hint)
    what = _KINDS.get(fault.code, "") + fault.what
    if not 0 <= fault.position <= len(statement):
        return QueryError(fault.code, what, hint=hint)
    # Of several lines the caret stands under the one at fault.
    before = statement[: fault.position]
    line = statement.splitlines()[before.count("\n")] if statement.strip() else ""
    return QueryError(
        fault.code, what, query=line, column=fault.position - (before.rfind("\n") + 1), hint=hint
    )


def _too_slow(seconds: float) -> QueryError:
    return QueryError(
        "query.too-slow",
        f"the statement took longer than {seconds:g} seconds",
        hint="Bound the time with --since and --until, ask for less, or allow more with --timeout.",
    )


def _is_text(statement: str) -> bool:
    try:
        statement.encode()
    except UnicodeEncodeError:
        return False
    return True
