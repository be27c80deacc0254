"""Signing in to the console: by a one-time link, or by name and password. Every attempt is an event.

The console is an application like those it watches: its failed sign-ins are `authn_login_fail` with the
client's address, so the rules that find a brute force elsewhere find one here.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from sealtrail.accounts.attempts import Attempts
from sealtrail.accounts.links import Links
from sealtrail.accounts.people import People
from sealtrail.accounts.sessions import Session, Sessions
from sealtrail.errors import AccessError, BusyError
from sealtrail.event import Fields, Receipt

MAX_NAME: Final = 64  # of what a stranger types; no name is longer

_FAIL: Final = "authn_login_fail"
_SUCCESS: Final = "authn_login_success"
_LOGOUT: Final = "session_logout"


class SigningIn:
    """The verbs of the sign-in page. `record` is the pipeline's; an event is on disk before its answer."""

    def __init__(
        self,
        people: People,
        record: Callable[[Fields], Future[Receipt]],
        *,
        sessions: Sessions | None = None,
        links: Links | None = None,
        attempts: Attempts | None = None,
    ) -> None:
        self._people = people
        self._record = record
        self._sessions = sessions or Sessions()
        self._links = links or Links()
        self._attempts = attempts or Attempts()

    def sign_in(self, name: str, password: str, address: str) -> tuple[str, Session]:
        """A session and its token.

        Raises AccessError (access.sign-in) without saying what was wrong, BusyError (busy.attempts) after too
        many failures. Takes tenths of a second and 32 MiB: not for an event loop's thread.
        """
        name = name.strip()[: MAX_NAME + 1]
        try:
            self._attempts.begin(name, address)
        except BusyError:
            self._say(_FAIL, name, "password", address, "locked")
            raise
        person = self._people.check(name, password)
        if person is None:
            self._say(
                _FAIL, name, "password", address, "bad_password" if self._known(name) else "unknown_user"
            )
            raise AccessError(
                "access.sign-in",
                "name and password do not belong together",
                hint="`sealtrail person list` shows who there is, `sealtrail person link` lets you in once.",
            )
        self._say(_SUCCESS, name, "password", address)
        self._attempts.succeeded(name, address)
        return self._sessions.open(person.name, person.role, person.version)

    def use_link(self, token: str, address: str) -> tuple[str, Session]:
        """A session and its token, for a link's. Raises AccessError (access.link) where it is void."""
        link = self._links.use(token)
        if link is None or not self._stands(link.name, link.version):
            self._say(_FAIL, "", "link", address, "expired")
            raise AccessError(
                "access.link",
                "this link was used, is older than ten minutes, or never was one",
                hint="`sealtrail person link` makes a new one.",
            )
        self._say(_SUCCESS, link.name, "link", address, role=link.role)
        return self._sessions.open(link.name, link.role, link.version)

    def new_link(self, name: str, role: str = "") -> str:
        """The token of a one-time link: for a person, or with a `role` for whoever `name` runs the server.

        Raises NotFoundError where nobody has that name.
        """
        if role:
            return self._links.new(name, role)
        person = self._people.known(name)
        return self._links.new(person.name, person.role, person.version)

    def who(self, token: str) -> Session | None:
        """Who is signed in with a token; None where nobody is, any more."""
        session = self._sessions.find(token)
        if session is None:
            return None
        if not self._stands(session.name, session.version):
            self._sessions.close(token)  # removed, or with another role or password: sign in again
            return None
        return session

    def sign_out(self, token: str, address: str) -> None:
        """End a session. One that has ended already stays so."""
        session: Session | None = self._sessions.close(token)
        if session is not None:
            self._say(_LOGOUT, session.name, "", address, role=session.role)

    def _known(self, name: str) -> bool:
        return self._people.get(name) is not None

    def _stands(self, name: str, version: str) -> bool:
        """Whether the person is as they were; whoever came by a link for no person has nothing to change."""
        if not version:
            return True
        person = self._people.get(name)
        return person is not None and person.version == version

    def _say(
        self, action: str, name: str, method: str, address: str, reason: str = "", *, role: str = ""
    ) -> None:
        """Record an attempt, durably. A name nobody has is left out: people type passwords into that box."""
        ended = action == _LOGOUT
        failed = action == _FAIL
        event: Fields = {
            "event.action": action,
            "event.category": ["authentication"],
            "event.type": ["end" if ended else "start"],
            "event.outcome": "failure" if failed else "success",
            "sealtrail.kind": "authentication",
        }
        if role or self._known(name):
            event["user.id"] = name
        if role:
            event["user.roles"] = [role]
        if method:
            event["sealtrail.auth.method"] = method
        if address:
            event["client.ip"] = address
        if reason:
            event["event.reason"] = reason
        self._record(event).result()
