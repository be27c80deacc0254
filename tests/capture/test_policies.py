from __future__ import annotations

import asyncio
import json
import logging
import os

import httpx
import pytest
from flask import Flask
from werkzeug.test import Client

import sealtrail
from sealtrail import scrub
from sealtrail.asgi import SealtrailMiddleware as AsgiMiddleware
from sealtrail.capture import context, policies, recorder
from sealtrail.capture.marks import Marks
from sealtrail.capture.plain import is_plain_text
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail
from sealtrail.logging import Filter, JSONFormatter
from sealtrail.scrub.policy import keyed, use, used
from sealtrail.structlog import Scrub
from sealtrail.wsgi import SealtrailMiddleware as WsgiMiddleware


@pytest.fixture(autouse=True)
def _own_policy(monkeypatch):
    monkeypatch.setattr(recorder, "_default", None)
    yield
    policies.forget()


def adopt(given=None, environment=""):
    policies.adopt(given, environment, lambda value: f"k:{len(value)}")


@pytest.mark.parametrize("form", ["mode", "mapping", "file"])
def test_a_policy_is_a_mode_a_mapping_or_a_file(form, tmp_path):
    path = tmp_path / "scrub.toml"
    path.write_text('mode = "hmac"\n')
    adopt({"mode": "hmac", "mapping": {"mode": "hmac"}, "file": path}[form] if form != "mode" else "hmac")
    assert scrub.text("pin=4821")[0] == "pin=[redacted:pin:k:4]"


def test_the_environment_names_a_policy_and_code_wins_over_it(tmp_path):
    adopt(environment="drop")
    assert used().mode == "drop"
    adopt("mask", "drop")
    assert used().mode == "mask"
    adopt(None, "drop")
    assert used().mode == "mask"


def test_two_policies_in_one_process_are_refused():
    adopt({"mode": "drop"})
    adopt({"mode": "drop"})
    with pytest.raises(UsageError) as caught:
        adopt("mask")
    assert caught.value.code == "usage.setting"
    assert used().mode == "drop"


@pytest.mark.parametrize("given", ["no-such-file.toml", "\0", {"mode": "x"}, {"modes": {}}])
def test_what_is_no_policy_is_refused_with_advice(given):
    with pytest.raises(UsageError) as caught:
        adopt(given)
    assert caught.value.code == "usage.setting"
    assert caught.value.hint


def test_a_file_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "scrub.toml").write_bytes(b"\xff")
    with pytest.raises(UsageError, match="UTF-8"):
        adopt(tmp_path / "scrub.toml")


def test_what_was_clean_before_a_policy_is_looked_at_again():
    assert is_plain_text("patient-ref=x1")
    adopt({"names": {"patient_ref": "drop"}})
    assert not is_plain_text("patient-ref=x1")


@pytest.mark.parametrize("word", policies.ENGINES)
def test_the_environment_chooses_the_engine(word, monkeypatch):
    monkeypatch.setattr(policies, "_engine", "")
    before = scrub.ready()
    try:
        policies.engine(word)
        assert scrub.ready() in ({word} if word != "auto" else {"standard", "hyperscan"})
    except UsageError:
        assert word == "hyperscan"
        assert before == "standard"
    finally:
        scrub.engine(use_fast=before == "hyperscan")


def test_an_engine_that_is_none_is_refused():
    with pytest.raises(UsageError) as caught:
        policies.engine("re2")
    assert "hyperscan" in caught.value.hint


def test_an_act_outside_of_requests_is_recorded_also_where_the_policy_is_none(spool, events, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_SPOOL", str(spool))
    monkeypatch.setenv("SEALTRAIL_SCRUB", "no-such-file.toml")
    assert sealtrail.audit("user.update", details={"pin": "4821"})
    assert events()[0]["sealtrail.details"] == {"pin": "[redacted:pin]"}
    recorder.default().spool.close()


def _flask(**given):
    app = Flask("tested")
    app.add_url_rule("/", view_func=lambda: "ok")
    Sealtrail(app, **given)
    app.test_client().get("/?token=abcdef").close()


def _wsgi(**given):
    app = WsgiMiddleware(Flask("tested").wsgi_app, **given)
    Client(app).get("/?token=abcdef").close()


def _asgi(**given):
    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def ask():
        transport = httpx.ASGITransport(AsgiMiddleware(app, **given))
        async with httpx.AsyncClient(transport=transport, base_url="http://tested") as client:
            await client.get("/?token=abcdef")

    asyncio.run(ask())


@pytest.mark.parametrize("door", [_flask, _wsgi, _asgi])
def test_every_door_takes_a_policy_and_refuses_what_is_none(door, spool, events, monkeypatch):
    monkeypatch.setenv("SEALTRAIL_PSEUDONYM_KEY", "k")
    with pytest.raises(UsageError):
        door(service="tested", spool=spool, scrub={"modes": "hmac"})
    door(service="tested", spool=spool, scrub={"names": {"token": "hmac"}})
    expected = f"token=[redacted:token:{keyed(b'k', 'abcdef')}]"
    assert [event["url.query"] for event in events()] == [expected]
    assert "url.query:token" in events()[0]["sealtrail.redacted"]
    recorder.default().spool.close()


def test_a_log_without_a_middleware_follows_the_environment(monkeypatch, spool):
    monkeypatch.setenv("SEALTRAIL_SPOOL", str(spool))
    monkeypatch.setenv("SEALTRAIL_SCRUB", "drop")
    entry = logging.makeLogRecord({"msg": "pin=4821", "levelno": logging.INFO})
    assert json.loads(JSONFormatter().format(entry))["message"] == "pin="
    assert Scrub()(None, "info", {"event": "x", "pin": "4821"}) == {"event": "x", "pin": ""}
    monkeypatch.setenv("SEALTRAIL_SCRUB", "no-such-file.toml")
    for made in (JSONFormatter, Filter, Scrub):
        with pytest.raises(UsageError):
            made()
    assert not spool.exists()


def test_a_policy_that_is_borrowed_is_given_back():
    use(None)
    with policies.borrowed(policies.read("drop", "test")):
        assert used().mode == "drop"
    assert used().mode == "replace"


def test_hashes_of_a_spool_that_is_no_folder_make_none(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEALTRAIL_SPOOL", "stdout:")
    monkeypatch.setenv("SEALTRAIL_SCRUB", "hmac")
    policies.follow_environment()
    assert scrub.text("pin=4821")[0].startswith("pin=[redacted:pin:")
    assert not list(tmp_path.iterdir())


def test_a_door_that_was_made_before_a_policy_lets_its_fields_go_as_well(spool, events):
    app = Flask("tested")
    app.add_url_rule("/", view_func=lambda: "ok")
    Sealtrail(app, service="first", spool=spool)
    app.test_client().get("/").close()
    WsgiMiddleware(lambda *_: [], service="second", spool=spool, scrub={"fields": {"client.ip": "drop"}})
    app.test_client().get("/").close()
    assert [event.get("client.ip") for event in events()] == ["127.0.0.1", None]
    assert {event["service.name"] for event in events()} == {"first"}


def test_who_was_described_before_a_policy_is_described_anew():
    def described():
        return context.described(Marks(), "+1 202 555 0143", user_name="a", roles=(), tenant="").user_id

    assert described() == "+1 202 555 0143"
    adopt({"groups": ["hipaa"]})
    assert described() == "[redacted:phone]"


def test_a_policy_that_everybody_may_write_or_that_is_no_file_is_none(tmp_path):
    path = tmp_path / "scrub.toml"
    path.write_text('mode = "drop"')
    path.chmod(0o646)
    with pytest.raises(UsageError, match="everybody on this machine may write it"):
        policies.read(path, "scrub")
    path.chmod(0o644)
    assert policies.read(path, "scrub").mode == "drop"
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="it is no regular file"):
        policies.read(tmp_path / "pipe", "scrub")
