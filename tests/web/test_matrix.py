"""Every route of the server as it runs x every role and nobody: who is let in is decided here, or this fails.

A new route needs a line in NEEDS. That line is the decision; the route table has to agree with it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import httpx
import pytest

from sealtrail.accounts.roles import ROLES
from sealtrail.serve.access import keys_of
from sealtrail.web.routes import Route

Serving = Callable[..., AbstractContextManager[Any]]

NEEDS = {
    "POST /api/v1/events": "send",
    "GET /api/v1/search": "read",
    "GET /api/v1/count": "read",
    "GET /api/v1/histogram": "read",
    "GET /api/v1/facets": "read",
    "GET /api/v1/fields": "read",
    "GET /api/v1/tail": "read",
    "POST /api/v1/sql": "export",
    "GET /api/v1/events/{trail}/{index}": "read",
    "GET /api/v1/proof/{trail}/{index}": "prove",
    "GET /api/v1/consistency/{trail}": "prove",
    "GET /api/v1/integrity": "read",
    "GET /api/v1/export": "export",
    "GET /api/v1/blocks": "enforce",
    "POST /api/v1/blocks": "respond",
    "DELETE /api/v1/blocks/{address:path}": "respond",
    "GET /api/v1/alerts": "read",
    "GET /api/v1/alerts/{id}": "read",
    "POST /api/v1/alerts": "respond",
    "POST /api/v1/alerts/{id}/ack": "respond",
    "POST /api/v1/alerts/{id}/close": "respond",
    "POST /api/v1/alerts/{id}/reopen": "respond",
    "GET /api/v1/frameworks": "read",
    "GET /api/v1/reports/{framework}": "export",
    "GET /api/v1/reviews": "read",
    "POST /api/v1/reviews": "review",
    "GET /api/v1/retention": "read",
    "GET /api/v1/holds": "hold",
    "POST /api/v1/holds": "hold",
    "DELETE /api/v1/holds/{name}": "hold",
    "GET /trails/{trail}/checkpoint": "witness",
    "GET /trails/{trail}/vkey": "witness",
    "GET /trails/{trail}/handovers": "witness",
    "GET /trails/{trail}/tile/entries/{number:path}": "read",
    "GET /trails/{trail}/tile/{level}/{number:path}": "witness",
    "GET /api/openapi.json": "known",
    "GET /reports": "export",
    "POST /reports": "export",
    "GET /reports/{name}": "export",
    "GET /reports/{name}/zip": "export",
    "GET /reports/{name}/files/{path:path}": "export",
    "GET /reviews": "read",
    "POST /reviews": "review",
    "GET /healthz": "public",
    "GET /": "known",
    "GET /static/{name}": "public",
    "GET /sign-in": "public",
    "POST /sign-in": "public",
    "POST /sign-out": "known",
    "GET /overview": "read",
    "GET /alerts": "read",
    "POST /alerts": "respond",
    "GET /alerts/{id}": "read",
    "GET /blocks": "read",
    "POST /blocks": "respond",
    "POST /blocks/undo": "respond",
    "GET /live": "read",
    "GET /search": "read",
    "GET /events/{trail}/{index}": "read",
    "GET /events/{trail}/{index}/entry": "read",
    "GET /audit": "read",
    "GET /integrity": "read",
    "POST /integrity": "prove",
    "GET /people": "keys",
    "POST /people": "keys",
    "POST /people/{name}/role": "keys",
    "POST /people/{name}/link": "keys",
    "POST /people/{name}/sign-out": "keys",
    "POST /people/{name}/remove": "keys",
    "POST /keys": "keys",
    "POST /keys/{name}/revoke": "keys",
    "GET /readyz": "read",
    "GET /metrics": "read",
}

FILLED = {"trail": "audit", "index": "0", "level": "0", "number": "000.p/1", "address": "203.0.113.77"}


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with serving(tmp_path_factory.mktemp("matrix") / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        yield made


@pytest.fixture(scope="module")
def table(server: Any) -> tuple[Route, ...]:
    routes: tuple[Route, ...] = server.served._server.config.app.state.table
    return routes


def knock(server: Any, route: Route, headers: dict[str, str]) -> httpx.Response:
    """Ask, and read no further than the head of the answer: a tail has no end."""
    path = re.sub(r"\{(\w+)(?::\w+)?\}", lambda match: FILLED.get(match[1], "nothing-there"), route.path)
    # As a page of ours would: whether another site may is tested where the browser's session is.
    headers = {"Sec-Fetch-Site": "same-origin", **headers}
    with server.http.stream(route.method, path, headers=headers) as answer:
        return answer


def refused(answer: httpx.Response) -> int:
    """401 or 403 where the door was shut, 0 where it was open, whatever came then."""
    return answer.status_code if answer.status_code in {401, 403} else 0


def test_every_route_of_the_server_was_decided_upon(table):
    assert {f"{route.method} {route.path}": route.need for route in table} == NEEDS


def test_each_role_gets_through_the_doors_that_its_rights_open_and_no_other(server, table):
    wrong = []
    for route in table:
        for role, rights in ROLES.items():
            may = route.need in {"public", "known"} or route.need in rights
            found = refused(knock(server, route, server.as_(role)))
            if found != (0 if may else 403):
                wrong.append((route.method, route.path, role, found))
    assert not wrong


def session(server: Any, role: str) -> dict[str, str]:
    """The cookie of somebody who has just signed in."""
    desk = server.served.collector.signing_in
    token, _ = desk.use_link(desk.new_link("ann", role), "127.0.0.1")
    return {"Cookie": f"sealtrail-session={token}"}


def test_a_person_who_is_signed_in_may_what_a_key_of_the_role_may(server, table):
    wrong = []
    for route in table:
        for role, rights in ROLES.items():
            may = route.need in {"public", "known"} or route.need in rights
            found = refused(knock(server, route, session(server, role)))
            if found != (0 if may else 403):
                wrong.append((route.method, route.path, role, found))
    assert not wrong


def test_no_page_of_another_site_acts_with_a_browser_that_is_signed_in(server, table):
    acts = [route for route in table if route.method != "GET"]
    assert len(acts) > 8
    wrong = [
        (route.method, route.path, site)
        for route in acts
        for site in ("cross-site", "same-site", "none")
        if refused(knock(server, route, {**session(server, "admin"), "Sec-Fetch-Site": site})) != 403
    ]
    assert not wrong


def test_who_has_no_key_or_a_bad_one_gets_through_none_but_the_public_ones(server, table):
    name, revoked = keys_of(server.data).new("admin")
    keys_of(server.data).revoke(name)
    bad = {
        401: [{}, {"Cookie": "session=guessed"}],
        403: [
            {"Authorization": f"Bearer {revoked}"},
            {"X-Api-Key": revoked},
            {"Authorization": f"Bearer {server.keys['admin'][:-1]}"},
            {"Authorization": "Bearer"},
            {"Authorization": "Digest x"},
        ],
    }
    wrong = []
    for route in table:
        for status, many in bad.items():
            for headers in many:
                found = refused(knock(server, route, headers))
                if found != (0 if route.need == "public" else status):
                    wrong.append((route.method, route.path, headers, found))
    assert not wrong


def test_no_other_method_of_a_path_is_open(server, table):
    paths = {route.path for route in table}
    for path in sorted(paths):
        methods = {route.method for route in table if route.path == path}
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - methods:
            answer = knock(server, Route(method, path, "public", None), server.as_("admin"))  # type: ignore[arg-type]
            # Another route may take it: POST /alerts/x is not there, GET /blocks/ADDRESS is not either.
            assert answer.status_code in {404, 405}, (method, path)
