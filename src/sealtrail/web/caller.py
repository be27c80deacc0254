"""Who is asking: a key, or a person whose browser is signed in. One answer for every door.

A key that is presented decides alone. Only a request without one is asked for its session: a wrong key beside
a good cookie is a mix-up that should be noticed, not a way in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal
from urllib.parse import urlsplit

import msgspec
from starlette.requests import Request

from sealtrail.accounts.keys import Keys, presented
from sealtrail.accounts.roles import ROLES, Right
from sealtrail.errors import AccessError

Need = Right | Literal["known", "public"]
"""What a route asks for: a right; `known`, any good key or signed-in person; `public`, nothing at all."""

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class Caller(msgspec.Struct, frozen=True):
    """Who asks. `name` is a key's id or a person's name; `came` says which of the two."""

    name: str
    role: str
    came: Literal["key", "session", ""]

    @property
    def source(self) -> str:
        """How events and records name the caller: `key:ID` or `session:NAME`."""
        return f"{self.came}:{self.name}"

    @property
    def signature(self) -> str:
        """How an act is signed: a person by name, a key as `key:ID`."""
        return self.name if self.came == "session" else self.source

    @property
    def rights(self) -> frozenset[Right]:
        return ROLES.get(self.role, frozenset())

    def may(self, right: Right) -> bool:
        return right in self.rights


NOBODY: Final = Caller("", "", "")
"""Who asks a public route: it does not look, so that a wrong key cannot make it fail."""

Sessions = Callable[[Request], Caller | None]
"""Finds the signed-in person of a request that carries no key; None where there is none."""


class Doorkeeper:
    """Decides for one request. `sessions` is asked where no key is presented."""

    def __init__(self, keys: Keys, sessions: Sessions | None = None) -> None:
        self._keys = keys
        self._sessions = sessions

    def admit(self, request: Request, need: Need) -> Caller:
        """The caller, where what they are allowed covers `need`; else AccessError."""
        if need == "public":
            return NOBODY
        caller = self._who(request)
        if need != "known" and not caller.may(need):
            able = ", ".join(role for role, rights in ROLES.items() if need in rights)
            what = "key" if caller.came == "key" else "person"
            raise AccessError(
                "access.denied",
                f"a {what} of role {caller.role} may not do this",
                hint=f"Roles that may: {able}.",
            )
        return caller

    def _who(self, request: Request) -> Caller:
        text = presented(dict(request.headers))
        person = self._sessions(request) if text is None and self._sessions is not None else None
        if person is None:
            key = self._keys.verify(text)
            return Caller(key.id, key.role, "key")
        # A browser sends its cookie whoever wrote the page. Acts must come from our own.
        if request.method not in SAFE:
            require_same_origin(request)
        return person


def client_of(request: Request) -> str:
    """The address a request came from, behind trusted proxies the one they name; empty where none is."""
    return request.client.host if request.client is not None else ""


def require_same_origin(request: Request) -> None:
    """Raise AccessError unless the browser says that one of our own pages sent this.

    Sec-Fetch-Site is what no page can set; browsers leave it out over plain http to another machine, and then
    Origin has to name the host that was asked. A request with neither comes from no browser of today.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = urlsplit(request.headers.get("origin", ""))
        own = origin.netloc != "" and origin.netloc == request.headers.get("host")
    else:
        own = site == "same-origin"
    if not own:
        raise AccessError(
            "access.origin",
            "this was sent by a page of another site",
            hint="Do it from Sealtrail's own page, or with a key in place of the browser's session.",
        )
