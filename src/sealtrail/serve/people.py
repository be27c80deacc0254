"""The people of a data folder, for commands and pages: every change of them is an event."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from sealtrail.accounts.keys import NEW, REVOKE
from sealtrail.accounts.people import People
from sealtrail.accounts.register import Change
from sealtrail.errors import UsageError
from sealtrail.event import Fields
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.operating import operate
from sealtrail.serve.recording import record


def people_of(data: Path, *, create: bool = False) -> People:
    """The people; `create` makes the data folder where there is none yet, so that people can come first."""
    folder = Folder(data)
    if create:
        folder.create()
    else:
        folder.check()
    return People(folder.keys, recorder(lambda fields: record(folder, fields), operator()))


def recorder(say: Callable[[Fields], object], by: str, kind: str = "person") -> Callable[[Change], None]:
    """Records changes of persons, or of another kind, in somebody's name.

    `say` returns when an event is durable, or raises.
    """

    def recorded(change: Change) -> None:
        event: Fields = {
            "event.action": change.action,
            "event.category": ["iam"],
            "event.type": [_TYPES[change.action]],
            "user.id": by,
            "sealtrail.target.type": kind,
            "sealtrail.target.id": change.name,
        }
        if change.role_before != change.role_after:
            event["sealtrail.change"] = [
                {"path": "role", "old": change.role_before or None, "new": change.role_after or None}
            ]
        say(event)

    return recorded


_WITHOUT: Final = "links and sessions are good for a running one only"

_TYPES: Final = {
    "user_created": "creation",
    "user_deleted": "deletion",
    "privilege_permissions_changed": "change",
    "authn_password_change": "change",
    NEW: "creation",
    REVOKE: "deletion",
}


def link(data: Path, name: str, role: str = "") -> str:
    """A one-time link of the running server, its whole address: for a person, or for who asks, with a role.

    Without both it is an administrator's. Raises UsageError for both, and where no server runs.
    """
    if name and role:
        raise UsageError(
            "usage.argument",
            f"a link for {name} has the role of {name}",
            hint="Leave --role out; `sealtrail person role` gives somebody another one.",
        )
    by = operator()
    act = {"act": "link", "name": name or by, "role": "" if name else role or "admin", "by": by}
    return str(operate(data, act, without=_WITHOUT)["link"])


def sign_out(data: Path, name: str = "") -> int:
    """End the sessions of somebody, or without a name of everybody; how many.

    Raises UsageError where no server runs, NotFoundError where nobody has the name.
    """
    act = {"act": "sign-out", "name": name, "by": operator()}
    return int(operate(data, act, without=_WITHOUT)["ended"])
