from __future__ import annotations

import json

import pytest


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
