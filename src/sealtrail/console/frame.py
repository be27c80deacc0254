"""The frame around every page: templates, headers, what the caller may reach, and how a refusal looks.

What events say is shown all day, and attackers wrote half of it. So templates escape everything, the policy
below lets no script run that is not a file of ours, and there is no inline style or script anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sealtrail.accounts.roles import Right
from sealtrail.console.assets import Assets
from sealtrail.console.refine import differs, equals, exists, renamed, term
from sealtrail.web.answers import Told
from sealtrail.web.caller import NOBODY, Caller, Sessions
from sealtrail.web.cells import act, safe

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Content-Security-Policy": POLICY,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: forms would come with `Origin: null`, and could not be told from another site's.
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    }
)

TEMPLATES: Final = Path(__file__).parent / "templates"


class Place(msgspec.Struct, frozen=True):
    """A line of the navigation: shown to whoever has the right to go there."""

    title: str
    path: str
    need: Right


PLACES: Final = (
    Place("Overview", "/overview", "read"),
    Place("Search", "/search", "read"),
    Place("Live", "/live", "read"),
    Place("Alerts", "/alerts", "read"),
    Place("Blocks", "/blocks", "read"),
    Place("Audit trail", "/audit", "read"),
    Place("Integrity", "/integrity", "read"),
    Place("Reviews", "/reviews", "read"),
    Place("Reports", "/reports", "export"),
    Place("People and keys", "/people", "keys"),
)


class Frame:
    """Makes pages, all from one environment. `who` finds the reader of what no route was found for."""

    def __init__(
        self, assets: Assets, who: Sessions = lambda _: None, places: Sequence[Place] = PLACES
    ) -> None:
        self._who = who
        self._places = places
        self._environment = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals.update(
            asset=assets.url,
            address=address,
            term=term,
            equals=equals,
            differs=differs,
            exists=exists,
            renamed=renamed,
            act=act,
        )
        self._environment.filters.update(safe=safe, number=number, moment=moment, lines=lines)

    def show(
        self,
        request: Request,
        caller: Caller,
        template: str,
        *,
        status: int = 200,
        headers: Mapping[str, str] = MappingProxyType({}),
        **values: Any,
    ) -> Response:
        """A page. `values` are what the template names; one that it names and is not given is an error."""
        text = self._environment.get_template(template).render(
            caller=caller,
            places=[place for place in self._places if caller.may(place.need)],
            here=request.url.path,
            now=datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S"),
            **values,
        )
        return Response(text, status, {**HEADERS, **headers}, media_type="text/html")

    def refusal(self, request: Request, told: Told) -> Response:
        """A refusal as a page; without a session the way leads to the sign-in, and from there back."""
        if told.code == "access.missing" and request.method == "GET":
            target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            back = "" if target in {"/", "/overview"} else "?" + urlencode({"next": target})
            return RedirectResponse(f"/sign-in{back}", 303, HEADERS)
        headers = {name: value for name, value in told.headers.items() if name != "WWW-Authenticate"}
        caller = getattr(request.state, "caller", None) or self._who(request) or NOBODY
        return self.show(request, caller, "refusal.html", status=told.status, headers=headers, told=told)


def address(path: str, **parameters: Any) -> str:
    """A path with its query string; what is empty is left out."""
    kept = {name: str(value) for name, value in parameters.items() if value not in {"", None}}
    return quote(path) + ("?" + urlencode(kept) if kept else "")


def number(value: int) -> str:
    """1234567 as `1,234,567`."""
    return f"{value:,}"


def lines(text: str) -> str:
    """A text of several lines, each safe."""
    return "\n".join(safe(line) for line in text.split("\n"))


def moment(text: Any, *, date: bool = True) -> str:
    """An RFC 3339 time in UTC to the millisecond, as people read it; what is none stays as it is."""
    if not isinstance(text, str) or len(text) < 20 or not text.endswith("Z"):
        return safe(text)
    day, _, clock = text[:-1].partition("T")
    return f"{day} {clock[:12]}" if date else clock[:12]
