"""Takes docs/images/console.png: the overview of the demo, in a real Chromium.

Run with `.venv/bin/python tools/screenshot.py [page]`; another page of the console, such as /alerts, goes to
`page.png` beside it for looking at. Needs Chromium, as `make test-console` does.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from sealtrail.demo.run import run
from sealtrail.serve.running import Served

IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def shoot(served: Served, page: str, target: Path) -> None:
    """One page as a person sees it who has just signed in by a one-time link."""
    browser = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if browser is None:
        sys.exit("There is no Chromium on this machine.")
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        window = chromium.new_page(viewport={"width": 1280, "height": 900}, color_scheme="light")
        window.goto(served.invitation())
        window.get_by_role("button", name="Sign in with this link").click()
        window.goto(f"{served.url}{page}")
        window.screenshot(path=target)
        chromium.close()


def main() -> None:
    page, target = "/overview?span=15m", IMAGES / "console.png"
    if len(sys.argv) > 1:
        page, target = sys.argv[1], IMAGES / "page.png"
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        run(
            Path(folder) / "data",
            0,
            lambda chapter, seen: print(f"{chapter}: {seen}"),
            lambda served, _shop: shoot(served, page, target),
        )
    print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
