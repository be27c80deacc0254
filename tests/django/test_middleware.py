from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest
from asgiref.sync import iscoroutinefunction
from django.conf import settings

from sealtrail.capture import exchange, ordinary
from sealtrail.errors import UsageError
from sealtrail.spool.layout import Block, BlockList, publish_blocks

SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.mark.parametrize("view", ["", "/async"])
def test_a_request_says_what_on_which_object_and_how_it_ended(ask, events, view):
    answer = ask(f"{view}/items/7?page=2", headers={"User-Agent": "curl/8"})
    (event,) = events()
    assert event["sealtrail.kind"] == "request"
    assert (event["url.path"], event["url.query"]) == (f"{view}/items/7", "page=2")
    assert event["url.original"] == f"{view}/items/7?page=2"
    assert (event["http.route"], event["http.response.status_code"]) == (f"{view}/items/<int:number>", 200)
    assert event["sealtrail.object.id"] == "7"
    assert (event["http.response.body.bytes"], event["user_agent.original"]) == (len(answer.body), "curl/8")
    assert (event["service.name"], event["event.outcome"]) == ("tested", "success")
    assert "sealtrail.notes" not in event


@pytest.mark.parametrize(
    ("target", "route"),
    [("/api/v1/x/", "/api/v1/<slug:name>/"), ("/old/7", r"^old/(?P<number>\d+)$"), ("/nowhere", None)],
)
def test_the_route_is_the_template_with_what_includes_it(ask, events, target, route):
    ask(target)
    assert events()[0].get("http.route") == route


@pytest.mark.parametrize("view", ["", "/async"])
def test_an_exception_is_a_500_with_its_class(ask, events, view):
    assert ask(f"{view}/boom").status == 500
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "KeyError")
    assert (event["event.outcome"], event["http.route"]) == ("failure", f"{view}/boom")


def test_an_exception_that_propagates_is_recorded_and_still_propagates(ask, events, monkeypatch):
    monkeypatch.setattr(settings, "DEBUG_PROPAGATE_EXCEPTIONS", True)
    try:
        raised = ask("/boom").raised
    except KeyError as error:
        raised = error
    assert isinstance(raised, KeyError)
    (event,) = events()
    assert (event["http.response.status_code"], event["error.type"]) == (500, "KeyError")


@pytest.mark.parametrize(("kind", "view"), [("wsgi", ""), ("asgi", "/async")], indirect=["kind"])
def test_a_stream_is_recorded_at_its_last_byte_with_all_its_bytes(ask, events, kind, view):
    assert ask(f"{view}/stream").body == b"a" * 10 + b"b" * 5
    (event,) = events()
    assert (event["http.response.body.bytes"], event["event.outcome"]) == (15, "success")


@pytest.mark.parametrize(("kind", "view"), [("wsgi", ""), ("asgi", "/async")], indirect=["kind"])
def test_an_exception_in_mid_stream_is_a_failure_and_not_the_200(ask, events, kind, view):
    assert isinstance(ask(f"{view}/stream/broken").raised, ValueError)
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("failure", "ValueError")
    assert "response.broken:200" in event["sealtrail.notes"]


@pytest.mark.parametrize(("kind", "view"), [("wsgi", ""), ("asgi", "/async")], indirect=["kind"])
def test_a_client_that_goes_away_leaves_an_unknown_outcome(ask, events, kind, view):
    ask(f"{view}/stream", draw=1)
    (event,) = events()
    assert (event["event.outcome"], event["http.response.body.bytes"]) == ("unknown", 10)
    assert event["sealtrail.notes"] == ["response.unfinished"]


@pytest.mark.parametrize("kind", ["asgi"], indirect=True)
def test_a_view_that_is_cancelled_because_its_client_has_gone_is_recorded(ask, events, kind):
    ask("/wait", draw=0)
    (event,) = events()
    assert (event["event.outcome"], event["error.type"]) == ("unknown", "asyncio.exceptions.CancelledError")
    assert "http.response.status_code" not in event


@pytest.mark.parametrize("kind", ["asgi"], indirect=True)
@pytest.mark.parametrize("target", ["/items/1", "/async/items/1", "/async/stream", "/none"])
def test_under_asgi_the_record_is_there_before_an_answer_is_whole(ask, events, kind, target):
    there = []

    def watched(handler):
        async def serve(scope, receive, send):
            async def sending(message):
                if message["type"] == "http.response.body" and not message.get("more_body"):
                    there.append(len(events()))
                await send(message)

            await handler(scope, receive, sending)

        return serve

    ask(target, wrap=watched)
    assert there == [1]
    assert len(events()) == 1


# Under ASGI Django itself warns of a file, which cannot be read asynchronously.
@pytest.mark.parametrize("kind", ["wsgi"], indirect=True)
def test_a_file_is_counted_part_by_part(ask, events, kind):
    answer = ask("/file", **{"wsgi.file_wrapper": lambda *_: pytest.fail("not through the server")})
    assert len(answer.body) == 10_000
    assert answer.headers["content-length"] == "10000"
    assert events()[0]["http.response.body.bytes"] == 10_000


def test_the_request_id_is_taken_over_sent_back_and_known_within(ask, events):
    answer = ask("/id", headers={"X-Request-ID": "order-12345678"})
    assert (answer.body, answer.headers["x-request-id"]) == (b"order-12345678", "order-12345678")
    made = ask("/async/items/1", headers={"X-Request-ID": "a b<script>"})
    assert json.loads(made.body)["id"] == made.headers["x-request-id"]
    assert [event["http.request.id"] for event in events()] == [
        "order-12345678",
        made.headers["x-request-id"],
    ]


def test_a_path_is_decoded_beside_the_target_as_it_came(ask, events, kind):
    decoded = "/caf\u00e9/a b"
    if kind == "wsgi":
        ask("/caf%C3%A9/a%20b", PATH_INFO=decoded.encode().decode("latin-1"))
    else:
        ask("/caf%C3%A9/a%20b", path=decoded)
    (event,) = events()
    assert (event["url.original"], event["url.path"]) == ("/caf%C3%A9/a%20b", decoded)
    assert "sealtrail.notes" not in event


def test_the_client_is_who_the_trusted_proxy_says(ask, events):
    ask("/id", headers={"X-Forwarded-For": "6.6.6.6, 203.0.113.9"})
    (event,) = events()
    assert (event["client.ip"], event["source.ip"]) == ("203.0.113.9", "10.0.0.1")


def test_a_secret_in_path_query_header_or_form_reaches_no_file(ask, spool):
    ask(f"/items/7?api_key={SECRET}&next={quote('https://x.example/?access_token=' + SECRET)}")
    ask(f"/nowhere/{SECRET}", headers={"Authorization": f"Bearer {SECRET}", "Cookie": f"session={SECRET}"})
    ask("/id", headers={"Referer": f"https://x.example/?password={quote(SECRET)}"})
    ask("/login", "POST", body=f"name={SECRET}&password={SECRET}".encode())
    ask(f"/boom?q={SECRET}")
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert written.count(b"\n") >= 6
    assert SECRET.encode() not in written


def test_a_blocked_address_is_refused_before_the_application_runs(ask, events, spool):
    spool.mkdir()
    now = time.time()
    publish_blocks(spool, BlockList(now, (Block("203.0.113.9", now + 60, "b1"),)))
    answer = ask("/items/7", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (answer.status, json.loads(answer.body)["error"]) == (403, "blocked")
    assert answer.headers["content-length"] == str(len(answer.body))
    (event,) = events()
    assert (event["sealtrail.own"], event["sealtrail.policy.rule"]) == (True, "block:b1")
    assert "sealtrail.object.id" not in event


def test_an_application_that_is_wrapped_as_a_whole_is_recorded_once_with_what_django_knows(
    ask, events, kind, spool
):
    from sealtrail import asgi, wsgi

    door = wsgi.SealtrailMiddleware if kind == "wsgi" else asgi.SealtrailMiddleware

    def wrap(app):
        return door(app, service="outside", spool=spool)

    ask("/items/7", wrap=wrap)
    ask("/login", "POST", body=b"name=alice&password=boats", wrap=wrap)
    ask("/whoami", wrap=wrap)
    requests = [event for event in events() if event["sealtrail.kind"] == "request"]
    assert [event["service.name"] for event in requests] == ["outside"] * 3
    assert [event["http.route"] for event in requests] == ["/items/<int:number>", "/login", "/whoami"]
    assert (requests[2]["user.name"], len(requests[2]["sealtrail.session.hash"])) == ("alice", 32)


@pytest.mark.parametrize("part", ["exchange", "record", "note"])
def test_a_fault_of_ours_never_reaches_the_application(ask, monkeypatch, part, kind):
    from sealtrail.capture import recorder
    from sealtrail.django import middleware

    def broken(*_, **__):
        raise RuntimeError("ours")

    if part == "exchange":
        monkeypatch.setattr(exchange, "new_ids", broken)
    elif part == "record":
        monkeypatch.setattr(ordinary, "line", broken)
    else:
        monkeypatch.setattr(middleware.DjangoExchange, "_respond", broken)
    assert ask("/items/7").body == b"item 7"
    assert recorder.default().errors == 1


def test_a_setting_that_is_not_known_is_refused_by_name(project, monkeypatch):
    from sealtrail.django import SealtrailMiddleware

    monkeypatch.setattr(settings, "SEALTRAIL", {"servise": "shop"})
    with pytest.raises(UsageError, match="'servise'"):
        SealtrailMiddleware(lambda _: None)


def test_a_policy_of_scrubbing_is_a_setting(project, tmp_path, monkeypatch):
    from sealtrail.capture import policies
    from sealtrail.django import SealtrailMiddleware
    from sealtrail.scrub.policy import used

    monkeypatch.setattr(settings, "SEALTRAIL", {"spool": tmp_path / "s", "scrub": {"mode": "mask"}})
    try:
        SealtrailMiddleware(lambda _: None)
        assert used().mode == "mask"
        monkeypatch.setattr(settings, "SEALTRAIL", {"spool": tmp_path / "s", "scrub": "no-such.toml"})
        with pytest.raises(UsageError, match=r"no-such\.toml"):
            SealtrailMiddleware(lambda _: None)
    finally:
        policies.forget()


def test_the_middleware_is_what_the_stack_around_it_is(project, tmp_path, monkeypatch):
    from sealtrail.django import SealtrailMiddleware

    async def coroutine(_):
        return None

    monkeypatch.setattr(settings, "SEALTRAIL", {"spool": tmp_path / "s"})
    assert iscoroutinefunction(SealtrailMiddleware(coroutine))
    assert not iscoroutinefunction(SealtrailMiddleware(lambda _: None))
