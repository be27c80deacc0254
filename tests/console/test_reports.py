from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from sealtrail.event import read
from sealtrail.serve.holding import Wanted

Serving = Callable[..., AbstractContextManager[Any]]

TODAY = datetime.now(UTC).date()
BAD = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def console(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server with a hostile event of today."""
    data = tmp_path_factory.mktemp("reports") / "data"
    with serving(data, "[ledger]\ncheckpoint-seconds = 0.02\n") as made:
        made.send(
            {
                "@timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "event.action": BAD,
                "user.id": BAD,
                "service.name": BAD,
                "sealtrail.kind": "request",
            }
        )
        made.served.collector.settle()
        yield made


def make(person: Any, **fields: str) -> Any:
    asked = {"framework": "pci-dss-4.0.1", "from": str(TODAY), "to": str(TODAY), "entity": BAD}
    return person.post("/reports", **{**asked, **fields})


def acts(console: Any, action: str) -> list[dict[str, Any]]:
    told = [read(entry) for entry in console.served.collector.ledger.read("audit", 0, 2000)]
    return [one for one in told if one["event.action"] == action]


def test_a_report_is_made_read_and_taken_away_as_the_same_bytes(console, person):
    auditor = person("auditor")
    page = make(auditor)
    assert page.status_code == 200, page.text
    path = page.url.path
    assert re.fullmatch(r"/reports/pci-dss-4\.0\.1_\d{8}-\d{8}_[0-9a-f]{16}", path)
    assert "10.2.1.4" in page.text
    event = acts(console, "sealtrail.report")[-1]
    assert event["user.id"] == "link:root"
    packed = auditor.get(f"{path}/zip")
    assert packed.headers["content-type"] == "application/zip"
    archive = zipfile.ZipFile(io.BytesIO(packed.content))
    name = path.rpartition("/")[2]
    assert packed.headers["content-disposition"] == f'attachment; filename="{name}.zip"'
    manifest = archive.read(f"{name}/manifest-sha256.txt")
    assert sha256(manifest).hexdigest() == event["sealtrail.report.manifest"]
    for row in manifest.decode().splitlines():
        digest, file = row.split("  ")
        assert sha256(archive.read(f"{name}/{file}")).hexdigest() == digest
    assert auditor.get(f"{path}/files/report.html").content == archive.read(f"{name}/report.html")
    assert path in auditor.get("/reports").text


def test_the_report_is_shown_under_its_own_policy_and_links_to_its_proofs(person):
    auditor = person("auditor")
    path = make(auditor).url.path
    page = auditor.get(f"{path}/files/report.html")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert re.search(r"style-src 'sha256-[A-Za-z0-9+/=]{44}'$", policy)
    proof = re.search(r'href="(proofs/[a-z0-9-]+\.tlog-proof)"', page.text)
    assert proof is not None
    shown = auditor.get(f"{path}/files/{proof[1]}")
    assert shown.headers["content-type"] == "text/plain; charset=utf-8"
    assert shown.headers["content-security-policy"].startswith("default-src 'none'")
    assert shown.text.startswith("c2sp.org/tlog-proof@v1\n")


def test_what_strangers_sent_is_text_on_every_page(person):
    auditor = person("auditor")
    made = make(auditor)
    for page in (made, auditor.get("/reports"), auditor.get(f"{made.url.path}/files/report.html")):
        assert "<img src=x" not in page.text
        assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"framework": "pci-dss-3.2.1"}, 404, "no framework"),
        ({"from": "soon"}, 400, "is not a time"),
        ({"from": "2026-02-01", "to": "2026-01-01"}, 400, "has no length"),
    ],
)
def test_what_cannot_be_made_is_said_on_the_page_and_the_form_is_kept(person, fields, status, told):
    page = make(person("auditor"), **fields)
    assert page.status_code == status
    assert told in page.text
    assert 'role="alert"' in page.text
    assert "&lt;img src=x onerror=alert(1)&gt;" in page.text


@pytest.mark.parametrize("role", ["viewer", "ingest"])
def test_without_the_right_to_export_there_is_no_way_to_reports(person, role):
    somebody = person(role)
    assert "/reports" not in somebody.get("/overview").text
    assert somebody.get("/reports").status_code == 403
    assert make(somebody).status_code == 403


def test_another_site_cannot_have_a_report_made(console, person):
    auditor = person("auditor")
    before = len(acts(console, "sealtrail.report"))
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
        answer = auditor.http.post("/reports", data={"framework": "soc2-2017"}, headers=headers)
        assert answer.status_code == 403
    assert len(acts(console, "sealtrail.report")) == before


@pytest.mark.parametrize(
    "path",
    ["/reports/nothing", "/reports/nothing/zip", "/reports/nothing/files/report.html"]
    + [f"/reports/{name}/files/{file}" for name in ("..", "%2e%2e") for file in ("settings.toml", "keys/x")],
)
def test_what_is_not_there_is_not_found(person, path):
    assert person("auditor").get(path).status_code == 404


def test_taking_it_away_is_recorded(console, person):
    auditor = person("auditor")
    path = make(auditor).url.path
    auditor.get(f"{path}/zip")
    doors = [one["sealtrail.details"]["door"] for one in acts(console, "sealtrail.read")]
    assert "/reports/{name}/zip" in doors


def test_retention_is_on_the_page(person):
    assert "2,200 days" in person("auditor").get("/reports").text


def test_legal_holds_are_on_the_page_of_who_may_place_them(console, person):
    wanted = Wanted("case-17", "<b>Alice</b>", query="user.id:alice")
    console.served.collector.holding.place(wanted, "rita")
    page = person("auditor").get("/reports").text
    assert "case-17" in page
    assert "&lt;b&gt;Alice" in page
    assert "Legal holds" not in person("analyst").get("/reports").text
