from __future__ import annotations

import json

import pytest

import sealtrail
from sealtrail.capture.identity.sparing import told_by
from sealtrail.errors import UsageError
from sealtrail.flask import Sealtrail, signin

PASSWORD = "boats"
WRONG = "harbour-Pa55-wrong"


def _of_kind(found, kind):
    return [event for event in found if event["sealtrail.kind"] == kind]


@pytest.mark.parametrize("early", [False, True])
def test_signing_in_and_out_is_recorded_without_a_word_of_the_application(shop, events, early):
    client = shop(early=early).test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    client.get("/orders")
    client.get("/logout")
    client.get("/open")
    succeeded, left = _of_kind(events(), "authentication")
    assert (succeeded["event.action"], succeeded["user.id"], succeeded["user.name"]) == (
        "authn_login_success",
        "7",
        "ann@shop.example",
    )
    assert (succeeded["user.roles"], succeeded["sealtrail.auth.provider"]) == (
        ["clerk", "auditor"],
        "flask_login",
    )
    assert (left["event.action"], left["user.id"]) == ("session_logout", "7")
    requests = _of_kind(events(), "request")
    assert [event["user.id"] for event in requests] == ["7", "7", "7", "anonymous"]
    assert requests[1]["user.roles"] == ["clerk", "auditor"]


def test_who_has_to_sign_in_first_is_told_once_a_while_with_how_often(shop, events):
    app = shop()
    client = app.test_client()
    assert [client.get("/orders").status_code for _ in range(5)] == [401] * 5
    (asked,) = _of_kind(events(), "authentication")
    assert (asked["event.action"], asked["event.reason"], asked["event.outcome"]) == (
        "authn_required",
        "no_session",
        "failure",
    )
    assert len(_of_kind(events(), "request")) == 5
    told_by(app.extensions["sealtrail"]).once.interval = 0.0
    client.get("/orders")
    assert _of_kind(events(), "authentication")[-1]["sealtrail.auth.attempts"] == 4


def test_a_failed_login_keeps_no_name_and_is_told_once(shop, events, recording):
    client = shop().test_client()
    client.post("/login", data={"name": "ann-typed-" + WRONG, "password": WRONG})
    (failed,) = _of_kind(events(), "authentication")
    assert (failed["event.action"], failed["event.reason"]) == ("authn_login_fail", "bad_password")
    assert len(failed["user.hash"]) == 32
    written = b"".join(path.read_bytes() for path in recording.rglob("*") if path.is_file())
    assert WRONG.encode() not in written


def test_a_session_made_of_a_remember_cookie_is_not_fresh_until_it_is_confirmed(shop, events):
    client = shop().test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD, "remember": "1"})
    client.delete_cookie("session")
    client.get("/orders")
    client.get("/payout")
    client.get("/confirm")
    assert client.get("/payout").data == b"paid"
    _, remembered, refused, confirmed = _of_kind(events(), "authentication")
    assert (remembered["event.action"], remembered["sealtrail.auth.method"], remembered["user.id"]) == (
        "session_created",
        "remember_cookie",
        "7",
    )
    assert (refused["event.reason"], refused["user.id"]) == ("not_fresh", "7")
    assert (confirmed["event.action"], confirmed["user.id"]) == ("session_renewed", "7")


def test_a_session_that_comes_from_another_client_is_told(shop, events):
    app = shop()
    app.config["SESSION_PROTECTION"] = "strong"
    client = app.test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD}, headers={"User-Agent": "one"})
    assert client.get("/orders", headers={"User-Agent": "another"}).status_code == 401
    actions = [event["event.action"] for event in _of_kind(events(), "authentication")]
    assert actions == ["authn_login_success", "session_protected", "authn_required"]


def test_a_session_has_one_hash_however_often_its_cookie_is_signed_anew(shop, events, recording):
    app = shop()
    client = app.test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    cookie = client.get_cookie("session").value
    client.get("/orders")
    client.set_cookie("session", f"{cookie.rpartition('.')[0]}.AnotherSignatureOfTheSame")
    client.get("/open")
    requests = _of_kind(events(), "request")
    assert "sealtrail.session.hash" not in requests[0]
    assert requests[1]["sealtrail.session.hash"] == requests[2]["sealtrail.session.hash"]
    written = b"".join(path.read_bytes() for path in recording.rglob("*") if path.is_file())
    assert cookie.encode() not in written
    assert max(cookie.split("."), key=len).encode() not in written


def test_a_user_is_not_loaded_for_the_record(shop, events):
    app = shop()
    client = app.test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    asked = []
    app.login_manager.user_loader(asked.append)
    client.get("/open")
    assert asked == []
    assert events()[-1]["user.id"] == "anonymous"


def test_what_the_application_says_of_the_actor_wins(shop, events):
    app = shop()

    @app.get("/acting")
    def acting():
        assert signin.g.get("_login_user") is None
        sealtrail.actor("robot")
        return str(app.login_manager._load_user())

    client = app.test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    client.get("/acting")
    assert events()[-1]["user.id"] == "robot"


@pytest.mark.parametrize("sign_ins", [False, ["signals"], ["user"], ["session"]])
def test_each_part_can_be_left_out(shop, events, sign_ins):
    client = shop(sign_ins=sign_ins).test_client()
    client.post("/login", data={"name": "ann", "password": PASSWORD})
    client.get("/orders")
    chosen = sign_ins or []
    request = events()[-1]
    assert bool(_of_kind(events(), "authentication")) == ("signals" in chosen)
    assert ("sealtrail.session.hash" in request) == ("session" in chosen)
    assert (request["user.id"] == "7") == ("user" in chosen)


def test_a_part_that_there_is_not_is_refused_by_name():
    with pytest.raises(UsageError, match="'signal'"):
        Sealtrail(sign_ins=["signal"])


@pytest.mark.parametrize("part", ["id_of", "session_id"])
def test_a_fault_of_ours_never_reaches_who_signs_in(shop, monkeypatch, part):
    app = shop()
    monkeypatch.setattr(signin, part, lambda *_: 1 / 0)
    answer = app.test_client().post("/login", data={"name": "ann", "password": PASSWORD})
    assert (answer.status_code, answer.data) == (200, b"yes")
    assert app.extensions["sealtrail"].errors >= 1


def test_no_password_or_name_of_anybody_is_in_any_line(shop, recording, events):
    client = shop().test_client()
    for name in ("ann", "bob", "c@rol.example"):
        client.post("/login", data={"name": name, "password": WRONG})
    client.get("/orders", headers={"Authorization": f"Bearer {WRONG}"})
    written = json.dumps(events())
    assert WRONG not in written
    assert not any(name in written for name in ("ann@", '"ann"', '"bob"', "c@rol"))


def test_the_first_request_of_a_process_is_somebodys_as_well(shop, events):
    first, second = shop().test_client(), shop().test_client()  # of two workers
    first.post("/login", data={"name": "ann", "password": "boats"})
    second.set_cookie("session", first.get_cookie("session").value)
    assert second.get("/orders").data == b"orders"
    event = [event for event in events() if event["sealtrail.kind"] == "request"][-1]
    assert event["user.id"] == "7"
    assert len(event["sealtrail.session.hash"]) == 32
