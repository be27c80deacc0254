"""A report in a real browser: asked for, made, read under its own policy, taken away; a day signed for."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

Serving = Callable[..., AbstractContextManager[Any]]

TODAY = str(datetime.now(UTC).date())
BAD = "\"'><img src=x onerror=\"__ran='report'\"><script>__ran='script'</script>"


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A record whose every word is an attack."""
    data = tmp_path_factory.mktemp("taking") / "data"
    with serving(data, "[ledger]\ncheckpoint-seconds = 0.02\n") as made:
        event = dict.fromkeys(("event.action", "user.id", "service.name", "url.path", "client.ip"), BAD)
        at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        sent = made.send({**event, "@timestamp": at, "sealtrail.kind": "request"})
        assert sent.status_code == 200, sent.text
        made.served.collector.settle()
        yield made


def test_a_report_is_made_read_and_downloaded(server: Any, visit: Callable[..., Any], tmp_path: Path) -> None:
    visitor = visit(server, accept_downloads=True).sign_in("auditor")
    page = visitor.go("/reports")
    page.select_option("select[name=framework]", "pci-dss-4.0.1")
    page.fill("input[name=from]", TODAY)
    page.fill("input[name=to]", TODAY)
    page.fill("input[name=entity]", BAD)
    page.click("text=Make the report")
    page.wait_for_url("**/reports/pci-dss-4.0.1_*")
    assert visitor.axe() == []
    name = page.url.rpartition("/")[2]
    with page.expect_download() as coming:
        page.click("text=Download (zip)")
    assert coming.value.suggested_filename == f"{name}.zip"
    coming.value.save_as(tmp_path / "report.zip")
    archive = zipfile.ZipFile(io.BytesIO((tmp_path / "report.zip").read_bytes()))
    for row in archive.read(f"{name}/manifest-sha256.txt").decode().splitlines():
        digest, file = row.split("  ")
        assert sha256(archive.read(f"{name}/{file}")).hexdigest() == digest
    page.click("text=Open the report")
    page.wait_for_url("**/files/report.html")
    assert page.text_content("h1") == "PCI DSS, Requirement 10"
    assert page.evaluate("getComputedStyle(document.querySelector('.mark')).fontWeight") == "600"
    assert page.query_selector("img, script") is None
    assert visitor.axe() == []
    page.click('a[href$=".tlog-proof"] >> nth=0')
    page.wait_for_url("**/proofs/*.tlog-proof")
    assert "c2sp.org/tlog-proof@v1" in str(page.text_content("body"))


def test_a_day_is_signed_for(server: Any, visit: Callable[..., Any]) -> None:
    visitor = visit(server).sign_in("auditor", "rita")
    page = visitor.go("/reviews")
    page.fill("input[name=day]", TODAY)
    page.fill("input[name=note]", BAD)
    with page.expect_navigation():
        page.click("button:has-text('Sign as')")
    assert BAD in str(page.text_content("main"))
    assert visitor.axe() == []
