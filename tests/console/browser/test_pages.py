"""Every page, over a record full of what attackers write: nothing of it runs, and everybody can read it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from sealtrail.errors import SealtrailError
from sealtrail.event.fields import COLLECTOR_KEYS, FIELDS
from sealtrail.serve.people import people_of
from sealtrail.web.cells import _CONTROL as CONTROL
from sealtrail.web.routes import Route

Serving = Callable[..., AbstractContextManager[Any]]

SAME = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
HOSTILE = {
    "script": "<script>__ran = 'script'</script><hostile-tag>",
    "handler": "\"'><img data-hostile src=x onerror=\"__ran='img'\"><svg data-hostile onload=__ran='svg'>",
    "frame": "<iframe data-hostile srcdoc=\"<script>parent.__ran='frame'</script>\"></iframe>",
    "address": "javascript:__ran='address'",
    "data": "data:text/html,<script>opener.__ran='data'</script>",
    "template": "{{1337*1338}}{% raise %}${1337*1338}#{1337*1338}<%= 1337*1338 %>[[1337*1338]]",
    "closing": "--></title></textarea></style></script></svg></noscript><hostile-tag data-hostile>",
    "style": "}</style>\"'><p data-hostile style='position:fixed'>*{display:none}@import url(//f.example/x)",
    "bidi": "\u202egpj.exe\u2066\u200b\ufeff\u2028__ran=1\u2029",
    "ansi": "\x1b[31mred\x1b[2J\x1b]8;;https://foreign.example\x07here\x9b2K\r\n\t",
    "nul": "before\x00after\x08\x7f",
    "astral": "\U000e0001\U0010ffff\ufffe\u0300\u0489" * 8,
    "entity": "&lt;script&gt;&#60;hostile-tag&#62;&amp;",
    "word": "W" * 300,
    "spread": "=cmd|' /C calc'!A0",
}
LONG = "<hostile-tag data-hostile>" * 2300  # about 60 KB: as much as an entry holds
# What a door or the record itself decides, and what would make another event of it.
KEPT = {"@timestamp", "event.id", "event.kind", "sealtrail.kind", "sealtrail.emitter", "event.category"}
ATTACKER = "203.0.113.77"


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def everywhere(text: str) -> dict[str, Any]:
    """An event that says `text` in every field that takes text."""
    names = [name for name in FIELDS if name not in KEPT and name not in COLLECTOR_KEYS]
    said: dict[str, Any] = {name: text for name in names if FIELDS[name].type in {"keyword", "text", "ip"}}
    said |= {name: [text, text] for name in names if FIELDS[name].type == "keywords"}
    return {**said, "@timestamp": now(), "sealtrail.details": {text[:99]: text}, f"labels.{text[:99]}": text}


def stored(server: Any) -> None:
    """Everything hostile, through the doors that anybody has."""
    for text in HOSTILE.values():
        for kind in ("request", "authentication", "audit"):
            answer = server.send({**everywhere(text), "sealtrail.kind": kind})
            assert answer.json()["accepted"] == 1, (text, answer.text)
        answer = server.send(
            {
                **everywhere(text),
                "sealtrail.kind": "authentication",
                "event.action": "authn_login_fail",
                "event.outcome": "failure",
                "sealtrail.change": [{"path": text, "old": text, "new": text}],
            }
        )
        assert answer.json()["accepted"] == 1, (text, answer.text)
    assert server.send({"@timestamp": now(), "event.action": "long", "message": LONG}).json()["accepted"] == 1
    escape = (
        b'{"@timestamp": "%s", "event.action": "half.a.pair", "user.id": "\\ud800", "message": "\\udfff"}'
    )
    server.http.post("/api/v1/events", content=escape % now().encode(), headers=server.as_("ingest"))


def attacked(server: Any) -> str:
    """Attacks whose every part is hostile to whoever reads the alert; its id."""
    for number, text in enumerate(HOSTILE.values()):
        made = {**everywhere(text), "sealtrail.kind": "request", "client.ip": ATTACKER}
        made |= {"url.query": f"q=1' UNION SELECT {text} FROM information_schema.tables--", "url.path": "/"}
        assert server.send({**made, "user.id": f"{number}{text}"}).json()["accepted"] == 1
    assert server.served.collector.settle()
    alerts = server.get("/api/v1/alerts").json()["alerts"]
    assert alerts
    return str(alerts[0]["id"])


@pytest.fixture(scope="module")
def world(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server whose record, alerts, blocks, reviews and reports attackers wrote. `facts` fills VISITS."""
    data = tmp_path_factory.mktemp("pages") / "data"
    with serving(data, "[ledger]\ncheckpoint-seconds = 0.05\n") as made:
        stored(made)
        alert = attacked(made)
        for number, (name, text) in enumerate(HOSTILE.items()):
            body = {"address": f"203.0.113.{number + 1}", "reason": text, "for": "1h"}
            answer = made.http.post("/api/v1/blocks", json=body, headers=made.as_("analyst"))
            assert answer.status_code in {201, 400}, (name, answer.text)
        for verb, text in (("ack", "closing"), ("close", "handler"), ("reopen", "bidi")):
            made.http.post(
                f"/api/v1/alerts/{alert}/{verb}", json={"reason": HOSTILE[text]}, headers=made.as_("analyst")
            )
        note = {"day": str(datetime.now(UTC).date()), "note": HOSTILE["script"] + HOSTILE["bidi"]}
        signed = made.http.post("/api/v1/reviews", json=note, headers=made.as_("auditor"))
        assert signed.status_code == 201, signed.text
        assert made.served.collector.settle()
        made.facts = {"alert": alert, "report": reported(made), **addressed(made)}
        yield made


def reported(server: Any) -> str:
    """The name of a report for an entity that is called as no entity is."""
    desk = server.served.collector.signing_in
    token, _ = desk.use_link(desk.new_link("aud", "auditor"), "127.0.0.1")
    today = str(datetime.now(UTC).date())
    asked = {"framework": "pci-dss-4.0.1", "from": today, "to": today, "entity": HOSTILE["script"]}
    cookies = {"sealtrail-session": token}
    answer = httpx.post(f"{server.url}/reports", data=asked, headers=SAME, cookies=cookies, timeout=60)
    assert answer.status_code == 303, answer.text
    return answer.headers["location"].removeprefix("/reports/")


def addressed(server: Any) -> dict[str, str]:
    """Where two events are: one that says a script in every field, and a long one."""
    listed = server.get("/api/v1/search", limit="200").json()["events"]
    actions = {"event": HOSTILE["script"], "long": "long"}
    found = {name: next(one for one in listed if one["event.action"] == actions[name]) for name in actions}
    return {name: f"{one['sealtrail.trail']}/{one['sealtrail.index']}" for name, one in found.items()}


def test_every_page_of_the_route_table_is_visited(console, pages_of, visits):
    assert pages_of(console) == visits


@pytest.fixture
def given(world: Any, is_page: Callable[[Route], bool]) -> list[tuple[str, str]]:
    """(path, parameter) of every page: those that the route table names, and the sign-in's own."""
    pages = [route for route in world.served._server.config.app.state.table if is_page(route)]
    named = [(page.path, one.name) for page in pages for one in page.parameters if one.where == "query"]
    return [
        *((path, name) for path, name in named if "{" not in path),
        ("/sign-in", "next"),
        ("/sign-in", "link"),
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_within_the_guidelines(visit, world, address, scheme):
    visitor = visit(world, color_scheme=scheme)
    visitor.sign_in().go(address.format(**world.facts))
    assert visitor.axe() == []


# What a page holds that ours never do, whatever it shows.
INVADED = """() => [
  ...document.querySelectorAll("hostile-tag, [data-hostile], iframe, object, embed, base, script:not([src])"),
  ...document.querySelectorAll("meta[http-equiv=refresh]"),
  ...[...document.querySelectorAll("*")].filter((e) =>
    [...e.attributes].some((a) => /^(on|style$)/.test(a.name))),
  ...[...document.querySelectorAll("[href], [action], [formaction]")].filter((e) =>
    [e.getAttribute("href"), e.getAttribute("action"), e.getAttribute("formaction")].some((to) =>
      to !== null && new URL(to, location).origin !== location.origin)),
].map((e) => e.outerHTML.slice(0, 200))"""
SHOWN = """() => document.documentElement.textContent + [...document.querySelectorAll("*")].flatMap((e) =>
  [...e.attributes].filter((a) => /^(title|aria-|alt|place)/.test(a.name)).map((a) => a.value)).join("|")"""


def test_no_string_that_it_shows_runs_or_becomes_a_part_of_it(visit, world, address):
    page = visit(world, viewport={"width": 390, "height": 844}).sign_in().go(address.format(**world.facts))
    assert page.evaluate(INVADED) == []
    shown = page.evaluate(SHOWN)
    assert "1788906" not in shown  # 1337 * 1338: no template of an event was worked out
    assert not [hex(ord(found)) for found in CONTROL.findall(shown) if found != "\n"]
    assert page.evaluate("document.head.querySelectorAll('title').length") == 1


def test_it_fits_a_telephone(visit, world, address):
    page = visit(world, viewport={"width": 390, "height": 844}).sign_in().go(address.format(**world.facts))
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("name", ["script", "handler", "closing", "template", "bidi", "nul"])
def test_no_parameter_of_an_address_runs(visit, world, given, name):
    visitor = visit(world).sign_in()
    assert ("/live", "q") in given
    for path, parameter in given:
        address = str(httpx.URL(path, params={parameter: HOSTILE[name]}))
        asked = world.http.get(address, headers={**SAME, **world.as_("admin")})
        assert asked.status_code < 500, address
        assert visitor.go(address, asked.status_code).evaluate(INVADED) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_no_person_is_called_like_that(world, name):
    with pytest.raises(SealtrailError):
        people_of(world.data, create=True).add(HOSTILE[name], "viewer", "correct horse battery")
