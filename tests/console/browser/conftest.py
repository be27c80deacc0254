"""The console in a real Chromium. Whatever a page does that it must not fails the test that is there.

`make test-console` runs this; without SEALTRAIL_CHROMIUM it is skipped. The variable names the browser, or
says `find`. Playwright drives what the system has and brings no browser of its own.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, Request, sync_playwright

from sealtrail.web.routes import Route

NAMED = os.environ.get("SEALTRAIL_CHROMIUM", "")
KNOWN_AS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], "resultTypes": ["violations"]}
PATIENCE = 20_000.0  # milliseconds: for a condition that will come, on a busy machine

# Before any script of a page: what breaks the policy is told, and also what would run without breaking it.
SPY = """
addEventListener("securitypolicyviolation", (e) => watched(`policy: ${e.violatedDirective} ${e.blockedURI}`));
addEventListener("unhandledrejection", (e) => watched(`rejected: ${e.reason}`));
Object.defineProperty(window, "__ran", { set: (value) => watched(`ran: ${value}`), get: () => undefined });
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents and "driver" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
            if not NAMED:
                item.add_marker(pytest.mark.skip(reason="SEALTRAIL_CHROMIUM is not set: make test-console"))


@pytest.fixture(scope="module")
def driver() -> Iterator[Browser]:
    """One browser for the tests of a module: while it is open no other test of the thread may run a loop."""
    names = KNOWN_AS if NAMED == "find" else (NAMED,)
    path = next((found for name in names if (found := shutil.which(name))), None)
    if path is None:
        pytest.fail(f"no browser: none of {', '.join(names)} is there; SEALTRAIL_CHROMIUM can name one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        yield browser
        browser.close()


class Visitor:
    """Somebody at a browser, and everything that went wrong there. `faults` must be empty at the end."""

    def __init__(self, driver: Browser, server: Any, **options: Any) -> None:
        self.url: str = server.url
        self.faults: list[str] = []
        self._server = server
        self._excused: list[str] = []
        self.context: BrowserContext = driver.new_context(base_url=server.url, **options)
        self.context.set_default_timeout(PATIENCE)
        self.context.expose_function("watched", self._told)
        self.context.add_init_script(SPY)
        self.context.route(lambda url: urlsplit(url).netloc != urlsplit(server.url).netloc, self._foreign)
        self.context.on("page", self._watch)
        self.page: Page = self.context.new_page()

    def sign_in(self, role: str = "admin", name: str = "root") -> Visitor:
        """As that person, without the sign-in page: a session is made and its cookie put."""
        desk = self._server.served.collector.signing_in
        token, _ = desk.use_link(desk.new_link(name, role), "127.0.0.1")
        self.context.add_cookies([{"name": "sealtrail-session", "value": token, "url": self.url}])
        return self

    def go(self, path: str, status: int = 200) -> Page:
        """The page of a path, answered with that status, once it is loaded."""
        if status >= 400:
            self.excuse(f"status of {status}")
        answer = self.page.goto(path)
        assert answer is not None
        assert answer.status == status, self.page.text_content("main")
        return self.page

    def until(self, condition: Callable[[], bool]) -> None:
        """Let the browser go on until something holds."""
        end = time.monotonic() + PATIENCE / 1000
        while not condition():
            assert time.monotonic() < end, self.faults
            self.page.wait_for_timeout(20)

    def excuse(self, text: str) -> None:
        """That this is told once is part of the test: it must come, and is no fault."""
        self._excused.append(text)

    def axe(self) -> list[str]:
        """What of WCAG 2.2 AA the page as it stands breaks, and where."""
        found = Axe().run(self.page, options=WCAG).response["violations"]
        return [f"{one['id']}: {node['html'][:200]}" for one in found for node in one["nodes"]]

    def end(self) -> list[str]:
        """Close, and give the faults: also an excuse that nothing asked for."""
        for page in self.context.pages:
            with suppress(Error):  # on its way elsewhere
                page.evaluate("1")  # what was told before comes before the answer
        self.context.close()
        for text in self._excused:
            one = next((fault for fault in self.faults if text in fault), None)
            if one is None:
                self.faults.append(f"did not come: {text}")
            else:
                self.faults.remove(one)
        return self.faults

    def _told(self, fault: str) -> None:
        self.faults.append(fault)

    def _watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.faults.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("requestfailed", self._failed)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning", "assert"}:
            self.faults.append(f"console: {message.text}")

    def _failed(self, request: Request) -> None:
        # ERR_ABORTED: the page was left while something was under way, such as a stream without an end.
        if request.failure not in {"net::ERR_ABORTED", None}:
            self.faults.append(f"failed: {request.url[:200]} {request.failure}")

    def _foreign(self, route: Any) -> None:
        self.faults.append(f"foreign: {route.request.url[:200]}")
        route.abort()


@pytest.fixture
def unwatched(driver: Browser) -> Callable[..., Visitor]:
    """As `visit`, but the faults are the test's to look at."""
    return lambda server, **options: Visitor(driver, server, **options)


@pytest.fixture
def visit(driver: Browser) -> Iterator[Callable[..., Visitor]]:
    """`visit(server, **options)`: a visitor with a browser context of its own; its faults fail the test.

    To be asked for after the server, so that the visitor leaves before it ends.
    """
    made: list[Visitor] = []

    def visitor(server: Any, **options: Any) -> Visitor:
        made.append(Visitor(driver, server, **options))
        return made[-1]

    yield visitor
    assert [fault for one in made for fault in one.end()] == []


def _is_page(route: Route) -> bool:
    """Whether a person goes there: pages are not described as the API is."""
    return route.method == "GET" and not route.about and route.path != "/static/{name}"


@pytest.fixture(scope="session")
def is_page() -> Callable[[Route], bool]:
    return _is_page


# Where somebody goes to see each page: a page of the route table without an address here fails test_pages.py.
# The names in braces are what `world` knows.
VISITS: Final[Mapping[str, Sequence[str]]] = {
    "/sign-in": ("/sign-in", "/sign-in?link=not-one&next=/live"),
    "/overview": ("/overview", "/overview?span=15m"),
    "/search": ("/search", "/search?q=not event.action:nothing&since=1h", "/search?q=user.id:nobody"),
    "/events/{trail}/{index}": ("/events/{event}", "/events/{long}"),
    "/alerts": ("/alerts", "/alerts?state=all"),
    "/alerts/{id}": ("/alerts/{alert}",),
    "/blocks": ("/blocks",),
    "/live": ("/live", "/live?q=user.id:ann"),
    "/audit": ("/audit", "/audit?kind=alerts"),
    "/integrity": ("/integrity",),
    "/reports": ("/reports",),
    "/reports/{name}": ("/reports/{report}",),
    "/reports/{name}/files/{path:path}": ("/reports/{report}/files/report.html",),
    "/reviews": ("/reviews",),
    "/people": ("/people",),
}
FILES: Final = {"/reports/{name}/zip", "/events/{trail}/{index}/entry"}
"""What a browser keeps and does not show."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "address" in metafunc.fixturenames:
        addresses = [address for many in VISITS.values() for address in many]
        metafunc.parametrize("address", addresses)


@pytest.fixture(scope="session")
def visits() -> set[str]:
    """Paths of the route table that tests visit."""
    return {*VISITS, *FILES}


@pytest.fixture(scope="module")
def pages_of() -> Callable[[Any], set[str]]:
    """The paths of all pages of a server, from its route table as it runs."""
    return lambda server: {
        route.path for route in server.served._server.config.app.state.table if _is_page(route)
    }
