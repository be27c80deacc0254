from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from typing import Any

import httpx
import pytest

from sealtrail.accounts import password
from sealtrail.accounts.keys import Keys

WORDS = "correct horse battery"


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_N", 16)


@pytest.fixture
def admin(person: Callable[..., Any]) -> Any:
    return person("admin")


def shown(page: httpx.Response) -> str:
    """What is shown once."""
    assert page.status_code == 200
    found = re.search(r'<pre class="key">(.*?)</pre>', page.text, re.DOTALL)
    assert found is not None
    return unescape(found[1]).strip()


def told(console: Any, query: str) -> list[dict[str, Any]]:
    assert console.served.collector.settle()
    events: list[dict[str, Any]] = console.get("/api/v1/search", q=query, limit="20").json()["events"]
    return events[::-1]


def test_somebody_is_added_given_another_role_and_let_in_no_more(console: Any, admin: Any):
    added = admin.post("/people", name=" ann ", role="viewer", password=WORDS)
    assert (added.status_code, added.url.path) == (200, "/people")
    assert WORDS not in added.text
    desk = console.served.collector.signing_in
    token, session = desk.sign_in("ann", WORDS, "")
    assert session.role == "viewer"
    assert admin.post("/people/ann/role", role="auditor").status_code == 200
    assert desk.who(token) is None
    token, session = desk.sign_in("ann", WORDS, "")
    assert session.role == "auditor"
    assert admin.post("/people/ann/sign-out").status_code == 200
    assert desk.who(token) is None
    assert "Let ann in no more" in admin.get("/people").text
    assert "Let ann in no more" not in admin.post("/people/ann/remove").text
    changes = told(console, "sealtrail.target.id:ann")
    assert [one["event.action"] for one in changes] == [
        "user_created",
        "privilege_permissions_changed",
        "sealtrail.sign-out",
        "user_deleted",
    ]
    assert {one["user.id"] for one in changes} == {"link:root"}


def test_a_one_time_link_is_shown_once_and_signs_that_person_in(console: Any, admin: Any):
    admin.post("/people", name="ben@example.org", role="analyst", password=WORDS)
    link = shown(admin.post("/people/ben%40example.org/link"))
    assert link.startswith(f"{console.url}/sign-in?link=")
    token = httpx.URL(link).params["link"]
    assert token not in admin.get("/people").text
    _, session = console.served.collector.signing_in.use_link(token, "")
    assert (session.name, session.role) == ("ben@example.org", "analyst")
    (made,) = told(console, 'event.action:sealtrail.link and sealtrail.target.id:"ben@example.org"')
    assert made["user.id"] == "link:root"


def test_a_key_is_shown_once_and_refused_when_it_is_revoked(console: Any, admin: Any):
    key = shown(admin.post("/keys", role="ingest"))
    name = key.split("_")[1]
    keys = Keys(console.data / "keys")
    assert keys.verify(key).role == "ingest"
    page = admin.get("/people").text
    assert name in page
    assert key not in page
    assert admin.post(f"/keys/{name}/revoke").status_code == 200
    with pytest.raises(Exception, match="unknown or revoked"):
        keys.verify(key)
    changes = told(console, f"sealtrail.target.type:key and sealtrail.target.id:{name}")
    assert [(one["event.action"], one["user.id"]) for one in changes] == [
        ("sealtrail.key.new", "link:root"),
        ("sealtrail.key.revoke", "link:root"),
    ]


@pytest.mark.parametrize(
    ("path", "fields", "status", "says"),
    [
        ("/people", {"name": "cem", "role": "viewer", "password": "short"}, 400, "a password has 12"),
        ("/people", {"name": "cem", "role": "viewer", "password": "cem-2026-cem-2026"}, 400, "to be guessed"),
        ("/people", {"name": "Cem!", "role": "viewer", "password": WORDS}, 400, "cannot be a name"),
        ("/people", {"name": "cem", "role": "ingest", "password": WORDS}, 400, "there is no role"),
        ("/people", {"name": "cem", "role": "owner", "password": WORDS}, 400, "there is no role"),
        ("/people", {"name": ""}, 400, "cannot be a name"),
        ("/people/nobody/role", {"role": "viewer"}, 404, "there is no person"),
        ("/people/nobody/link", {}, 404, "there is no person"),
        ("/people/nobody/remove", {}, 404, "there is no person"),
        ("/people/nobody/sign-out", {}, 404, "there is no person"),
        ("/keys", {"role": "owner"}, 400, "there is no role"),
        ("/keys/nothing/revoke", {}, 404, "there is no key"),
    ],
)
def test_what_cannot_be_meant_comes_back_with_the_page_and_the_reason(
    admin: Any, path: str, fields: dict[str, str], status: int, says: str
):
    page = admin.post(path, **fields)
    assert (page.status_code, "<h1>People and keys</h1>" in page.text) == (status, True)
    assert says in page.text
    if "name" in fields:
        assert f'name="name" value="{fields["name"]}"' in page.text
    assert fields.get("password", "-") not in page.text or not fields.get("password")


def test_what_a_form_sends_is_shown_escaped(admin: Any):
    page = admin.post("/people", name='"><script>alert(1)</script>', role="viewer", password=WORDS).text
    assert "<script>alert" not in page


@pytest.mark.parametrize("role", ["viewer", "analyst", "auditor"])
def test_only_who_may_change_them_sees_that_there_are_people_and_keys(person: Callable[..., Any], role: str):
    other = person(role)
    assert other.get("/people").status_code == 403
    assert "People and keys" not in other.get("/overview").text
