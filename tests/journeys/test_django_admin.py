"""Django's admin through gunicorn: what is done there is an act of who is signed in, in its own words."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

SHOP = (Path(__file__).parent / "shops" / "django_shop.py").read_text()


@pytest.fixture(scope="module")
def server(start, tmp_path_factory) -> Iterator[Any]:
    running = start(tmp_path_factory.mktemp("admin"), "django-gunicorn", source=SHOP)
    yield running
    running.stop()


class Browser:
    """A person's browser: it keeps cookies, and sends each form with the token that stands in it."""

    def __init__(self, server) -> None:
        self._server = server
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=30)

    def submit(self, path: str, **fields: Any) -> httpx.Response:
        self._server.asked += 2
        form = self.http.get(path).text
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form)[1]
        return self.http.post(path, data={**fields, "csrfmiddlewaretoken": token})

    def acts(self) -> list[dict[str, Any]]:
        self._server.wait(
            lambda: (
                sum(b'"sealtrail.kind":"request"' in line for line in self._server.lines())
                >= self._server.asked
            )
        )
        return [event for event in self._server.recorded() if event["sealtrail.kind"] == "audit"]


@pytest.fixture
def browser(server) -> Iterator[Browser]:
    server.forget()
    made = Browser(server)
    assert made.submit("/admin/login/", username="root", password="boats-of-root").status_code == 302
    yield made
    made.http.close()


def test_what_is_added_changed_and_deleted_is_an_act_with_the_admins_message(browser) -> None:
    group = browser.submit("/admin/auth/group/add/", name="clerks").headers["Location"]
    assert group == "/admin/auth/group/"
    assert browser.submit("/admin/auth/group/1/change/", name="auditors").status_code == 302
    assert browser.submit("/admin/auth/group/1/delete/", post="yes").status_code == 302
    acts = browser.acts()
    assert [act["event.action"] for act in acts] == ["group.create", "group.update", "group.delete"]
    assert {(act["user.id"], act["user.name"]) for act in acts} == {("1", "root")}
    assert {act["sealtrail.target.id"] for act in acts} == {"1"}
    assert {act["sealtrail.target.type"] for act in acts} == {"auth.group"}
    assert [act["sealtrail.target.name"] for act in acts] == ["clerks", "auditors", "auditors"]
    changed = acts[1]["sealtrail.details"]
    assert changed == {"by": "django.contrib.admin", "message": [{"changed": {"fields": ["Name"]}}]}


def test_several_that_are_deleted_together_are_an_act_each(browser) -> None:
    for name in ("one", "two"):
        browser.submit("/admin/auth/group/add/", name=name)
    made = [act["sealtrail.target.id"] for act in browser.acts()]
    chosen = {"action": "delete_selected", "_selected_action": made, "post": "yes"}
    assert browser.submit("/admin/auth/group/", **chosen).status_code == 302
    gone = [act for act in browser.acts() if act["event.action"] == "group.delete"]
    assert sorted(act["sealtrail.target.id"] for act in gone) == made
    assert {act["user.name"] for act in gone} == {"root"}


def test_what_is_done_to_a_user_has_the_vocabularys_names_and_no_password(browser, server) -> None:
    fields = {"username": "bob", "password1": "nine-green-boats", "password2": "nine-green-boats"}
    assert browser.submit("/admin/auth/user/add/", usable_password="true", **fields).status_code == 302
    (created,) = browser.acts()
    assert (created["event.action"], created["sealtrail.target.name"]) == ("user_created", "bob")
    path = f"/admin/auth/user/{created['sealtrail.target.id']}"
    new = {"password1": "ten-green-boats", "password2": "ten-green-boats", "usable_password": "true"}
    assert browser.submit(f"{path}/password/", **new).status_code == 302
    assert browser.submit(f"{path}/delete/", post="yes").status_code == 302
    assert [act["event.action"] for act in browser.acts()] == ["user_created", "user_updated", "user_deleted"]
    told = [e for e in server.recorded() if e["event.action"] == "authn_password_change"]
    assert [event["sealtrail.target.id"] for event in told] == [created["sealtrail.target.id"]]
    assert b"green-boats" not in b"".join(server.lines())
