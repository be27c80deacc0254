"""What is requests' own: adapters, sessions, pickles, streams."""

from __future__ import annotations

import pickle

import pytest
import requests

from sealtrail.outgoing.requests import Adapter, watch


def test_an_adapter_records_and_survives_a_pickle(server, events):
    with requests.Session() as session:
        session.trust_env = False
        session.mount("http://", pickle.loads(pickle.dumps(Adapter(propagate_to=["api.example"]))))
        session.mount("https://", Adapter(max_retries=2))
        assert session.get(f"{server.url}/ok").json() == {"a": 1}
    assert len(events()) == 1


def test_watching_twice_records_once_and_a_stream_is_not_read_ahead(server, events):
    with requests.Session() as session:
        session.trust_env = False
        answer = watch(watch(session)).get(f"{server.url}/large", stream=True)
        assert events() == []
        assert sum(len(part) for part in answer.iter_content(4096)) == 70_000
    (event,) = events()
    assert event["http.response.body.bytes"] == 70_000


def test_a_call_through_a_proxy_names_where_it_went_and_no_address(server, events):
    proxies = {"http": server.url}
    with watch(requests.Session()) as session:
        session.trust_env = False
        session.get("http://pay.example/ok?x=1", proxies=proxies)
    (event,) = events()
    assert event["destination.domain"] == "pay.example"
    assert event["destination.port"] == 80
    assert event["url.original"] == "/ok?x=1"
    assert "destination.ip" not in event
    assert event["sealtrail.notes"] == ["destination.proxied"]


def test_a_session_of_another_kind_of_adapter_is_left_alone():
    class Other(requests.adapters.BaseAdapter):
        pass

    session = requests.Session()
    session.mount("mem://", Other())
    assert watch(session) is session
    with pytest.raises(NotImplementedError):
        session.get("mem://x")
