"""Who may come in: people and keys. What lets somebody in is shown once, in the answer that made it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.accounts.roles import ROLES
from sealtrail.console.forms import read_form
from sealtrail.console.frame import HEADERS, Frame
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.web.answers import Told
from sealtrail.web.caller import Caller
from sealtrail.web.protocols import Accounts
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

KEY_ROLES: Final = tuple(ROLES)
PERSON_ROLES: Final = tuple(role for role, rights in ROLES.items() if "read" in rights)


class Shown(msgspec.Struct, frozen=True):
    """What is shown once: `what` it is, and the secret itself."""

    what: str
    secret: str


class Entered(msgspec.Struct, frozen=True):
    """What was typed of somebody new and could not be meant: all but the password is there again."""

    name: str = ""
    role: str = ""


NOTHING: Final = Entered()


class People:
    """Handlers of the page. A form that cannot be meant comes back with what is wrong."""

    def __init__(self, frame: Frame, accounts: Accounts, threads: Threads) -> None:
        self._frame = frame
        self._accounts = accounts
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route("GET", "/people", "keys", self.page),
            Route("POST", "/people", "keys", self.add),
            Route("POST", "/people/{name}/role", "keys", self.role),
            Route("POST", "/people/{name}/link", "keys", self.link),
            Route("POST", "/people/{name}/sign-out", "keys", self.sign_out),
            Route("POST", "/people/{name}/remove", "keys", self.remove),
            Route("POST", "/keys", "keys", self.new_key),
            Route("POST", "/keys/{name}/revoke", "keys", self.revoke_key),
        ]

    async def page(self, request: Request, caller: Caller) -> Response:
        """GET /people."""
        return await self._show(request, caller)

    async def add(self, request: Request, caller: Caller) -> Response:
        """POST /people: somebody new."""
        form = await read_form(request)
        name, role, password = form.get("name", "").strip(), form.get("role", ""), form.get("password", "")
        entered = Entered(name, role)

        def act() -> None:
            self._accounts.add(caller.signature, name, role, password)

        return await self._do(request, caller, act, entered)

    async def role(self, request: Request, caller: Caller) -> Response:
        """POST /people/NAME/role."""
        role, name = (await read_form(request)).get("role", ""), request.path_params["name"]
        return await self._do(request, caller, lambda: self._accounts.set_role(caller.signature, name, role))

    async def link(self, request: Request, caller: Caller) -> Response:
        """POST /people/NAME/link: a one-time link."""
        name = request.path_params["name"]

        def act() -> Shown:
            link = self._accounts.link(caller.signature, name)
            return Shown(f"This link signs {name} in, once, within ten minutes.", link)

        return await self._do(request, caller, act)

    async def sign_out(self, request: Request, caller: Caller) -> Response:
        """POST /people/NAME/sign-out: end their sessions."""
        name = request.path_params["name"]

        def act() -> None:
            self._accounts.end_sessions(caller.signature, name)

        return await self._do(request, caller, act)

    async def remove(self, request: Request, caller: Caller) -> Response:
        """POST /people/NAME/remove."""
        name = request.path_params["name"]
        return await self._do(request, caller, lambda: self._accounts.remove(caller.signature, name))

    async def new_key(self, request: Request, caller: Caller) -> Response:
        """POST /keys."""
        role = (await read_form(request)).get("role", "")

        def act() -> Shown:
            name, key = self._accounts.new_key(caller.signature, role)
            return Shown(f"This is key {name}. It cannot be shown again.", key)

        return await self._do(request, caller, act)

    async def revoke_key(self, request: Request, caller: Caller) -> Response:
        """POST /keys/ID/revoke."""
        name = request.path_params["name"]
        return await self._do(request, caller, lambda: self._accounts.revoke_key(caller.signature, name))

    async def _do(
        self,
        request: Request,
        caller: Caller,
        act: Callable[[], Shown | None],
        entered: Entered = NOTHING,
    ) -> Response:
        try:
            shown = await self._threads.run(act)
        except (NotFoundError, UsageError) as error:
            return await self._show(request, caller, told=Told.of(error), entered=entered)
        if shown is None:
            return RedirectResponse("/people", 303, HEADERS)
        return await self._show(request, caller, shown=shown)

    async def _show(
        self,
        request: Request,
        caller: Caller,
        *,
        told: Told | None = None,
        shown: Shown | None = None,
        entered: Entered = NOTHING,
    ) -> Response:
        people, keys = await self._threads.run(
            lambda: (self._accounts.all_people(), self._accounts.all_keys())
        )
        return self._frame.show(
            request,
            caller,
            "people.html",
            status=200 if told is None else told.status,
            told=told,
            shown=shown,
            entered=entered,
            people=people,
            good=[key for key in keys if not key.revoked],
            revoked=[key for key in keys if key.revoked],
            person_roles=PERSON_ROLES,
            key_roles=KEY_ROLES,
        )
