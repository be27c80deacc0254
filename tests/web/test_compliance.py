from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from sealtrail.comply.library import names
from sealtrail.serve.complying import archive

Serving = Callable[..., AbstractContextManager[Any]]
PCI = "/api/v1/reports/pci-dss-4.0.1"


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data", "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        yesterday = datetime.now(UTC).date() - timedelta(days=1)
        made.send(
            *(
                {
                    "@timestamp": f"{yesterday}T10:00:0{number}Z",
                    "event.action": "invoice.read",
                    "user.id": "ann",
                    "service.name": "shop",
                }
                for number in range(4)
            )
        )
        assert made.served.collector.settle()
        yield made


def acts(server: Any, action: str) -> list[dict[str, Any]]:
    assert server.served.collector.settle()
    return [row.fields for row in server.served.collector.reading.search(f"event.action:{action}")]


def name_of(server: Any, role: str) -> str:
    return "key:" + str(server.keys[role]).split("_")[1]


def test_the_frameworks_are_those_that_come_with_it(server):
    told = server.get("/api/v1/frameworks").json()["frameworks"]
    assert [one["id"] for one in told] == names()
    assert all(one["controls"] > 0 for one in told)


def test_a_report_is_recorded_before_it_is_given_under_the_name_of_who_asked(server):
    answer = server.get(PCI, "auditor", **{"from": "yesterday", "to": "yesterday", "entity": "Example Ltd"})
    assert answer.status_code == 200, answer.text
    report = answer.json()
    assert (report["framework"]["id"], report["entity"]) == ("pci-dss-4.0.1", "Example Ltd")
    assert report["verification"]["verdict"] == "intact"
    assert report["controls"]
    (event,) = acts(server, "sealtrail.report")
    assert (event["user.id"], event["sealtrail.report.framework"]) == (
        name_of(server, "auditor"),
        "pci-dss-4.0.1",
    )


def test_a_report_comes_as_a_page_or_with_everything_that_verifies_it(server):
    window = {"from": "yesterday", "to": "yesterday"}
    page = server.get(PCI, "auditor", **window, form="html")
    assert page.headers["Content-Type"].startswith("text/html")
    assert "attachment" in page.headers["Content-Disposition"]
    whole = server.get(PCI, "auditor", **window, form="zip")
    with zipfile.ZipFile(io.BytesIO(whole.content)) as files:
        manifest = files.read("manifest-sha256.txt").decode()
        for line in manifest.splitlines():
            digest, _, name = line.partition("  ")
            assert sha256(files.read(name)).hexdigest() == digest
        assert json.loads(files.read("report.json"))["framework"]["id"] == "pci-dss-4.0.1"
        assert "keys/audit.vkey" in files.namelist()
    (event, _) = acts(server, "sealtrail.report")
    assert event["sealtrail.report.manifest"] == sha256(manifest.encode()).hexdigest()


@pytest.mark.parametrize(
    ("path", "window", "status", "code"),
    [
        (PCI, {}, 400, "usage.argument"),
        (PCI, {"from": "today", "to": "yesterday"}, 400, "usage.argument"),
        (PCI, {"from": "soon", "to": "today"}, 400, "query.time"),
        (PCI, {"from": "today", "to": "today", "form": "pdf"}, 400, "query.parameter"),
        ("/api/v1/reports/iso", {"from": "today", "to": "today"}, 404, "not-found.framework"),
    ],
)
def test_a_report_that_cannot_be_says_why_and_is_no_event(server, path, window, status, code):
    answer = server.get(path, "auditor", **window)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert acts(server, "sealtrail.report") == []


def test_a_day_is_signed_for_once_it_is_seen_and_by_who_may(server):
    def sign(role: str, **body: str) -> Any:
        return server.http.post("/api/v1/reviews", json=body, headers=server.as_(role))

    assert sign("analyst", day="yesterday").status_code == 403
    assert sign("auditor", day="2999-01-01").json()["error"]["code"] == "usage.argument"
    made = sign("auditor", day="yesterday", note="all quiet")
    assert made.status_code == 201, made.text
    assert server.served.collector.settle()
    (day,) = server.get("/api/v1/reviews", **{"from": "yesterday", "to": "yesterday"}).json()["days"]
    assert (day["status"], day["by"], day["note"], day["records"]) == (
        "reviewed",
        name_of(server, "auditor"),
        "all quiet",
        4,
    )
    assert day["address"] == made.json()["address"]


def test_retention_is_planned_and_nothing_goes(server):
    trails = {one["trail"]: one for one in server.get("/api/v1/retention").json()["trails"]}
    assert set(trails) == {"access", "audit"}
    assert trails["audit"]["entries"] == 0
    assert acts(server, "sealtrail.prune") == []


def test_the_same_files_are_the_same_archive():
    files = {"b": b"2", "a": b"1"}
    assert archive(files) == archive(dict(reversed(files.items())))
