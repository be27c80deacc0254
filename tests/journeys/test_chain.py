"""The whole chain, for each stack of real servers, as its four users meet it.

request -> event -> search by request id -> alert -> block -> refused -> unblock -> served -> report -> proof
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main

PATIENCE = 30.0
ATTACKER = "203.0.113.77"
NEIGHBOUR = "203.0.113.78"


class Collector:
    """`sealtrail serve` over a spool, asked over HTTP with a key of each role."""

    def __init__(self, folder, *arguments: str) -> None:
        self.data = folder / "data"
        self.keys = {role: self._new_key(role) for role in ("ingest", "viewer", "analyst", "auditor")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "sealtrail", "serve", "--data", str(self.data)),
                *("--spool", str(folder / "spool"), "--port", "0", *arguments),
            ],
            cwd=folder,
            stderr=subprocess.PIPE,
            text=True,
        )
        said = self.process.stderr.readline() if self.process.stderr is not None else ""
        found = re.search(r"http://127\.0\.0\.1:\d+", said)
        assert found is not None, said
        self.url = found[0]

    def command(self, *arguments: str) -> Any:
        done = CliRunner().invoke(main, [*arguments, "-o", "json"])
        assert done.exit_code == 0, done.stderr
        return json.loads(done.stdout)

    def ask(self, role: str, method: str, path: str, body: object = None, **query: str) -> tuple[int, Any]:
        """(status, JSON) of one request with the key of a role."""
        target = f"{self.url}{path}?{urllib.parse.urlencode({n.rstrip('_'): v for n, v in query.items()})}"
        request = urllib.request.Request(
            target,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.keys[role]}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refused:
            with refused:
                return refused.code, json.loads(refused.read())

    def until(self, question) -> Any:
        """What a question gives once it gives anything."""
        end = time.monotonic() + PATIENCE
        while not (answer := question()):
            assert time.monotonic() < end
            assert self.process.poll() is None
            time.sleep(0.02)
        return answer

    def events(self, query: str) -> list[dict[str, Any]]:
        status, answer = self.ask("viewer", "GET", "/api/v1/search", q=query)
        assert status == 200, answer
        return list(answer["events"])

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.communicate()

    def _new_key(self, role: str) -> str:
        return str(self.command("key", "new", "--role", role, "--data", str(self.data))["key"])


@pytest.mark.parametrize("stack", ["flask-gunicorn", "fastapi-uvicorn", "django-gunicorn", "django-uvicorn"])
def test_from_a_request_to_the_proof_that_nobody_changed_it(tmp_path, start, stack):
    collector = Collector(tmp_path)
    application = start(tmp_path, stack)

    def visit(address: str) -> int:
        return int(application.request("GET", "/items/1", X_Forwarded_For=address)[0])

    def guess(number: int) -> int:
        return int(
            application.request(
                "POST",
                "/login",
                f"name=user{number}&password=guess-{number}&why=x".encode(),
                Content_Type="application/x-www-form-urlencoded",
                X_Forwarded_For=ATTACKER,
                X_Note="x",
            )[0]
        )

    try:
        # The developer: a request with an id of mine, found by it a moment later.
        status, headers, _ = application.request(
            "GET", "/items/7", X_Request_ID="order-4711", X_Forwarded_For=NEIGHBOUR
        )
        assert (status, headers["X-Request-ID"]) == (200, "order-4711")
        (event,) = collector.until(lambda: collector.events("http.request.id:order-4711"))
        assert (event["url.path"], event["client.ip"]) == ("/items/7", NEIGHBOUR)
        assert event["service.name"] == "shop"

        # The attacker: guesses until the application refuses it, which nobody had to say.
        assert visit(ATTACKER) == 200
        end = time.monotonic() + PATIENCE
        tried = 0
        while guess(tried) == 401:
            tried += 1
            assert time.monotonic() < end
        assert guess(tried) == visit(ATTACKER) == 403
        assert visit(NEIGHBOUR) == 200

        # The analyst: an alert that names the attacker and its block; what was refused is an event as well.
        (alert,) = [
            one
            for one in collector.until(lambda: collector.ask("viewer", "GET", "/api/v1/alerts")[1]["alerts"])
            if ATTACKER in json.dumps(one)
        ][:1]
        status, why = collector.ask("viewer", "GET", f"/api/v1/alerts/{alert['id']}")
        assert status == 200
        assert why["events"], why
        (block,) = collector.ask("viewer", "GET", "/api/v1/blocks")[1]["blocks"]
        assert block["address"] == ATTACKER
        assert collector.until(lambda: collector.events(f"client.ip:{ATTACKER} and event.reason:blocked"))

        # Who may only look may not unblock; who may does, and the application serves again.
        lifted = f"/api/v1/blocks/{ATTACKER}"
        assert collector.ask("viewer", "DELETE", lifted, reason="a colleague")[0] == 403
        assert visit(ATTACKER) == 403
        assert collector.ask("analyst", "DELETE", lifted, reason="a colleague")[1] == {"ended": True}
        collector.until(lambda: visit(ATTACKER) == 200)
        status, closed = collector.ask(
            "analyst", "POST", f"/api/v1/alerts/{alert['id']}/close", {"reason": "a colleague's script"}
        )
        assert status == 200, closed

        # And by hand, for somebody else.
        status, made = collector.ask(
            "analyst", "POST", "/api/v1/blocks", {"address": NEIGHBOUR, "for": "1h", "reason": "ticket 8"}
        )
        assert (status, made["address"]) == (201, NEIGHBOUR)
        collector.until(lambda: visit(NEIGHBOUR) == 403)

        # The auditor: who did what is in the trail, and no password is.
        acts = collector.events("sealtrail.trail:audit")
        assert {"authn_login_fail", "sealtrail.unblock", "sealtrail.block"} <= {
            act["event.action"] for act in acts
        }
        assert "guess-1" not in json.dumps(acts)
        out = tmp_path / "report"
        window = ("--from", "yesterday", "--to", "today", "--data", str(collector.data), "--out", str(out))
        collector.command("report", "pci-dss-4.0.1", *window)
        controls = {one["id"]: one for one in json.loads((out / "report.json").read_bytes())["controls"]}
        # 10.2.1.4: invalid attempts to get in are recorded.
        assert controls["10.2.1.4"]["verdict"] == "pass", controls["10.2.1.4"]
        assert controls["10.2.1.4"]["evidence"]
    finally:
        application.stop()
        assert collector.stop() == 0

    whole = collector.command("verify", str(collector.data))
    assert whole["verdict"] == "intact"
    assert [trail["uncommitted"] for trail in whole["trails"]] == [0, 0]
