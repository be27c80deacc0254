from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import Result

from sealtrail.event import canonical
from sealtrail.event.line import check_line
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector

Run = Callable[..., Result]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def collector(data: Path) -> Iterator[Collector]:
    """A running server with one alert: ten failed logins, one of them from a hostile client."""
    with Collector(Folder(data)) as collector:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        for seq in range(10):
            fields = {
                "@timestamp": f"{moment}.{seq:06}Z",
                "event.id": f"e-{seq}",
                "sealtrail.kind": "authentication",
                "event.action": "authn_login_fail",
                "client.ip": "203.0.113.9",
                "user.id": "\x1b[2Jevil",
                "sealtrail.emitter": "app",
                "sealtrail.seq": seq,
            }
            line = canonical(fields)
            collector.submit("key:1", [(line, check_line(line))])
        assert collector.settle()
        yield collector


def test_an_alert_is_listed_shown_acknowledged_and_closed_from_the_command_line(
    run: Run, data: Path, collector: Collector
) -> None:
    listed = run("alerts", "list", "--data", data)
    assert "Brute force of logins from one address: client.ip 203.0.113.9" in listed.stdout
    (one,) = json.loads(run("alerts", "list", "-o", "json", "--data", data).stdout)
    assert (one["state"], one["level"], one["count"]) == ("open", "high", 10)
    assert run("alerts", "ack", one["id"][:8], "--reason", "looking", "--data", data).exit_code == 0
    again = run("alerts", "ack", one["id"][:8], "--data", data)
    assert (again.exit_code, again.stderr) == (1, "0 alerts acknowledged; 1 alert stayed as before\n")
    assert run("alerts", "close", one["id"], "--data", data).exit_code == 2
    assert run("alerts", "close", "--all", "--reason", "our test", "--data", data).exit_code == 0
    assert json.loads(run("alerts", "list", "-o", "json", "--data", data).stdout) == []
    (closed,) = json.loads(run("alerts", "list", "--state", "closed", "-o", "json", "--data", data).stdout)
    assert [done["reason"] for done in closed["acts"]] == ["looking", "our test"]
    assert run("alerts", "reopen", one["id"][:8], "--data", data).exit_code == 0
    assert run("alerts", "close", "--all", "--level", "low", "--reason", "x", "--data", data).exit_code == 1


def test_show_says_which_part_of_the_rule_found_what_and_no_terminal_obeys_it(
    run: Run, data: Path, collector: Collector
) -> None:
    (one,) = json.loads(run("alerts", "list", "-o", "json", "--data", data).stdout)
    shown = run("alerts", "show", one["id"][:8], "--data", data).stdout
    assert "it takes at least 10 events for one client.ip within 1m" in shown
    assert "event.action is `authn_login_fail`" in shown
    assert "block    203.0.113.9 until" in shown
    assert "10 events behind it" in shown
    assert "\x1b" not in shown
    why = json.loads(run("alerts", "show", one["id"], "-o", "json", "--data", data).stdout)
    assert len(why["events"]) == 10
    assert why["events"][0]["reasons"][0]["found"] == ["authn_login_fail"]


def test_without_a_server_alerts_are_read_and_not_changed(run: Run, data: Path, collector: Collector) -> None:
    (one,) = json.loads(run("alerts", "list", "-o", "json", "--data", data).stdout)
    collector.__exit__(None, None, None)
    assert json.loads(run("alerts", "list", "-o", "json", "--data", data).stdout)[0]["id"] == one["id"]
    refused = run("alerts", "ack", one["id"], "--data", data)
    assert refused.exit_code == 2
    assert "sealtrail serve" in refused.stderr


def test_ids_and_all_together_or_neither_are_refused(run: Run, data: Path, collector: Collector) -> None:
    for arguments in ([], ["abc", "--all"], ["abc", "--level", "low"]):
        assert run("alerts", "ack", *arguments, "--data", data).exit_code == 2
    assert run("alerts", "show", "no-such-id", "--data", data).exit_code == 2
