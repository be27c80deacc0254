from __future__ import annotations

import asyncio
from pathlib import Path

import httpx
import pytest
from starlette.responses import HTMLResponse, Response

from sealtrail.accounts.keys import Keys
from sealtrail.errors import LedgerError, QueryError, UsageError
from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Doorkeeper
from sealtrail.web.routes import Lasting, Route, application


async def told(request, caller):
    return json_answer({"caller": caller.source, "given": dict(request.path_params)})


async def refuses(request, caller):
    raise QueryError("query.syntax", "not this", hint="That.")


async def breaks(request, caller):
    raise RuntimeError("insides")


async def ill(request, caller):
    raise UsageError("usage.format", "a file in /var/lib/seal cannot be read")


ROUTES = [
    Route("GET", "/open", "public", told),
    Route("GET", "/api/things", "read", told),
    Route("POST", "/api/things", "respond", told),
    Route("DELETE", "/api/things", "respond", told),
    Route("GET", "/api/things/{name}", "read", told),
    Route("GET", "/refuses", "public", refuses),
    Route("GET", "/breaks", "public", breaks),
    Route("GET", "/ill", "public", ill),
    Route("GET", "/stream", "read", told, streams=True),
]


@pytest.fixture
def ask(tmp_path: Path):
    keys = Keys(tmp_path / "keys")
    texts = {role: keys.new(role)[1] for role in ("viewer", "analyst")}

    def asked(method, path, role=None, accept="*/*", page=None):
        async def once() -> httpx.Response:
            app = application(ROUTES, Doorkeeper(keys), page=page)
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
                headers = {"Accept": accept} | ({"X-Api-Key": texts[role]} if role else {})
                return await client.request(method, path, headers=headers)

        return asyncio.run(once())

    return asked


def test_a_route_without_a_need_cannot_be_made():
    with pytest.raises(TypeError):
        Route("GET", "/x", handle=told)  # type: ignore[call-arg]


def test_the_same_method_of_a_path_twice_is_a_mistake_that_is_told_at_once(tmp_path):
    with pytest.raises(ValueError, match="GET /open is in the table twice"):
        application([*ROUTES, ROUTES[0]], Doorkeeper(Keys(tmp_path)))


def test_each_method_of_a_path_has_a_need_of_its_own(ask):
    assert ask("GET", "/api/things", "viewer").status_code == 200
    assert ask("HEAD", "/api/things", "viewer").status_code == 200
    assert ask("HEAD", "/api/things").status_code == 401
    assert ask("POST", "/api/things", "viewer").status_code == 403
    assert ask("POST", "/api/things", "analyst").status_code == 200
    assert ask("GET", "/open").json() == {"caller": ":", "given": {}}
    assert ask("GET", "/api/things/a%2Fb", "viewer").status_code == 404
    assert ask("GET", "/api/things/ab", "viewer").json()["given"] == {"name": "ab"}


def test_a_wrong_method_is_told_every_right_one(ask):
    answer = ask("PUT", "/api/things", "analyst")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "http.405")
    assert {part.strip() for part in answer.headers["Allow"].split(",")} == {"GET", "HEAD", "POST", "DELETE"}


def test_refusals_and_faults_are_json_without_insides(ask):
    assert ask("GET", "/refuses").json()["error"] == {
        "code": "query.syntax",
        "message": "not this",
        "hint": "That.",
    }
    assert ask("GET", "/nowhere").json()["error"]["code"] == "http.404"
    broken = ask("GET", "/breaks")
    assert (broken.status_code, broken.json()["error"]["code"]) == (500, "http.500")
    assert "insides" not in broken.text


def test_a_browser_is_shown_a_page_and_a_program_never_is(ask):
    def page(request, told):
        return HTMLResponse(f"<p>{told.code}", told.status) if told.status != 404 else None

    def shown(path, accept="text/html,*/*"):
        return ask("GET", path, accept=accept, page=page)

    assert (shown("/refuses").text, shown("/refuses").status_code) == ("<p>query.syntax", 400)
    assert shown("/breaks").text == "<p>http.500"
    assert shown("/refuses", "application/json").json()["error"]["code"] == "query.syntax"
    assert shown("/api/things").json()["error"]["code"] == "access.missing"
    assert shown("/nowhere").json()["error"]["code"] == "http.404"


def test_what_is_wrong_with_the_house_is_logged_and_not_told(ask, caplog):
    answer = ask("GET", "/ill")
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "usage.format")
    assert "/var/lib/seal" not in answer.text
    assert "/var/lib/seal" in caplog.text


def test_there_is_no_head_of_a_stream_for_it_would_do_all_the_work(ask):
    answer = ask("HEAD", "/stream", "viewer")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET")
    assert ask("HEAD", "/stream").status_code == 401


def test_an_answer_that_is_never_sent_holds_nothing(tmp_path):
    class Held(Response, Lasting):
        abandoned = False

        def abandon(self):
            self.abandoned = True

    held = Held()

    async def given(request, caller):
        return held

    async def noted(request, caller, route):
        raise LedgerError("ledger.io", "the disk is gone")

    async def once() -> httpx.Response:
        routes = [Route("GET", "/", "public", given, reads=True)]
        app = application(routes, Doorkeeper(Keys(tmp_path)), noted=noted)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://t") as client:
            return await client.get("/")

    assert asyncio.run(once()).status_code == 503
    assert held.abandoned
