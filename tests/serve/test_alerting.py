from __future__ import annotations

import time

import pytest

from sealtrail.collect.inbox import ask
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.event import canonical
from sealtrail.follow.state import save_json
from sealtrail.serve.alerting import Alerting
from sealtrail.serve.folder import Folder

RULE = "brute_force_by_address"


def fail_logins(collector, line, emitter="app", address="203.0.113.9", count=12):
    """Failed logins of now, which raise one alert for the address (and none for a name)."""
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    lines = []
    for seq in range(count):
        _, fields = line(seq, emitter)
        fields |= {
            "@timestamp": f"{moment}.{seq:06}Z",
            "sealtrail.kind": "authentication",
            "event.action": "authn_login_fail",
            "client.ip": address,
        }
        lines.append((canonical(fields), fields))
    collector.submit("key:1", lines)
    assert collector.settle()


def test_an_alert_is_listed_explained_acknowledged_and_closed(collecting, line, tmp_path):
    with collecting(guard=True) as collector:
        fail_logins(collector, line)
        alerts = collector.guard.alerts
        (one,) = alerts.newest("open")
        assert (one.level, one.key, one.count) == ("high", {"client.ip": "203.0.113.9"}, 10)
        assert [block.address for block in one.blocks] == ["203.0.113.9"]
        why = alerts.why(one.id[:8])
        assert why.counted == "at least 10 events for one client.ip within 1m"
        assert len(why.events) == 10
        assert {evidence.rule for evidence in why.events} == {"Failed login"}
        assert [reason.found for reason in why.events[0].reasons] == [("authn_login_fail",)]
        assert alerts.act("ack", [one.id], by="ann") == {"changed": [one.id], "unchanged": []}
        assert alerts.get(one.id).state == "acknowledged"
        assert alerts.act("ack", [one.id], by="bob") == {"changed": [], "unchanged": [one.id]}
        with pytest.raises(UsageError, match="needs a reason"):
            alerts.act("close", [one.id], by="ann", reason="  ")
        alerts.act("close", [one.id], by="ann", reason="load test")
        assert alerts.counts() == {"open": 0, "acknowledged": 0, "closed": 1}
        assert alerts.newest("active") == []
        collector.settle()
        acts = collector.reading.search(f"sealtrail.alert.id:{one.id}")
        assert [(row.fields["event.action"], row.fields["user.id"]) for row in acts] == [
            ("sealtrail.alert.close", "ann"),
            ("sealtrail.alert.ack", "ann"),
        ]
    offline = Alerting.open(Folder(tmp_path / "data"))
    (closed,) = offline.newest()
    assert (closed.state, [done.reason for done in closed.acts]) == ("closed", ["", "load test"])
    assert len(offline.why(one.id).events) == 10
    with pytest.raises(UsageError, match="no server"):
        offline.act("ack", [one.id], by="x")


def test_who_reads_beside_a_server_sees_what_was_done_a_moment_ago(collecting, line, tmp_path):
    with collecting(guard=True) as collector:
        fail_logins(collector, line)
        (one,) = Alerting.open(Folder(tmp_path / "data")).newest()
        collector.guard.alerts.act("ack", [one.id], by="ann")
        assert Alerting.open(Folder(tmp_path / "data")).get(one.id).state == "acknowledged"


def test_many_are_acknowledged_at_once_each_with_an_event_of_its_own(collecting, line):
    with collecting("[response]\nsimulate = true\n", guard=True) as collector:
        for place in range(3):
            fail_logins(collector, line, f"app-{place}", f"203.0.113.{place}")
        alerts = collector.guard.alerts
        ids = [one.id for one in alerts.newest(rule="Brute force of logins from one address")]
        done = alerts.act("ack", ids, by="ann", reason="looking")
        assert len(done["changed"]) == 3
        collector.settle()
        assert collector.reading.count("event.action:sealtrail.alert.ack") == 3


def test_an_act_that_a_crash_repeats_does_not_undo_what_came_after_it(collecting, line, tmp_path):
    with collecting(guard=True) as collector:
        fail_logins(collector, line)
        alerts = collector.guard.alerts
        (one,) = alerts.newest()
        close = {"act": "alerts", "verb": "close", "ids": [one.id], "reason": "x", "by": "ann"}
        assert ask(collector.folder.inbox, close)["changed"] == [one.id]
        assert ask(collector.folder.inbox, close)["unchanged"] == [one.id]
        alerts.act("reopen", [one.id], by="ann", request="r0")
        assert alerts.act("close", [one.id], by="ann", reason="x", request="r1")["changed"] == [one.id]
        alerts.act("reopen", [one.id], by="bob", request="r2")
    save_json(tmp_path / "data" / "state" / "inbox" / "r1.request", close)
    with collecting(guard=True) as collector:
        ask(collector.folder.inbox, {"act": "blocks", "by": "ann"})
        assert collector.guard.alerts.get(one.id).state == "open"


def test_what_is_not_there_or_not_meant_is_refused_before_anything_is_done(collecting, line):
    with collecting(guard=True) as collector:
        fail_logins(collector, line)
        alerts = collector.guard.alerts
        (one,) = alerts.newest()
        for wrong in ([], [f"id-{n}" for n in range(2000)]):
            with pytest.raises(UsageError):
                alerts.act("ack", wrong, by="ann")
        with pytest.raises(UsageError, match="nothing that can be done"):
            alerts.act("delete", [one.id], by="ann")
        with pytest.raises(UsageError, match="at most"):
            alerts.act("close", [one.id], by="ann", reason="x" * 5000)
        with pytest.raises(UsageError, match="no state"):
            alerts.newest("open, please")
        for missing in ("no-such-alert", one.id[:3], ""):
            with pytest.raises(NotFoundError):
                alerts.act("ack", [one.id, missing], by="ann")
        assert alerts.get(one.id).state == "open"


def test_an_alert_whose_rule_or_events_are_gone_still_has_its_story(collecting, line, tmp_path):
    rule = tmp_path / "own.yml"
    rule.write_text(
        "title: Own\nid: 0d4a6b0a-6d3c-4c52-9f2e-0c2b35a4bb10\nlogsource: {product: sealtrail}\n"
        "detection: {a: {url.path: /things/3}, condition: a}\n"
    )
    with collecting(guard=True, rules=[rule]) as collector:
        collector.submit("key:1", [line(3)])
        collector.settle()
        (one,) = collector.guard.alerts.newest()
        assert collector.guard.alerts.why(one.id).events[0].reasons[0].found == ("/things/3",)
        gone = collector.guard.alerts._evidence("access/99", ())
        assert "access/99" in gone.gone
        assert "not an address" in collector.guard.alerts._evidence("nonsense", ()).gone
    why = Alerting.open(Folder(tmp_path / "data")).why(one.id)
    assert why.rule is None
    assert [evidence.reasons for evidence in why.events] == [()]
    assert Alerting.open(Folder(tmp_path / "data"), [rule]).why(one.id).rule["title"] == "Own"


def test_a_trusted_proxy_is_never_blocked_and_its_refusals_feed_no_rule(collecting, line):
    settings = '[response]\ntrusted-proxies = ["203.0.113.0/28"]\n'
    with collecting(settings, guard=True) as collector:
        fail_logins(collector, line)
        (one,) = collector.guard.alerts.newest()
        assert [block.refused for block in one.blocks] == [
            "the address is one of our own, or a trusted proxy"
        ]
        with pytest.raises(UsageError, match="trusted proxy"):
            collector.guard.desk.block("203.0.113.5", 60, reason="x", by="ann")
        before = collector.guard.engine.facts()
        own = {"sealtrail.own": True, "http.response.status_code": 403, "url.path": "/a"}
        collector.submit("key:2", [line(seq, "own", **own) for seq in range(50)])
        assert collector.settle()
        after = collector.guard.engine.facts()
        assert (after.events, after.alerts) == (before.events, before.alerts)


def test_a_proxy_that_is_no_address_is_refused_at_the_start(collecting):
    settings = '[response]\ntrusted-proxies = ["the proxy"]\n'
    with pytest.raises(UsageError, match="is not an address or network"), collecting(settings, guard=True):
        pass


def test_a_block_request_that_a_crash_repeats_is_one_event(collecting, tmp_path):
    request = tmp_path / "data" / "state" / "inbox" / "0123.request"
    act = {"act": "block", "address": "203.0.113.9", "seconds": 600, "reason": "x", "by": "ann"}
    for _ in range(2):
        with collecting(guard=True) as collector:
            save_json(request, act)
            ask(collector.folder.inbox, {"act": "blocks", "by": "ann"})
            collector.settle()
            assert len(collector.guard.desk.blocks()) == 1
            assert collector.reading.count("event.action:sealtrail.block") == 1
