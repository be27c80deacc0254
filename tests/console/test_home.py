from __future__ import annotations

from typing import Any


def test_a_browser_is_led_to_the_overview_and_a_program_told_what_this_is(console: Any):
    browser = console.http.get("/", headers={**console.as_("viewer"), "Accept": "text/html,*/*"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/overview")
    program = console.get("/").json()
    assert program["name"] == "sealtrail"
    assert console.get(program["openapi"]).status_code == 200


def test_nobody_is_told_anything_without_a_key(console: Any):
    assert console.http.get("/").status_code == 401
    browser = console.http.get("/", headers={"Accept": "text/html"})
    assert (browser.status_code, browser.headers["location"]) == (303, "/sign-in")
