"""Builds lines and hands them to the spool: the one place where our faults are kept from the application."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import weakref
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.capture import policies, whole
from sealtrail.capture.address import Addresses
from sealtrail.capture.blocks import Blocks
from sealtrail.capture.closing import Closing
from sealtrail.capture.policies import Scrub
from sealtrail.capture.pseudonym import Pseudonyms
from sealtrail.errors import UsageError
from sealtrail.event import hostile
from sealtrail.event.codec import encode, escape_hidden
from sealtrail.event.fields import FIELDS
from sealtrail.event.limits import MAX_INTEGER, MAX_LINE_BYTES
from sealtrail.event.model import Event, constants
from sealtrail.scrub import value as scrubbed
from sealtrail.scrub.policy import used
from sealtrail.settings import CaptureSettings
from sealtrail.spool.disk import Spool
from sealtrail.spool.layout import STDOUT, folder_of
from sealtrail.spool.locks import Lock

_encode: Final = msgspec.json.Encoder().encode

_log: Final = logging.getLogger("sealtrail")

_MAX_EXTRA_BYTES: Final = 8192
# Room for the process's constants (names of at most 256 characters, escaped), the emitter and the number.
_MAX_LINE: Final = MAX_LINE_BYTES - _MAX_EXTRA_BYTES - 8192
_MAX_EXTRA: Final = 64
# Escaped, a hostile character takes six bytes: the last of these fits always.
_SHRINK_TO: Final = (1024, 256, 64)
_MAX_NOTES: Final = 64


class Recorder:
    """One service of one process. Recorders of the same folder share the process's segment.

    `constants` are the bytes that follow those of every event, up to what the spool adds. `errors` counts
    events that were lost to a fault of ours; `spool` counts what the disk did. `sign_ins` is what of sign-ins
    its door records by itself; `secret_names` are those of API keys in queries, as far as routes have told.
    """

    sign_ins: frozenset[str] = frozenset()
    session_cookie = "session"
    secret_names: frozenset[str] = frozenset()

    def __init__(self, settings: CaptureSettings, *, version: str = "", environment: str = "") -> None:
        self.settings = settings
        self.addresses = Addresses(settings.trusted_proxies)
        self.spool = _spool(settings.spool, settings.spool_bytes)
        folder = folder_of(settings.spool)
        closes = settings.on_full == "refuse"
        self.blocks = Closing(folder, self.spool) if closes else Blocks(folder, self.spool.check)
        self.pseudonyms = Pseudonyms(settings.pseudonym_key, folder)
        self.errors = 0
        self._version = version
        self._environment = environment
        self._told = False
        self._describe()
        _recorders.add(self)

    def _describe(self) -> None:
        notes: list[str] = []
        self.constants = constants(
            hostile.text(self.settings.service, 256, notes),
            version=hostile.text(self._version, 256, notes),
            environment=hostile.text(self._environment, 256, notes),
            host=hostile.text(socket.gethostname(), 256, notes),
            pid=os.getpid(),
        )
        self.spool.constants = self.constants

    def record(
        self,
        event: Event,
        *,
        audit: bool,
        extra: Mapping[str, Any] | None = None,
        fsync: bool = False,
        certain: bool = False,
    ) -> bool:
        """Write one event; True once it is in the file (with `fsync`: on the disk). Never raises.

        `certain` is for who does nothing without the record: see `Spool.write`.
        """
        try:
            tail = b"" if not extra else _extra(event, extra)
            try:
                line = _encode(event)
                if not line.isascii() or b"\x7f" in line:
                    line = escape_hidden(line)
            except Exception:
                # A text that UTF-8 cannot hold, or a value of a foreign type: looked at once it happens.
                _repair(event)
                line = encode(event)
            if len(line) > _MAX_LINE:
                line = _shrunk(event)
            return self.spool.write(
                line[:-1] + self.constants, tail, audit=audit, fsync=fsync, certain=certain
            )
        except Exception:
            # Whatever it is, the application must not see it. It is counted, and told once with its trace,
            # which names our code and no value.
            self.failed()
            return False

    def failed(self) -> None:
        """Count a fault of ours. Called from an `except` block."""
        self.errors += 1
        if not self._told:
            self._told = True
            with contextlib.suppress(Exception):  # a handler is the application's code
                _log.warning("an event could not be recorded; later ones are only counted", exc_info=True)


class ChoosingRecorder(Recorder):
    """A recorder for a policy that chooses for fields: others pay nothing for that."""

    def record(
        self,
        event: Event,
        *,
        audit: bool,
        extra: Mapping[str, Any] | None = None,
        fsync: bool = False,
        certain: bool = False,
    ) -> bool:
        try:
            policy = used()
            whole.apply(event, policy)
            given = whole.apply_to_extra(extra, policy, event) if extra else None
        except Exception:  # what could not be left out is not written
            self.failed()
            return False
        return super().record(event, audit=audit, extra=given, fsync=fsync, certain=certain)


def _shrunk(event: Event) -> bytes:
    """The line of an event that is too long, without what is longest in it."""
    cut: list[str] = []
    for name in ("details", "change"):
        if getattr(event, name, None) is not None:
            setattr(event, name, None)
            cut.append(_field(event, name))
    line = _marked(event, cut)
    for limit in _SHRINK_TO:
        if len(line) <= _MAX_LINE:
            break
        for name in event.__struct_fields__:
            value = getattr(event, name)
            if isinstance(value, str) and len(value) > limit:
                setattr(event, name, value[:limit])
                cut.append(_field(event, name))
            elif isinstance(value, list | tuple) and name not in {"category", "type"}:
                setattr(event, name, [str(item)[:limit] for item in value[:limit]])
        line = _marked(event, cut)
    return line


def _marked(event: Event, cut: list[str]) -> bytes:
    event.truncated = list(dict.fromkeys((*event.truncated, *cut)))
    return encode(event)


def _field(event: Event, name: str) -> str:
    return str(event.__struct_encode_fields__[event.__struct_fields__.index(name)])


def _repair(event: Event) -> None:
    """Make every value one that JSON can hold, with notes."""
    notes: list[str] = list(event.notes)
    event.notes = ()
    for name in event.__struct_fields__:
        value = getattr(event, name)
        if value is None or isinstance(value, bool | datetime):
            continue
        if isinstance(value, int):
            if abs(value) > MAX_INTEGER:
                setattr(event, name, None)
                notes.append("value.number")
        elif name in {"details", "change"}:
            setattr(event, name, hostile.plain(value, notes))
        elif isinstance(value, list | tuple):
            setattr(event, name, [hostile.text(item, 1024, notes) for item in value])
        else:
            setattr(event, name, hostile.text(value, 8192, notes))
    event.notes = list(dict.fromkeys(hostile.text(note, 128, []) for note in notes))[:_MAX_NOTES]


def _extra(event: Event, extra: Mapping[str, Any]) -> bytes:
    """The caller's own fields, sorted, as bytes that follow `sealtrail.seq`. Names of ours are left out."""
    notes: list[str] = []
    made: dict[str, Any] = {}
    redacted: list[str] = []
    for key, value in list(extra.items())[:_MAX_EXTRA]:
        name = hostile.text(key, 128, notes)
        if name in FIELDS or name.startswith("sealtrail.") or not name:
            notes.append("extra.refused")
            continue
        made[name], found = scrubbed(name, hostile.plain(value, notes), name)
        redacted += found
    tail = encode({name: made[name] for name in sorted(made)})[1:-1] if made else b""
    if len(tail) > _MAX_EXTRA_BYTES:
        notes.append("extra.too-long")
        tail = b""
    if notes:
        event.notes = list(dict.fromkeys((*event.notes, *notes)))[:_MAX_NOTES]
    if redacted:
        event.redacted = [*event.redacted, *redacted]
    return b"," + tail if tail else b""


# --- one spool per folder, one recorder per service

_lock = Lock()
_spools: weakref.WeakValueDictionary[str, Spool] = weakref.WeakValueDictionary()
_recorders: weakref.WeakSet[Recorder] = weakref.WeakSet()
_default: Recorder | None = None


def _spool(folder: Path, limit: int) -> Spool:
    """The process's spool in a folder: one process is one emitter there, however many services it runs.

    `limit`: what the folder may hold in bytes, 0 for the default.
    """
    streams = str(folder) == STDOUT
    # Without a look at the disk, which may not be there yet.
    key = STDOUT if streams else os.path.abspath(folder)  # noqa: PTH100
    with _lock:
        spool = _spools.get(key)
        if spool is None:
            spool = _spools[key] = _stream() if streams else Spool(Path(key))
        if limit:
            spool.bound(limit)
        return spool


def _stream() -> Spool:
    from sealtrail.spool.stdout import Stream

    return Stream()


def configured(
    service: str = "",
    *,
    version: str = "",
    environment: str = "",
    spool: str | os.PathLike[str] | None = None,
    trusted_proxies: Sequence[str] | None = None,
    scrub: Scrub | None = None,
) -> Recorder:
    """A recorder by the environment and by what is given here, which wins.

    The last one made also serves acts outside of requests.
    """
    settings = CaptureSettings.from_environment()
    changes: dict[str, Any] = {}
    if service:
        changes["service"] = service
    if spool is not None:
        changes["spool"] = Path(spool)
    if trusted_proxies is not None:
        changes["trusted_proxies"] = tuple(trusted_proxies)
    settings = msgspec.structs.replace(settings, **changes)
    policies.engine(settings.scrub_engine)
    policies.adopt(scrub, settings.scrub, policies.digest_of(settings))
    kind = ChoosingRecorder if whole.is_chosen(used()) else Recorder
    if kind is ChoosingRecorder:
        # A process has one policy: doors that were made before it was known follow it as well.
        for made in list(_recorders):
            made.__class__ = kind
    return _serving_acts(kind(settings, version=version, environment=environment))


def _serving_acts(recorder: Recorder) -> Recorder:
    global _default  # noqa: PLW0603 - acts outside of a request have nothing else to go by
    _default = recorder
    return recorder


def default() -> Recorder:
    """The recorder that was made last, or one by the environment alone. Never raises."""
    if _default is not None:
        return _default
    try:
        return configured()
    except UsageError:
        # An act outside of any request must not fail for the sake of a setting that is misspelt, nor of a
        # policy: without one, every secret is replaced. Whoever sets up a middleware is told.
        settings = CaptureSettings.from_environment(lenient=True)
        return _serving_acts(Recorder(msgspec.structs.replace(settings, trusted_proxies=())))


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = Lock()
    for recorder in list(_recorders):
        recorder._describe()  # noqa: SLF001 - the hook belongs to the class, and cannot be a method


os.register_at_fork(after_in_child=_after_fork)
