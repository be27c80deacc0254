"""Every signal of Flask-Security, sent by blinker as it sends them: `make test-signins` runs it itself."""

from __future__ import annotations

import sys
import types
from types import SimpleNamespace

import blinker
import pytest
from flask import Flask

from sealtrail.flask import Sealtrail, security

PASSWORD = "nine green boats at anchor"
WRONG = "harbour-Pa55-wrong"
TOKEN = "Zq8xW2nL5vB7cT1kR4mY6pJ3"


class Person(SimpleNamespace):
    is_authenticated = True

    def get_id(self):
        return "a uniquifier"


ANN = Person(id=7, email="ann@shop.example", roles=[SimpleNamespace(name="clerk")])


@pytest.fixture
def sending(recording, monkeypatch):
    """Sends signals by Flask-Security's names, within a request of an application with the door."""
    signals = types.ModuleType("flask_security.signals")
    for name in security._LISTENERS:
        setattr(signals, name, blinker.Signal())
    monkeypatch.setitem(sys.modules, "flask_security.signals", signals)

    def send(name, /, **given):
        app = Flask("shop")
        app.secret_key = "for tests"
        Sealtrail(app, service="shop", spool=recording)
        app.add_url_rule("/", "do", lambda: str(len(getattr(signals, name).send(app, **given))))
        assert app.test_client().get("/", buffered=True).data == b"1"

    return send


def _signin(events):
    return next(event for event in events() if event["sealtrail.kind"] != "request")


@pytest.mark.parametrize(
    ("name", "given", "action", "found"),
    [
        (
            "user_authenticated",
            {"authn_via": ["password"]},
            "authn_login_success",
            {"sealtrail.auth.method": "password", "user.roles": ["clerk"], "user.name": "ann@shop.example"},
        ),
        (
            "user_failed_authn",
            {"auth_type": "password", "tfa": False},
            "authn_login_fail",
            {"event.reason": "bad_password", "sealtrail.auth.method": "password"},
        ),
        (
            "user_failed_authn",
            {"auth_type": "passcode", "tfa": True},
            "authn_mfa_fail",
            {"event.reason": "bad_code", "sealtrail.auth.factors": ["passcode"]},
        ),
        ("password_changed", {}, "authn_password_change", {"user.id": "7"}),
        ("password_reset", {}, "authn_password_change", {"event.reason": "reset"}),
        (
            "reset_password_instructions_sent",
            {"token": TOKEN},
            "authn_token_created",
            {"sealtrail.auth.method": "link", "sealtrail.details": {"scopes": ["password_reset"]}},
        ),
        ("login_instructions_sent", {"login_token": TOKEN}, "authn_token_created", {"user.id": "7"}),
        ("tf_code_confirmed", {"method": "totp"}, "authn_mfa_success", {"sealtrail.auth.factors": ["totp"]}),
        (
            "tf_security_token_sent",
            {"method": "sms", "token": TOKEN, "phone_number": "+4915112345678"},
            "authn_token_created",
            {"sealtrail.auth.method": "code"},
        ),
        ("tf_profile_changed", {"method": "totp"}, "user.mfa.update", {"sealtrail.target.id": "7"}),
        ("tf_disabled", {}, "user.mfa.disable", {"sealtrail.target.type": "user"}),
        ("user_registered", {"form_data": {"password": WRONG}}, "user_created", {"sealtrail.target.id": "7"}),
        ("user_confirmed", {}, "user_updated", {"sealtrail.details": {"attributes": ["confirmed"]}}),
        ("wan_registered", {"name": "key"}, "user.passkey.add", {"sealtrail.target.id": "7"}),
        ("refresh_tracker_revoked", {"refresh_tracker": object()}, "authn_token_revoked", {"user.id": "7"}),
    ],
)
def test_each_signal_is_an_event(sending, events, recording, name, given, action, found):
    sending(name, user=ANN, **given)
    event = _signin(events)
    assert event["event.action"] == action
    assert {field: event.get(field) for field in found} == found
    written = b"".join(path.read_bytes() for path in recording.rglob("*") if path.is_file())
    assert not any(secret.encode() in written for secret in (TOKEN, WRONG, "4915112345678"))


def test_an_attempted_name_is_a_hash_also_where_the_user_was_found(sending, events):
    sending("user_failed_authn", user=ANN, auth_type="password", tfa=False)
    event = _signin(events)
    assert len(event["user.hash"]) == 32
    assert not {"user.name", "user.id"} & set(event)


def test_a_page_that_asks_to_sign_in_first_is_told(sending, events):
    sending("user_unauthenticated")
    assert _signin(events)["event.action"] == "authn_required"


def test_a_session_that_is_made_anew_with_a_new_password_is_no_login(sending, events):
    sending("user_authenticated", user=ANN, authn_via=["change"])
    assert [event["sealtrail.kind"] for event in events()] == ["request"]


def test_a_fault_of_ours_never_reaches_who_signs_in(sending, events, monkeypatch):
    monkeypatch.setattr(security, "session_id", lambda: 1 / 0)
    sending("user_authenticated", user=ANN, authn_via=["password"])
    assert [event["sealtrail.kind"] for event in events()] == ["request"]
