"""The people who sign in to the console: names, roles and hashed passwords, in `keys/people.json`."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import msgspec

from sealtrail.accounts import password
from sealtrail.accounts.register import Change, Record, Register, unrecorded
from sealtrail.accounts.roles import ROLES
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.event.entry import stamp

PEOPLE_FILE: Final = "people.json"

# What stands in records for years: no spaces, no look-alikes, nothing a terminal or a page could obey.
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)


class Person(msgspec.Struct, frozen=True, omit_defaults=True):
    """One person. `version` changes with the role and the password, and with it every session ends."""

    name: str
    role: str
    password: str
    created: str
    version: str


class _File(msgspec.Struct):
    version: Literal[1] = 1
    people: list[Person] = []


class People:
    """The people of one data folder. Safe between threads and processes.

    `record` is called before a change is written: after a crash in between the record speaks of a change that
    did not come, which can be seen, and never leaves out one that did.
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
        self._register: Register[Person] = Register(
            folder / PEOPLE_FILE,
            lambda data: msgspec.json.decode(data, type=_File).people,
            lambda people: _File(people=people),
        )

    def add(self, name: str, role: str, secret: str) -> Person:
        """A new person. Raises UsageError for a name that is taken or cannot be one, a role, a password."""
        if _NAME.fullmatch(name) is None:
            raise UsageError(
                "usage.argument",
                f"{name[:80]!r} cannot be a name",
                hint="Up to 64 of a-z, 0-9 and . _ @ + -, beginning with a letter or digit.",
            )
        person = Person(name, _role(role), password.hashed(secret, name), stamp(self._clock()), _version())
        with self._register.changing() as people:
            if name in people:
                raise UsageError(
                    "usage.argument",
                    f"there is a person {name} already",
                    hint="`sealtrail person role` and `password` change one.",
                )
            self._record(Change("user_created", name, role_after=role))
            people[name] = person
        return person

    def get(self, name: str) -> Person | None:
        return self._register.get(name)

    def known(self, name: str) -> Person:
        """The person of a name. Raises NotFoundError."""
        return _known(self.get(name), name)

    def list(self) -> tuple[Person, ...]:
        """Everybody, the oldest account first."""
        return self._register.all()

    def set_role(self, name: str, role: str) -> Person:
        """Give another role; who is signed in is signed out."""
        return self._change("privilege_permissions_changed", name, role=_role(role))

    def set_password(self, name: str, secret: str) -> Person:
        """Give another password; who is signed in is signed out."""
        return self._change("authn_password_change", name, password=password.hashed(secret, name))

    def remove(self, name: str) -> Person:
        """Let somebody in no more; who is signed in is signed out. Their acts stay in the record."""
        with self._register.changing() as people:
            person = _known(people.get(name), name)
            self._record(Change("user_deleted", name, role_before=person.role))
            return people.pop(name)

    def check(self, name: str, secret: str) -> Person | None:
        """The person whose password this is. Takes as long where there is no such name."""
        person = self.get(name)
        good = password.matches(secret, password.NOBODYS if person is None else person.password)
        return person if good else None

    def _change(self, action: str, name: str, **new: str) -> Person:
        with self._register.changing() as people:
            before = _known(people.get(name), name)
            person = msgspec.structs.replace(before, **new, version=_version())
            self._record(Change(action, name, before.role, person.role))
            people[name] = person
        return person


def _known(person: Person | None, name: str) -> Person:
    if person is None:
        raise NotFoundError(
            "not-found.person",
            f"there is no person {name[:80]!r}",
            hint="`sealtrail person list` shows them.",
        )
    return person


def _role(role: str) -> str:
    if "read" not in ROLES.get(role, ()):
        able = ", ".join(name for name, rights in ROLES.items() if "read" in rights)
        raise UsageError(
            "usage.argument", f"there is no role {role[:80]!r} for people", hint=f"Roles are {able}."
        )
    return role


def _version() -> str:
    return secrets.token_hex(8)
