"""Signing in to the console: by a one-time link, or by name and password. Every attempt is an event.

The console is an application like those it watches: its failed sign-ins are `authn_login_fail` with the
client's address, so the rules that find a brute force elsewhere find one here. What strangers can have
recorded is limited with what they may try: attempts that are refused are counted.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

from sealtrail.accounts.attempts import WINDOW_SECONDS, Attempts, Limit
from sealtrail.accounts.links import VALID_SECONDS, Links
from sealtrail.accounts.people import People
from sealtrail.accounts.sessions import Session, Sessions
from sealtrail.collect.own import LINK, SIGN_OUT
from sealtrail.errors import AccessError, BusyError, NotFoundError
from sealtrail.event import Fields, Receipt
from sealtrail.serve.repeats import Repeats

MAX_NAME: Final = 64  # of what a stranger types; no name is longer

_FAIL: Final = "authn_login_fail"
_SUCCESS: Final = "authn_login_success"
_LOGOUT: Final = "session_logout"

NOT_A_PERSON: Final = "link:"
"""Begins the name of who came by a link for no person. No person's name has a colon."""


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
        self.refusals: Repeats[Limit] = Repeats("refusals", record, self._refusal, WINDOW_SECONDS)

    def sign_in(self, name: str, password: str, address: str) -> tuple[str, Session]:
        """A session and its token.

        Raises AccessError (access.sign-in) without saying what was wrong, BusyError (busy.attempts) after too
        many failures. Takes tenths of a second and 32 MiB: not for an event loop's thread.
        """
        name = name.strip()[: MAX_NAME + 1]
        self._begin(name, address)
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
        """A session and its token, for a link's.

        Raises AccessError (access.link) where it is void, BusyError (busy.attempts) after too many of those.
        """
        link = self._links.use(token)
        if link is None or not self._stands(link.name, link.version):
            # A good one is never refused: it cannot be guessed, and is the way in for who is locked out.
            self._begin(None, address)
            self._say(_FAIL, "", "link", address, "expired")
            raise AccessError(
                "access.link",
                "this link was used, is older than ten minutes, or never was one",
                hint="`sealtrail person link` makes a new one.",
            )
        self._say(_SUCCESS, link.name, "link", address, role=link.role)
        return self._sessions.open(link.name, link.role, link.version)

    def new_link(self, name: str, role: str = "", *, by: str = "") -> str:
        """The token of a one-time link: for a person, or with a `role` for whoever `name` runs the server.

        `by` made it; without, `name` did. It is recorded before there is one. Raises NotFoundError where
        nobody has that name.
        """
        by, version = by or name, ""
        if role:
            name = NOT_A_PERSON + name
        else:
            person = self._people.known(name)
            role, version = person.role, person.version
        self._record(
            {
                "event.action": LINK,
                "event.category": ["authentication"],
                "event.type": ["creation"],
                "user.id": by,
                "sealtrail.target.type": "person",
                "sealtrail.target.id": name,
                "sealtrail.details": {"role": role, "seconds": int(VALID_SECONDS)},
            }
        ).result()
        return self._links.new(name, role, version)

    def who(self, token: str, *, again: bool = False) -> Session | None:
        """Who is signed in with a token; None where nobody is. `again`: the same request asked before."""
        session = self._sessions.find(token, again=again)
        if session is None:
            return None
        if not self._stands(session.name, session.version):
            self._sessions.close(token)  # removed, or with another role or password: sign in again
            return None
        return session

    def end_sessions(self, name: str, by: str) -> int:
        """Sign somebody out everywhere, or without a name everybody; how many sessions ended.

        Links of theirs that were not used yet are void as well. Raises NotFoundError for nobody's name.
        """
        # Ended first: that somebody is shut out must not wait for a disk that is full.
        void, ended = self._links.void(name), self._sessions.end(name)
        if name and not void and not ended and not self._known(name) and not name.startswith(NOT_A_PERSON):
            raise NotFoundError(
                "not-found.person",
                f"there is no person {name[:80]!r}",
                hint="`sealtrail person list` shows them; who came by a link is called link:USER.",
            )
        event: Fields = {
            "event.action": SIGN_OUT,
            "event.category": ["session"],
            "event.type": ["end"],
            "user.id": by,
            "sealtrail.details": {"sessions": len(ended), "links": void},
        }
        if name:
            event |= {"sealtrail.target.type": "person", "sealtrail.target.id": name}
        self._record(event).result()
        return len(ended)

    def sign_out(self, token: str, address: str) -> None:
        """End a session. One that has ended already stays so."""
        session: Session | None = self._sessions.close(token)
        if session is not None:
            self._say(_LOGOUT, session.name, "", address, role=session.role)

    def _begin(self, name: str | None, address: str) -> None:
        """Count an attempt, or raise BusyError."""
        refused = self._attempts.begin(name, address)
        if refused is None:
            return
        first = self.refusals.note(refused.limit)
        if first is not None:
            first.result()
        raise BusyError(
            "busy.attempts",
            "too many failed attempts to sign in",
            retry_after=refused.wait,
            hint="Wait, or ask whoever runs the server for a one-time link: `sealtrail person link`.",
        )

    def _refusal(self, limit: Limit, count: int, repeated: bool) -> Fields:
        address = "" if "/" in limit.address else limit.address  # of a network, nobody in particular
        event = self._attempt(_FAIL, limit.name, "", address, "locked")
        event["sealtrail.details"] = {
            "limit": limit.by,
            "address": limit.address,
            "count": count,
            "repeated": repeated,
        }
        return event

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
        """Record an attempt, durably."""
        self._record(self._attempt(action, name, method, address, reason, role=role)).result()

    def _attempt(
        self, action: str, name: str, method: str, address: str, reason: str = "", *, role: str = ""
    ) -> Fields:
        """An attempt as an event. A name nobody has is left out: people type passwords into that box."""
        event: Fields = {
            "event.action": action,
            "event.category": ["authentication"],
            "event.type": ["end" if action == _LOGOUT else "start"],
            "event.outcome": "failure" if action == _FAIL else "success",
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
        return event
