"""A policy behind a real server: a value is found again by its hash, across a rotation of the key."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from sealtrail.cli.main import main

MAIL = "alice@example.org"

APP = """
import os
from flask import Flask
import sealtrail
from sealtrail.flask import Sealtrail

os.environ.pop("SEALTRAIL_PSEUDONYM_KEY")  # the key is to be the one in the spool folder
app = Flask("shop")
Sealtrail(app, service="shop", scrub="scrub.toml")


@app.get("/invite")
def invite():
    sealtrail.audit("user.invite", details={"whom": "alice@example.org", "seats": 3})
    return "ok"
"""

POLICY = """
[rules]
email = "hmac"

[names]
seats = "drop"

[fields]
"client.ip" = "drop"
"user_agent.original" = "drop"
"""


@pytest.fixture
def run(monkeypatch):
    monkeypatch.delenv("SEALTRAIL_PSEUDONYM_KEY", raising=False)

    def run(*arguments):
        done = CliRunner().invoke(main, [str(argument) for argument in arguments])
        assert done.exit_code == 0, done.output
        return done.stdout

    return run


def test_a_value_is_found_by_its_hash_on_both_sides_of_a_rotation(start, tmp_path, run):
    (tmp_path / "scrub.toml").write_text(POLICY)
    spool = tmp_path / "spool"
    for rotated in (False, True):
        if rotated:
            run("scrub", "--rotate", "--spool", spool)
        server = start(tmp_path, "flask-gunicorn", source=APP)
        server.request("GET", f"/invite?mail={MAIL}")
        server.events(2 + 2 * rotated)
        server.stop()
    lines = b"".join(server.lines())
    assert MAIL.encode() not in lines
    assert b'"client.ip":"' not in lines
    assert b'"user_agent.original":"' not in lines

    (tmp_path / "events.ndjson").write_bytes(lines)
    run("import", "--format", "ndjson", tmp_path / "events.ndjson", "--data", tmp_path / "data")
    new, old = json.loads(run("scrub", "--hash", MAIL, "--spool", spool, "-o", "json"))
    seen = []
    for key in (old, new):
        found = json.loads(run("search", key["scrubbed"], "--data", tmp_path / "data", "-o", "json"))
        seen.append({event["event.id"] for event in found})
        kinds = {event["sealtrail.kind"]: event for event in found}
        mark = f"[redacted:email:{key['key']}:{key['scrubbed']}]"
        assert kinds["request"]["url.query"] == f"mail={mark}"
        assert kinds["audit"]["sealtrail.details"] == {"whom": mark, "seats": ""}
    assert [len(ids) for ids in seen] == [2, 2]
    assert not seen[0] & seen[1]
