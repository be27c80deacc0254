from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import jinja2
import pytest

from sealtrail.accounts.roles import ROLES
from sealtrail.console.assets import FOLDER, Assets
from sealtrail.console.frame import PLACES, POLICY, TEMPLATES, Frame, address, moment


def test_the_policy_lets_nothing_in_that_is_not_a_file_of_ours():
    rules = dict(rule.split(" ", 1) for rule in POLICY.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in POLICY
    assert {rules[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
    assert rules["base-uri"] == rules["frame-ancestors"] == "'none'"


@pytest.mark.parametrize("path", ["/overview", "/sign-in", "/nowhere"])
def test_every_page_carries_the_policy_and_is_kept_by_nobody(person: Callable[..., Any], path: str):
    headers = person().get(path).headers
    assert headers["content-security-policy"] == POLICY
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["content-type"] == "text/html; charset=utf-8"


def test_no_template_has_a_script_a_style_or_a_handler_in_it():
    forbidden = re.compile(r"<style|\sstyle\s*=|<[^>{}]*\son[a-z]+\s*=|javascript:|Markup")
    for path in TEMPLATES.glob("*.html"):
        text = path.read_text()
        assert not forbidden.search(text), path.name
        assert text.count("<script") == text.count('<script type="module" src='), path.name


def test_only_the_filter_of_ours_is_called_safe():
    shown = Frame(Assets())._environment.from_string("{{ x|safe }}").render(x="<b>\x1b")
    assert shown == "&lt;b&gt;\\u001b"


def test_whoever_is_not_signed_in_is_led_to_the_sign_in_and_back(console: Any, person: Callable[..., Any]):
    answer = console.http.get("/overview?span=7d", headers={"Accept": "text/html"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/sign-in?next=%2Foverview%3Fspan%3D7d"
    assert console.http.get("/overview").status_code == 401


def test_a_refusal_is_a_page_with_its_code_and_what_to_do(person: Callable[..., Any]):
    answer = person().get("/overview", span="1000y")
    assert answer.status_code == 400
    assert "query.parameter" in answer.text
    assert "Span must be one of" in answer.text
    assert person().get("/nowhere").status_code == 404


def test_the_navigation_shows_what_the_reader_may_open(person: Callable[..., Any]):
    for role in ROLES:
        page = person(role).get("/nowhere").text
        for place in PLACES:
            assert (f">{place.title}</a>" in page) == (place.need in ROLES[role]), (role, place.path)


def test_a_template_that_names_what_it_was_not_given_fails(tmp_path):
    frame = Frame(Assets())
    with pytest.raises(jinja2.UndefinedError):
        frame._environment.from_string("{{ nothing }}").render()


def test_everything_that_is_shown_is_escaped():
    shown = (
        Frame(Assets())._environment.from_string('<a title="{{ x }}">{{ x }}</a>').render(x="\"'<script>&")
    )
    assert shown == '<a title="&#34;&#39;&lt;script&gt;&amp;">&#34;&#39;&lt;script&gt;&amp;</a>'


def test_an_address_leaves_out_what_is_empty_and_escapes_the_rest():
    assert address("/search", q="a&b=c d", since="", until=None) == "/search?q=a%26b%3Dc+d"
    assert address("/search") == "/search"


def test_a_moment_is_shown_as_people_read_it_and_anything_else_as_it_is():
    assert moment("2026-11-24T08:00:00.123456Z") == "2026-11-24 08:00:00.123"
    assert moment("2026-11-24T08:00:00.123456Z", date=False) == "08:00:00.123"
    assert moment("tomorrow\u202e") == "tomorrow\\u202e"
    assert moment(17) == "17"


def test_every_key_of_the_script_is_in_the_list_that_a_key_opens(person: Callable[..., Any]):
    page = person("viewer").get("/overview").text
    (listed,) = re.findall(r'<dialog id="keys".*?</dialog>', page, re.DOTALL)
    script = (FOLDER / "console.js").read_text()
    (bound,) = re.findall(r"const keys = \{(.*?)\};", script, re.DOTALL)
    keys = re.findall(r'^  "?([^":]+)"?: \(\)', bound, re.MULTILINE)
    assert len(keys) >= 9
    for key in keys:
        assert f"<kbd>{key}</kbd>" in listed
    assert '<form method="dialog">' in listed
