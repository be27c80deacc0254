"""Legal holds: which are in force, and placing and releasing them.

Whoever reads events need not learn of a matter: also the list is for those who may place holds.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import json_answer
from sealtrail.web.bodies import json_body
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Held, Holder
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads


class HoldAsked(msgspec.Struct, forbid_unknown_fields=True):
    """Body of POST /api/v1/holds. `ordered` is who wanted it; what is empty is open."""

    name: str
    reason: str
    query: str = ""
    trail: str = ""
    from_: str = msgspec.field(name="from", default="")
    to: str = ""
    ordered: str = ""


class Holds(msgspec.Struct, frozen=True):
    """Holds in force, then those that were released."""

    holds: Sequence[Held]


class Holding:
    """Handlers over the register of holds."""

    def __init__(self, holder: Holder, threads: Threads) -> None:
        self._holder = holder
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/holds",
                "hold",
                self.listed,
                about="Legal holds in force, then those that were released.",
                shape=Holds,
                reads=True,
            ),
            Route(
                "POST",
                "/api/v1/holds",
                "hold",
                self.place,
                about="Hold events: what retention removes of them is copied with its proofs first.",
                takes=HoldAsked,
                shape=Held,
            ),
            Route(
                "DELETE",
                "/api/v1/holds/{name}",
                "hold",
                self.release,
                about="Release a hold.",
                shape=Held,
                parameters=(
                    Parameter("name", "Name of a hold that is in force.", where="path"),
                    Parameter("reason", "Why it ends; recorded with the act."),
                ),
            ),
        ]

    async def listed(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        return json_answer(Holds(await self._threads.run(self._holder.holds)))

    async def place(self, request: Request, caller: Caller) -> Response:
        asked = await json_body(request, HoldAsked)
        held = await run_in_threadpool(
            lambda: self._holder.hold(
                asked.name,
                asked.reason,
                query=asked.query,
                trail=asked.trail,
                since=asked.from_,
                until=asked.to,
                ordered=asked.ordered,
                by=caller.signature,
            )
        )
        return json_answer(held, 201)

    async def release(self, request: Request, caller: Caller) -> Response:
        name, reason = request.path_params["name"], text(request, "reason")
        return json_answer(
            await run_in_threadpool(lambda: self._holder.release(name, reason, by=caller.signature))
        )
