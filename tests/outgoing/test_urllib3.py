"""What is urllib3's own: pools, retries, responses that are given up; objects stay what they were."""

from __future__ import annotations

import socket

import pytest
import urllib3

from sealtrail.outgoing.urllib3 import watch


def test_a_pool_is_watched_like_a_manager(server, events):
    with urllib3.HTTPConnectionPool("127.0.0.1", server.port) as pool:
        assert watch(watch(pool)) is pool
        answer = pool.request("GET", "/ok", headers={"A": "b"})
    assert type(answer).__name__ == "HTTPResponse"
    assert isinstance(answer, urllib3.HTTPResponse)
    assert [event["url.path"] for event in events()] == ["/ok"]


def test_pools_that_a_manager_has_already_are_watched(server, events):
    with urllib3.PoolManager() as manager:
        pool = manager.connection_from_url(server.url)
        watch(manager)
        pool.request("GET", "/ok")
    assert len(events()) == 1


def test_each_attempt_is_an_event(events):
    with socket.socket() as held, urllib3.PoolManager() as manager:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}/ok"
        with pytest.raises(urllib3.exceptions.MaxRetryError):
            watch(manager).request("GET", url, retries=urllib3.Retry(2, backoff_factor=0))
    assert [event["event.outcome"] for event in events()] == ["failure"] * 3


def test_a_response_that_is_given_up_is_recorded_as_unfinished(server, events):
    with urllib3.PoolManager() as manager:
        answer = watch(manager).request("GET", f"{server.url}/large", preload_content=False)
        assert answer.read(1000) == b"y" * 1000
        assert events() == []
        answer.close()
    (event,) = events()
    assert event["http.response.body.bytes"] >= 1000
    assert event["sealtrail.notes"] == ["response.unfinished"]


def test_the_callers_headers_are_not_touched(server):
    given = {"A": "b"}
    with urllib3.PoolManager(headers=given) as manager:
        watch(manager).request("GET", f"{server.url}/ok")
        watch(manager).request("GET", f"{server.url}/ok", headers=given)
    assert given == {"A": "b"}
    assert [seen["A"] for _, seen in server.seen] == ["b", "b"]
