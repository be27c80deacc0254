"""The alert screens: what is open, why it was raised, what was done about it, and the hand to do it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.console.forms import read_form
from sealtrail.console.frame import HEADERS, Frame, address
from sealtrail.console.marking import marked
from sealtrail.errors import UsageError
from sealtrail.web.alerts import ALERT, LEVELS, STATES
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter, text
from sealtrail.web.protocols import Blocker, Triage
from sealtrail.web.routes import Route
from sealtrail.web.threads import Threads

SHOWN: Final = 200  # alerts of one page: what can be ticked at once
EVENTS: Final = 20  # events of an alert that are shown, the newest; the API has all

VERBS: Final = {"ack": "acknowledged", "close": "closed", "reopen": "reopened"}

# Fields that say who it was, in the order in which one looks: each leads to all there is of them.
_WHO: Final = ("client.ip", "user.id", "user.name", "user.hash", "sealtrail.session.hash", "http.request.id")


class AlertPages:
    """Handlers over the alert book and the blocks."""

    def __init__(self, frame: Frame, triage: Triage, blocker: Blocker, threads: Threads) -> None:
        self._frame = frame
        self._triage = triage
        self._blocker = blocker
        self._threads = threads

    def routes(self) -> list[Route]:
        said = Parameter("said", "What was just done.", choices=("", *VERBS.values()))
        return [
            Route(
                "GET",
                "/alerts",
                "read",
                self.listed,
                parameters=(
                    Parameter("state", "active is what is not closed.", "active", choices=STATES),
                    Parameter("level", "Only of this level.", choices=LEVELS),
                    Parameter("rule", "Only of this rule: its id or title."),
                    said,
                    Parameter("n", "How many were changed.", 0, most=10_000),
                ),
                reads=True,
            ),
            Route("POST", "/alerts", "respond", self.act),
            Route("GET", "/alerts/{id}", "read", self.shown, parameters=(ALERT, said), reads=True),
        ]

    async def listed(self, request: Request, caller: Caller) -> Response:
        """GET /alerts."""
        state, level, rule = text(request, "state"), text(request, "level"), text(request, "rule")
        asked = "" if state == "all" else state

        def found() -> dict[str, Any]:
            # One more than is shown says whether there are more.
            alerts = self._triage.newest(asked, level, rule, SHOWN + 1)
            return {"alerts": alerts[:SHOWN], "more": len(alerts) > SHOWN, "counts": self._triage.counts()}

        values = await self._threads.run(found)
        return self._frame.show(
            request,
            caller,
            "alerts.html",
            state=state,
            level=level,
            rule=rule,
            states=STATES,
            levels=LEVELS,
            said=text(request, "said"),
            changed=request.state.given.get("n", 0),
            back=address("/alerts", state=state, level=level, rule=rule),
            **values,
        )

    async def shown(self, request: Request, caller: Caller) -> Response:
        """GET /alerts/{id}."""
        identity = request.path_params["id"]

        def found() -> dict[str, Any]:
            why = self._triage.why(identity)
            return {"why": why, "refused": {block.address for block in self._blocker.blocks()}}

        values = await self._threads.run(found)
        why = values["why"]
        return self._frame.show(
            request,
            caller,
            "alert.html",
            alert=why.alert,
            events=list(reversed(why.events[-EVENTS:])),
            earlier=max(0, len(why.events) - EVENTS),
            who=_who(why),
            target=_target(why, values["refused"]),
            said=text(request, "said"),
            marked=marked,
            **values,
        )

    async def act(self, request: Request, caller: Caller) -> Response:
        """POST /alerts: acknowledge, close or reopen those that are ticked; then back to where one was."""
        form = await read_form(request)
        verb, reason, ids = form.get("act", ""), form.get("reason", ""), form.every("id")
        if verb not in VERBS:
            raise UsageError("usage.argument", "the form does not say what to do")
        if not ids:
            raise UsageError("usage.argument", "no alert was ticked", hint="Go back and tick some.")
        done = await self._threads.run(
            lambda: self._triage.act(verb, ids, by=caller.signature, reason=reason)
        )
        if form.get("back") == "one" and len(ids) == 1:
            return RedirectResponse(address(f"/alerts/{ids[0]}", said=VERBS[verb]), 303, HEADERS)
        kept = {name: form.get(name, "") for name in ("state", "level", "rule")}
        more = {"said": VERBS[verb], "n": len(done["changed"])}
        return RedirectResponse(address("/alerts", **kept, **more), 303, HEADERS)


def _who(why: Any) -> list[tuple[str, str]]:
    """Fields and values that lead to all there is of whoever it was: of the key, then of the newest event."""
    found = dict(why.alert.key)
    newest = why.events[-1].fields if why.events else {}
    for name in _WHO:
        value = newest.get(name)
        if isinstance(value, str) and value:
            found.setdefault(name, value)
    return [(name, value) for name, value in found.items() if value]


def _target(why: Any, refused: set[str]) -> tuple[str, bool]:
    """The address that could be blocked, and whether it is; empty where the alert names none."""
    found = dict(_who(why)).get("client.ip", "")
    blocked = next((one.address for one in why.alert.blocks if one.address in refused), "")
    return (blocked, True) if blocked else (found, found in refused)
