"""API keys: who may come through which door.

A key is `st_ID_SECRET`. The secret is 256 random bits, so a plain SHA-256 of it is what is stored: there is
nothing to guess, and checking costs microseconds. It is shown once, when it is made.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.accounts.register import Change, Record, Register, unrecorded
from sealtrail.accounts.roles import ROLES, Right
from sealtrail.errors import AccessError, NotFoundError, UsageError
from sealtrail.event.entry import stamp

KEYS_FILE: Final = "api-keys.json"
NEW: Final = "sealtrail.key.new"
REVOKE: Final = "sealtrail.key.revoke"

_ID_BYTES: Final = 5
_SECRET_BYTES: Final = 32
_PREFIX: Final = "st_"
_NOBODY: Final = "0" * 64


class Key(msgspec.Struct, frozen=True, omit_defaults=True):
    """One key as it is stored; `hash` is SHA-256 of the secret, in hexadecimal."""

    id: str
    role: str
    hash: str
    created: str
    revoked: str = ""

    @property
    def name(self) -> str:
        return self.id

    def may(self, right: Right) -> bool:
        return not self.revoked and right in ROLES.get(self.role, frozenset())


class _File(msgspec.Struct):
    version: Literal[1] = 1
    keys: list[Key] = []


def presented(headers: Mapping[str, str]) -> str | None:
    """The key a request carries, None where it carries none, "" where it carries one that cannot be read.

    `Authorization: Bearer KEY`, `ApiKey base64(ID:KEY)` (Elasticsearch clients), `Basic base64(USER:KEY)`
    with any user (syslog daemons), or `X-Api-Key: KEY` (bouncers). Names of headers in any case.
    """
    lower = {name.lower(): value for name, value in headers.items()}
    given = lower.get("authorization")
    if given is None:
        return lower.get("x-api-key", "").strip() or None
    scheme, _, value = given.strip().partition(" ")
    value = value.strip()
    match scheme.lower():
        case "bearer":
            return value
        case "basic":
            return _pair(value)[1]
        case "apikey":
            name, key = _pair(value)
            # The key names itself: another name beside it is a mix-up that should be noticed now.
            return key if key.startswith(f"{_PREFIX}{name}_") else ""
    return ""


def _pair(value: str) -> tuple[str, str]:
    try:
        name, _, key = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, key


class Keys:
    """The keys of one data folder, in `keys/api-keys.json`. Safe between threads and processes.

    `record` is called before a change is written, as for people.
    """

    def __init__(
        self,
        folder: Path,
        record: Record = unrecorded,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._record = record
        self._clock = clock
        self._register: Register[Key] = Register(
            folder / KEYS_FILE,
            lambda data: msgspec.json.decode(data, type=_File).keys,
            lambda keys: _File(keys=keys),
        )

    def new(self, role: str) -> tuple[str, str]:
        """(id, key). The key cannot be shown again."""
        if role not in ROLES:
            raise UsageError(
                "usage.argument", f"there is no role {role!r}", hint=f"Roles are {', '.join(ROLES)}."
            )
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        with self._register.changing() as keys:
            name = secrets.token_hex(_ID_BYTES)
            while name in keys:
                name = secrets.token_hex(_ID_BYTES)
            self._record(Change(NEW, name, role_after=role))
            keys[name] = Key(name, role, _hash(secret), stamp(self._clock()))
        return name, f"{_PREFIX}{name}_{secret}"

    def list(self) -> tuple[Key, ...]:
        """Every key ever made, revoked ones too, oldest first."""
        return self._register.all()

    def revoke(self, name: str) -> Key:
        """Refuse a key from now on. It stays in the list, so that its past can be explained."""
        with self._register.changing() as keys:
            key = keys.get(name)
            if key is None:
                raise NotFoundError(
                    "not-found.key", f"there is no key {name!r}", hint="`sealtrail key list` shows them."
                )
            if not key.revoked:
                self._record(Change(REVOKE, name, role_before=key.role))
                key = keys[name] = msgspec.structs.replace(key, revoked=stamp(self._clock()))
        return key

    def verify(self, text: str | None) -> Key:
        """The key that `presented` found, or AccessError. Never says which part of a key is wrong."""
        if text is None:
            raise AccessError(
                "access.missing",
                "this needs a key",
                hint="Send it as `Authorization: Bearer KEY`; `sealtrail key new` makes one.",
            )
        name, _, secret = text.removeprefix(_PREFIX).partition("_")
        key = self._register.get(name)
        # An unknown id costs the same comparison as a known one.
        same = hmac.compare_digest(_hash(secret), _NOBODY if key is None else key.hash)
        if key is None or not same or key.revoked or not text.startswith(_PREFIX):
            raise AccessError(
                "access.denied",
                "the key is unknown or revoked",
                hint="`sealtrail key new --role ROLE` makes one.",
            )
        return key


def _hash(secret: str) -> str:
    return sha256(secret.encode(errors="replace")).hexdigest()
