"""Alerts: which there are, why each was raised, and what is made of them. Acts are recorded under a name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.respond.alerts import Known
from sealtrail.web.answers import json_answer
from sealtrail.web.bodies import json_body
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, number, text
from sealtrail.web.protocols import Triage
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

MAX_LISTED: Final = 10_000  # alerts of one answer: the table holds no more
MAX_TRIAGE_BYTES: Final = 128 * 1024  # of a body that names alerts: a thousand ids and a reason

ALERT: Final = Parameter("id", "Id of the alert, or the beginning of one.", where="path")
STATES: Final = ("active", "open", "acknowledged", "closed", "all")
LEVELS: Final = ("", "informational", "low", "medium", "high", "critical")


class Made(msgspec.Struct, forbid_unknown_fields=True):
    """Body of an act on one alert. Closing needs a reason."""

    reason: str = ""


class MadeOfMany(msgspec.Struct, forbid_unknown_fields=True):
    """Body of an act on several alerts."""

    act: Literal["ack", "close", "reopen"]
    ids: list[str]
    reason: str = ""


class Listing(msgspec.Struct, frozen=True):
    """Alerts, newest first, and how many there are in each state."""

    alerts: Sequence[Known]
    counts: dict[str, int]


class Outcome(msgspec.Struct, frozen=True):
    """Ids of the alerts that were changed, and of those that were in that state before."""

    changed: list[str]
    unchanged: list[str]


class Alerts:
    """Handlers over the alert book."""

    def __init__(self, triage: Triage, threads: Threads) -> None:
        self._triage = triage
        self._threads = threads

    def routes(self) -> list[Route]:
        return [
            Route(
                "GET",
                "/api/v1/alerts",
                "read",
                self.listed,
                about="The newest alerts, newest first, and how many are in each state.",
                shape=Listing,
                parameters=(
                    Parameter("state", "active is what is not closed.", "active", choices=STATES),
                    Parameter("level", "Only of this Sigma level.", choices=LEVELS),
                    Parameter("rule", "Only of this rule: its id or title."),
                    Parameter("limit", "At most so many.", 100, least=1, most=MAX_LISTED),
                ),
                reads=True,
            ),
            Route(
                "GET",
                "/api/v1/alerts/{id}",
                "read",
                self.shown,
                about="One alert and why it was raised: its rule, and what of it matched in each event.",
                parameters=(ALERT,),
                reads=True,
            ),
            Route(
                "POST",
                "/api/v1/alerts",
                "respond",
                self.many,
                about="Acknowledge, close or reopen several alerts.",
                takes=MadeOfMany,
                shape=Outcome,
            ),
            *(
                Route(
                    "POST",
                    f"/api/v1/alerts/{{id}}/{verb}",
                    "respond",
                    getattr(self, verb),
                    about=about,
                    parameters=(ALERT,),
                    takes=Made,
                    shape=Outcome,
                )
                for verb, about in (
                    ("ack", "Say that somebody looks at an alert."),
                    ("close", "Say that an alert is dealt with, and how."),
                    ("reopen", "Take back an acknowledgement or a close."),
                )
            ),
        ]

    async def listed(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        state = text(request, "state")

        def found() -> Response:
            alerts = self._triage.newest(
                "" if state == "all" else state,
                text(request, "level"),
                text(request, "rule"),
                number(request, "limit"),
            )
            return json_answer(Listing(alerts, self._triage.counts()))

        return await self._threads.run(found)

    async def shown(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - as above
        identity = request.path_params["id"]
        return await self._threads.run(lambda: json_answer(self._triage.why(identity)))

    async def many(self, request: Request, caller: Caller) -> Response:
        made = await json_body(request, MadeOfMany, MAX_TRIAGE_BYTES)
        return await self._act(made.act, made.ids, made.reason, caller)

    async def ack(self, request: Request, caller: Caller) -> Response:
        return await self._one("ack", request, caller)

    async def close(self, request: Request, caller: Caller) -> Response:
        return await self._one("close", request, caller)

    async def reopen(self, request: Request, caller: Caller) -> Response:
        return await self._one("reopen", request, caller)

    async def _one(self, verb: str, request: Request, caller: Caller) -> Response:
        made = await json_body(request, Made)
        return await self._act(verb, [request.path_params["id"]], made.reason, caller)

    async def _act(self, verb: str, ids: list[str], reason: str, caller: Caller) -> Response:
        done = await run_in_threadpool(
            lambda: self._triage.act(verb, ids, by=caller.signature, reason=reason)
        )
        return json_answer(Outcome(done["changed"], done["unchanged"]))
