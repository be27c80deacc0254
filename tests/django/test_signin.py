from __future__ import annotations

import json

import pytest
from django.conf import settings


def test_sign_in_and_out_are_events_of_the_owasp_vocabulary(ask, events):
    assert ask("/login", "POST", body=b"name=alice&password=wrong").status == 401
    assert ask("/login", "POST", body=b"name=alice&password=boats").status == 200
    assert ask("/whoami").body == b"alice"
    ask("/logout")
    assert ask("/whoami").body == b""
    found = events()
    failed, succeeded, left = (event for event in found if event["sealtrail.kind"] == "authentication")
    assert (failed["event.action"], failed["event.outcome"]) == ("authn_login_fail", "failure")
    assert len(failed["user.hash"]) == 32
    assert "alice" not in json.dumps(failed)
    assert (succeeded["event.action"], succeeded["user.id"], succeeded["user.name"]) == (
        "authn_login_success",
        "1",
        "alice",
    )
    assert (succeeded["sealtrail.auth.method"], succeeded["user.roles"]) == ("password", ["staff"])
    assert succeeded["sealtrail.auth.provider"] == "django.contrib.auth.backends.ModelBackend"
    assert (left["event.action"], left["event.type"], left["user.id"]) == ("session_logout", ["end"], "1")
    assert succeeded["sealtrail.session.hash"] == left["sealtrail.session.hash"]
    requests = [event for event in found if event["sealtrail.kind"] == "request"]
    assert [event["user.id"] for event in requests] == ["anonymous", "1", "1", "1", "anonymous"]
    assert {succeeded["http.request.id"], left["http.request.id"]} == {
        requests[1]["http.request.id"],
        requests[3]["http.request.id"],
    }


@pytest.mark.parametrize("view", ["", "/async"])
def test_a_user_is_told_where_the_application_looked_and_never_looked_up_for_it(ask, events, view):
    from django.db.backends.utils import CursorWrapper

    ask("/login", "POST", body=b"name=alice&password=boats")
    queries = []
    execute = CursorWrapper.execute
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CursorWrapper, "execute", lambda *a: (queries.append(a[1]), execute(*a))[1])
        ask("/incurious")
        assert queries == []
        ask(f"{view}/whoami")
        assert len(queries) == 1
    incurious, looked = events()[-2:]
    assert incurious["user.id"] == "anonymous"
    assert (looked["user.id"], looked["user.name"], looked["user.roles"]) == ("1", "alice", ["staff"])


def test_a_fault_of_ours_in_a_signal_never_reaches_who_signs_in(ask, monkeypatch):
    from sealtrail.django import signin

    def broken(*_, **__):
        raise RuntimeError("ours")

    monkeypatch.setattr(signin, "roles_of", broken)
    assert ask("/login", "POST", body=b"name=alice&password=boats").status == 200


def _told(events):
    return [event for event in events() if event["sealtrail.kind"] != "request"]


def test_a_new_password_is_told_and_is_in_no_line(ask, events, spool):
    from django.contrib.auth.models import User

    User.objects.create_user("carol", password="first-of-carols")
    ask("/login", "POST", body=b"name=carol&password=first-of-carols")
    assert ask("/password", "POST", body=b"password=second-of-carols").body == b"changed"
    event = _told(events)[-1]
    carol = User.objects.get(username="carol")
    assert (event["event.action"], event["user.id"]) == ("authn_password_change", str(carol.pk))
    carol.first_name = "Carol"
    carol.save()
    carol.delete()
    assert len(_told(events)) == 2
    written = b"".join(path.read_bytes() for path in spool.rglob("*") if path.is_file())
    assert b"-of-carols" not in written


def test_a_permission_that_is_denied_is_told_of_who_is_known(ask, events):
    assert ask("/forbidden").status == 403
    ask("/login", "POST", body=b"name=alice&password=boats")
    assert ask("/forbidden").status == 403
    _, denied = _told(events)
    assert (denied["event.action"], denied["user.id"]) == ("authz_fail", "1")
    assert denied["sealtrail.policy.decision"] == "deny"


def test_a_token_that_is_refused_is_told_by_its_hash(ask, events):
    assert ask("/challenge", headers={"Authorization": "Bearer a.b.c"}).status == 401
    failed, asked = events()
    assert (failed["event.action"], failed["event.reason"]) == ("authn_token_fail", "invalid_token")
    assert failed["sealtrail.auth.token_hash"] == asked["sealtrail.auth.token_hash"]


def test_a_login_that_failed_is_told_once_though_it_answers_401(ask, events):
    assert ask("/login", "POST", body=b"name=alice&password=wrong").status == 401
    assert [event["event.action"] for event in _told(events)] == ["authn_login_fail"]


def test_requests_of_a_session_carry_the_hash_that_its_sign_in_has(ask, events):
    ask("/login", "POST", body=b"name=alice&password=boats")
    ask("/incurious")
    signed_in, login, later = events()
    hashes = {event["sealtrail.session.hash"] for event in (signed_in, login, later)}
    assert len(hashes) == 1


@pytest.mark.parametrize("sign_ins", [False, ["signals"], ["user"], ["session"], ["refused"]])
def test_each_part_can_be_left_out(ask, events, monkeypatch, sign_ins, spool):
    monkeypatch.setattr(settings, "SEALTRAIL", {**settings.SEALTRAIL, "sign_ins": sign_ins})
    ask("/login", "POST", body=b"name=alice&password=boats")
    ask("/whoami")
    ask("/challenge", headers={"Authorization": "Bearer a.b.c"})
    told = {event["event.action"] for event in _told(events)}
    requests = [event for event in events() if event["sealtrail.kind"] == "request"]
    assert ("authn_login_success" in told) == ("signals" in (sign_ins or ()))
    assert ("authn_token_fail" in told) == ("refused" in (sign_ins or ()))
    assert ("sealtrail.session.hash" in requests[1]) == ("session" in (sign_ins or ()))
    assert (requests[1]["user.id"] == "1") == ("user" in (sign_ins or ()))
