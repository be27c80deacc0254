"""What can go wrong, in ten classes.

    SealtrailError
    |-- UsageError        the caller asked for something that cannot be: settings, arguments, paths
    |-- EventError        an event is refused, with the `$.path` at fault
    |-- QueryError        a query cannot be read, with the column at fault
    |-- RuleError         a detection rule cannot be used, with file and line
    |-- AccessError       a key is missing, wrong, or lacks the role
    |-- BusyError         not now: the queue or the disk is full, try again after `retry_after` seconds
    |-- NotFoundError     a trail, an entry or a file is not there
    |-- LedgerError       the ledger cannot be opened or appended to (fatal: recovery is on restart)
        `-- TamperedError what is on disk contradicts what was signed

Every error has a stable code from `CODES`, which docs/reference/errors.md explains one by one; a code that
is not listed there fails the suite. `what` says what happened and why, `hint` what to do next.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CODES: dict[str, str] = {
    # settings and arguments
    "usage.setting": "a setting or environment variable has a value that cannot be used",
    "usage.path": "a folder or file given on the command line cannot be used",
    "usage.argument": "an argument cannot be understood",
    "usage.password": "a password is too short or too long",
    "usage.extra": "a command needs an optional part of the package that is not installed",
    "usage.backup": "a file of a backup is not what it was when the backup was made",
    "usage.sandbox": "this machine cannot lock a process in, so no SQL is run",
    "usage.format": "the data folder was written by a version this one cannot read",
    # events at the door
    "event.not-utf8": "a line is not UTF-8",
    "event.not-json": "a line is not one JSON object",
    "event.duplicate-key": "an object names a key twice, which JSON readers resolve differently",
    "event.too-long": "a line is longer than an entry can be",
    "event.too-deep": "an event nests deeper than the limit",
    "event.number": "an integer cannot be held exactly by every JSON reader, or a number is not finite",
    "event.missing": "an event lacks a field that every event has",
    "event.type": "a field has a value of another type than the schema says",
    "event.collector-key": "a producer set a field that only the collector may set",
    "event.reserved-kind": "a producer sent a kind of event that only the collector may write",
    "event.conflict": "an identity (emitter, sequence) was used before for other bytes",
    "event.torn": "a line was cut short by the death of its writer",
    "event.unreadable-line": "a line of a log file does not have the format it is read as",
    "event.refused": "a collector elsewhere refuses a line, for a reason this version does not know",
    "event.not-canonical": "a line of a spool is not in canonical form, so our own capture did not write it",
    # bodies at the door
    "body.too-large": "a request's body is larger than the limit, as sent or decompressed",
    "body.media-type": "a request's body has a media type, character set or compression we do not read",
    "body.too-slow": "a request's body did not arrive in time",
    "body.unreadable": "a request's body cannot be decompressed, or is not NDJSON nor one JSON array",
    # reading
    "query.syntax": "a query cannot be parsed",
    "query.field": "a query names a field in a way its type does not allow",
    "query.time": "a time cannot be understood",
    "query.parameter": "a parameter of a request is unknown, given twice, or has a value that cannot be",
    "query.too-large": "the answer needs more memory, more periods or more bytes than a query may have",
    "query.sql": "DuckDB refuses an SQL statement, or a value cannot be shown",
    "query.not-select": "what was given is not exactly one SELECT",
    "query.too-slow": "an SQL statement took longer than it may",
    "query.died": "the process that ran an SQL statement ended without an answer",
    # rules
    "rule.syntax": "a rule file is not valid Sigma",
    "rule.pack": "a framework's pack names a control, check or version that does not exist",
    "rule.unsupported": "a rule uses a part of Sigma that this engine does not run",
    # a collector elsewhere
    "remote.unreachable": "a collector elsewhere cannot be reached",
    "remote.answer": "a collector elsewhere answered with what cannot be understood",
    "remote.insecure": "a key would be sent in the clear to another machine",
    # doors
    "access.missing": "a request came without a key",
    "access.denied": "the key is unknown, or its role does not allow this",
    "access.sign-in": "name and password do not belong together",
    "access.link": "a one-time link was used, is too old, or never was one",
    "access.origin": "a browser's session was used by a page of another site",
    "busy.attempts": "too many failed attempts to sign in",
    "busy.queue": "the collector's queue is full",
    "busy.disk": "the disk is nearly full, so nothing more is accepted",
    "busy.readers": "as many tails are open as the collector serves at a time",
    "busy.stopping": "the collector is stopping",
    "busy.query": "as many SQL statements are running as may run at one time",
    "busy.folder": "another process empties a spool folder",
    "busy.spool": "an act that the application requires to be recorded could not be written to the spool",
    "not-found.trail": "there is no such trail",
    "not-found.entry": "there is no such entry",
    "not-found.checkpoint": "no checkpoint of this size was signed, or it is the wrong way round",
    "not-found.pruned": "the entry was there, and its retention is over",
    "not-found.person": "nobody of this name has an account",
    "not-found.key": "there is no API key of this id",
    "not-found.framework": "there is no framework of this name and version",
    "not-found.hold": "no legal hold of this name is in force",
    "not-found.alert": "there is no alert of this id",
    "not-found.witness": "there is no witness of this name",
    "not-found.file": "a file that was expected is not there",
    # ledger
    "ledger.locked": "another process is the writer of this data folder",
    "ledger.key": "a signing key is missing, unreadable or too widely readable",
    "ledger.passphrase": "a signing key is under a passphrase that was not given, or not the right one",
    "ledger.signer": "the process that holds the signing keys cannot be reached, or does not sign",
    "ledger.io": "the disk refused a write or a sync; what was not acknowledged may be lost",
    "ledger.entry": "an entry is empty or larger than 65,535 bytes",
    "ledger.witness": "a witness does not know what it cosigned before",
    "ledger.format": "a note, checkpoint, proof or file of the ledger does not have the form it must have",
    "ledger.tampered": "bytes on disk contradict a signed checkpoint",
}


class SealtrailError(Exception):
    """Base of all errors. `code` is stable, `what` says what happened and why, `hint` what to do next."""

    exit_code = 2

    def __init__(self, code: str, what: str, *, hint: str = "") -> None:
        if code not in CODES:
            raise KeyError(f"error code {code!r} is not listed in sealtrail.errors.CODES")
        super().__init__(what)
        self.code = code
        self.what = what
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.what} [{self.code}]" + (f"\n  {self.hint}" if self.hint else "")


class UsageError(SealtrailError):
    """The caller asked for something that cannot be."""


class EventError(SealtrailError):
    """An event is refused; `path` points into it, `$` being the whole."""

    def __init__(self, code: str, what: str, *, path: str = "$", hint: str = "") -> None:
        super().__init__(code, what, hint=hint)
        self.path = path


class QueryError(SealtrailError):
    """A query cannot be read; `column` (from 0) is where."""

    def __init__(self, code: str, what: str, *, query: str = "", column: int = 0, hint: str = "") -> None:
        super().__init__(code, what, hint=hint)
        self.query = query
        self.column = column

    def __str__(self) -> str:
        caret = f"\n  {self.query}\n  {' ' * self.column}^" if self.query else ""
        return f"{self.what} [{self.code}]{caret}" + (f"\n  {self.hint}" if self.hint else "")


class RuleError(SealtrailError):
    """A detection rule cannot be used; `file` and `line` (from 1, 0 when unknown) say where."""

    def __init__(self, code: str, what: str, *, file: str = "", line: int = 0, hint: str = "") -> None:
        super().__init__(code, what, hint=hint)
        self.file = file
        self.line = line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {super().__str__()}"


class AccessError(SealtrailError):
    """A key is missing, wrong, or lacks the role."""


class BusyError(SealtrailError):
    """Not now. `retry_after` is in seconds."""

    def __init__(self, code: str, what: str, *, retry_after: float = 1.0, hint: str = "") -> None:
        super().__init__(code, what, hint=hint)
        self.retry_after = retry_after


class NotFoundError(SealtrailError):
    """A trail, an entry or a file is not there.

    `prune` is, of an entry that retention removed, what was recorded of that, where it is known.
    """

    def __init__(
        self, code: str, what: str, *, hint: str = "", prune: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(code, what, hint=hint)
        self.prune = dict(prune or {})

    @property
    def is_pruned(self) -> bool:
        """Was it there, and is its retention over?"""
        return self.code == "not-found.pruned"


class LedgerError(SealtrailError):
    """The ledger cannot be opened or appended to. Fatal for the writer: recovery happens on restart."""


class TamperedError(LedgerError):
    """What is on disk contradicts what was signed. `trail` and `index` say where."""

    exit_code = 1

    def __init__(self, what: str, *, trail: str = "", index: int = 0, hint: str = "") -> None:
        super().__init__("ledger.tampered", what, hint=hint)
        self.trail = trail
        self.index = index
