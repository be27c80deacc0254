from __future__ import annotations

import json

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

import sealtrail
from sealtrail.capture import recorder
from sealtrail.capture.identity import signin
from sealtrail.spool.layout import segments

TOKEN = "Zq8xW2nL5vB7cT1kR4mY6pJ3"


@pytest.mark.parametrize(
    ("call", "action", "outcome", "kind"),
    [
        (sealtrail.mfa_succeeded, "authn_mfa_success", "success", "start"),
        (sealtrail.mfa_failed, "authn_mfa_fail", "failure", "start"),
        (sealtrail.login_locked, "authn_login_lock", "success", "info"),
        (sealtrail.login_limit_reached, "authn_login_fail_max", "failure", "start"),
        (sealtrail.password_changed, "authn_password_change", "success", "change"),
        (sealtrail.password_change_failed, "authn_password_change_fail", "failure", "change"),
        (sealtrail.token_created, "authn_token_created", "success", "info"),
        (sealtrail.token_revoked, "authn_token_revoked", "success", "info"),
        (sealtrail.token_deleted, "authn_token_delete", "success", "info"),
        (sealtrail.token_reused, "authn_token_reuse", "failure", "start"),
        (sealtrail.token_refused, "authn_token_fail", "failure", "start"),
        (sealtrail.oauth_failed, "authn_login_fail", "failure", "start"),
    ],
)
def test_each_says_what_happened_and_how_it_ended(made, events, call, action, outcome, kind):
    assert call() is True
    (event,) = events()
    assert (event["event.action"], event["event.outcome"]) == (action, outcome)
    assert (event["event.category"], event["event.type"]) == (["authentication"], [kind])
    assert "user.id" not in event


def test_a_second_factor_says_which_and_whose(made, events):
    sealtrail.mfa_succeeded("7", factor="totp")
    sealtrail.mfa_failed("7", factor=["sms"], attempts=2)
    right, wrong = events()
    assert (right["user.id"], right["sealtrail.auth.factors"], right["sealtrail.auth.mfa"]) == (
        "7",
        ["totp"],
        True,
    )
    assert (wrong["event.reason"], wrong["sealtrail.auth.attempts"]) == ("mfa_failed", 2)
    assert wrong["sealtrail.auth.factors"] == ["sms"]


def test_a_name_is_hashed_alike_wherever_it_is_told(made, events):
    sealtrail.login_failed("Ann@shop.example")
    sealtrail.login_limit_reached(" ann@shop.example", limit=5)
    sealtrail.login_locked("ann@shop.example")
    found = events()
    assert len({event["user.hash"] for event in found}) == 1
    assert "ann" not in json.dumps(found).lower()


def test_who_changes_anothers_password_is_told_with_whose_it_was(made, events):
    with sealtrail.actor("admin1"):
        sealtrail.password_changed("7", reason="reset")
    sealtrail.password_changed("7")
    by_admin, by_self = events()
    assert (by_admin["user.id"], by_admin["sealtrail.target.type"], by_admin["sealtrail.target.id"]) == (
        "admin1",
        "user",
        "7",
    )
    assert by_self["user.id"] == "7"
    assert "sealtrail.target.id" not in by_self


def test_a_token_is_hashed_as_a_request_with_it_is(app: Flask, events, spool):
    app.add_url_rule("/keys", "keys", lambda: str(sealtrail.token_created("7", token=TOKEN, scopes=["read"])))
    client = app.test_client()
    client.get("/keys")
    client.get("/id", headers={"Authorization": f"Bearer {TOKEN}"})
    client.get("/id", headers={"X-API-Key": TOKEN})
    made, _, bearer, header = events()
    hashes = {event["sealtrail.auth.token_hash"] for event in (made, bearer, header)}
    assert len(hashes) == 1
    assert made["sealtrail.details"] == {"scopes": ["read"]}
    assert all(TOKEN.encode() not in path.read_bytes() for path in spool.rglob("*") if path.is_file())


def test_what_an_oauth_library_raises_gives_the_reason(made, events):
    class OAuthError(Exception):
        error = "access_denied"

    sealtrail.oauth_failed(OAuthError("no"), provider="https://id.example")
    sealtrail.oauth_failed(KeyError("state"), provider="https://id.example")
    sealtrail.oauth_failed("state_mismatch", method="saml")
    assert [event["event.reason"] for event in events()] == ["access_denied", "KeyError", "state_mismatch"]
    assert [event["sealtrail.auth.method"] for event in events()] == ["oidc", "oidc", "saml"]


@given(value=st.text(alphabet=st.characters(categories=("L", "N")), min_size=12, max_size=60))
def test_no_name_token_or_session_is_ever_in_a_line(tmp_path_factory, value):
    spool = tmp_path_factory.mktemp("spool")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "_default", None)
        patch.setenv("SEALTRAIL_PSEUDONYM_KEY", "for tests")
        made = recorder.configured("shop", spool=spool)
        assert signin.told("a.b", "failure", name=value, token=value, session=value)
        assert sealtrail.login_failed(value)
        written = b"".join(path.read_bytes() for _, path in segments(spool))
        made.spool.close()
    assert written.count(b"\n") == 2
    assert value.encode() not in written
    assert json.dumps(value).strip('"').encode() not in written


@pytest.mark.parametrize(
    "value", [object(), b"\xff\xfe", "\ud800", float("nan"), ["x"] * 100, {"a": object()}, 10**30]
)
def test_hostile_values_never_raise(made, events, value):
    for name in ("mfa_failed", "login_locked", "token_created", "token_refused", "oauth_failed"):
        assert getattr(sealtrail, name)(value) is True
    assert sealtrail.mfa_failed(value, factor=value, reason=value, attempts=value, details=value) is True
    assert len(events()) == 6


def test_a_fault_of_ours_is_counted_and_not_raised(made, monkeypatch):
    monkeypatch.setattr(signin, "about", lambda *_: 1 / 0)
    assert sealtrail.mfa_failed("7") is False
    assert made.errors == 1
