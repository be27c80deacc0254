from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from sealtrail.errors import NotFoundError, QueryError, UsageError
from sealtrail.serve.holding import Wanted, asked, listed, operate
from sealtrail.serve.source import Where, source

MATTER = Wanted("case-17", "Alice v. Shop", query="user.id:alice", since="2026-01-01", ordered="counsel")
NOW = datetime(2026, 11, 24, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (Wanted("Case 17", "x", query="*"), "no name for a hold"),
        (Wanted("../x", "x", query="*"), "no name for a hold"),
        (Wanted("x" * 65, "x", query="*"), "no name for a hold"),
        (Wanted("x", "x"), "a hold is on something"),
        (Wanted("x", " ", query="*"), "a reason has 1 to"),
        (Wanted("x", "y" * 2001, query="*"), "a reason has 1 to"),
        (Wanted("x", "y", query="z" * 2001), "at most 2,000"),
        (Wanted("x", "y", trail="orders"), "is no trail: access, audit"),
        (Wanted("x", "y", since="2026-02-01", until="2026-01-01"), "nothing lies from"),
    ],
)
def test_a_hold_that_cannot_be_is_refused(wanted, why):
    with pytest.raises(UsageError, match=why):
        asked(wanted, "rita", NOW)


@pytest.mark.parametrize("query", ["user.id:(", "a) or (b", "@timestamp>=never"])
def test_a_query_that_cannot_be_read_is_refused_when_it_is_placed(query):
    with pytest.raises(QueryError):
        asked(Wanted("x", "y", query=query), "rita", NOW)


def test_acts_are_events_and_the_list_is_what_they_say(collecting, tmp_path):
    data = tmp_path / "data"
    with collecting() as collector:
        held = collector.holding.place(MATTER, "rita")
        assert collector.holding.place(MATTER, "rita") == held  # the same again is no news
        with pytest.raises(UsageError, match="in force already"):
            collector.holding.place(Wanted("case-17", "another", query="*"), "rita")
        assert (held.since, held.until, held.ordered) == ("2026-01-01T00:00:00.000000Z", "", "counsel")
        event = collector.reading.entry("audit", int(held.address.partition("/")[2])).fields
        assert event["event.action"] == "sealtrail.hold"
        assert (event["user.id"], event["event.reason"]) == ("rita", "Alice v. Shop")
        # Through the inbox, as beside a running server.
        wanted = {"name": "b", "reason": "r", "trail": "audit"}
        act = {"verb": "place", "wanted": wanted, "by": "bo"}
        thread = threading.Thread(target=operate, args=(data, act))
        thread.start()
        thread.join()
        assert [(one.name, one.by) for one in collector.holding.listed()] == [
            ("b", "bo"),
            ("case-17", "rita"),
        ]
        ended = collector.holding.release("case-17", "settled", "rolf")
        assert (ended.released_by, ended.released_why) == ("rolf", "settled")
        with pytest.raises(NotFoundError, match="no hold 'case-17' is in force"):
            collector.holding.release("case-17", "settled", "rolf")
        with pytest.raises(UsageError, match="holds have no"):
            collector.holding.operate({"verb": "x"})
    assert [(one.name, bool(one.released)) for one in listed(data)] == [("b", False), ("case-17", True)]


def test_without_a_server_the_folder_is_opened_for_the_act(collecting, tmp_path):
    with collecting():
        pass
    here = source(Where(tmp_path / "data"))
    assert here.hold(MATTER)["name"] == "case-17"
    assert [one["name"] for one in here.holds()] == ["case-17"]
    assert here.release("case-17", "settled")["released_why"] == "settled"
