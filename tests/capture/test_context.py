import threading

import pytest

import sealtrail
from sealtrail.capture import context
from sealtrail.capture.marks import Marks


def test_outside_of_a_request_nothing_is_current(made):
    assert sealtrail.request_id() == ""
    sealtrail.touched("invoice", "1")
    assert context.acting(None) == context.NOBODY


def test_an_actor_outside_of_a_request_holds_for_a_block_or_for_the_thread(made, events):
    with sealtrail.actor("cron"):
        sealtrail.audit("a.run")
        with sealtrail.actor("root", effective_id="alice"):
            sealtrail.audit("b.run")
        sealtrail.audit("c.run")
    sealtrail.audit("d.run")
    sealtrail.actor("batch")
    sealtrail.audit("e.run")
    thread = threading.Thread(target=sealtrail.audit, args=("f.run",))
    thread.start()
    thread.join()
    found = {e["event.action"]: e for e in events()}
    assert {name: e["user.id"] for name, e in found.items()} == {
        "a.run": "cron",
        "b.run": "root",
        "c.run": "cron",
        "d.run": "anonymous",
        "e.run": "batch",
        "f.run": "anonymous",
    }
    assert found["b.run"]["user.effective.id"] == "alice"


def test_an_actor_of_a_request_ends_with_it_or_with_its_block(app, events):
    @app.get("/impersonate")
    def impersonate():
        sealtrail.actor("root", tenant="acme")
        with sealtrail.actor("root", effective_id="alice"):
            sealtrail.audit("a.read")
        sealtrail.audit("b.read")
        return "x"

    client = app.test_client()
    client.get("/impersonate")
    client.get("/id")
    acted = {e["event.action"]: e for e in events()[:2]}
    assert acted["a.read"]["user.effective.id"] == "alice"
    assert "user.effective.id" not in acted["b.read"]
    assert [e["user.id"] for e in events()] == ["root", "root", "root", "anonymous"]
    assert events()[2]["organization.id"] == "acme"


def test_the_last_object_touched_counts_and_several_are_noted(app, events):
    @app.get("/two")
    def two():
        sealtrail.touched("cart", "1", owner="u1")
        sealtrail.touched("invoice", "2", owner="u2")
        return "x"

    app.test_client().get("/two")
    (event,) = events()
    assert (event["sealtrail.object.type"], event["sealtrail.object.id"]) == ("invoice", "2")
    assert event["sealtrail.notes"] == ["object.several"]


def test_who_is_impersonated_is_on_every_event_of_the_request(app, events):
    @app.get("/as-alice")
    def as_alice():
        sealtrail.actor("root", tenant="acme", effective_id="alice")
        sealtrail.audit("a.read")
        with sealtrail.auditing("b.read", required=True):
            pass
        sealtrail.login_failed("somebody")
        sealtrail.logged_out()
        return "x"

    app.test_client().get("/as-alice")
    assert [e.get("user.effective.id") for e in events()] == ["alice"] * 6
    assert {e.get("organization.id") for e in events()} == {"acme"}


def test_who_acts_again_is_described_as_the_first_time_also_where_that_left_a_mark():
    given = {"user_name": "ann", "roles": ["clerk"], "tenant": "acme"}
    first = context.described(Marks(), 7, **given)
    assert context.described(Marks(), 7, **{**given, "roles": ("clerk",)}) is first
    assert context.described(Marks(), "7", **given) == first
    assert context.described(Marks(), 7.0, **given).user_id == "7.0"
    assert context.described(Marks(), True, **given).user_id != "7"
    for _ in range(2):
        marks = Marks()
        token = "AKIAZ3MVLQ7XN2PKD8WT"
        assert token not in context.described(marks, 7, **{**given, "user_name": token}).user_name
        assert marks.redacted


@pytest.mark.parametrize("roles", [[[]], [1, 2], [None], "clerk", None, 7, [b"clerk"]])
def test_roles_may_be_anything(roles):
    found = [context.described(Marks(), 7, user_name="", roles=roles, tenant="").roles for _ in range(2)]
    assert found[0] == found[1]


def test_no_more_than_so_many_are_remembered(monkeypatch):
    monkeypatch.setattr(context, "_known", {})
    monkeypatch.setattr(context, "_MAX_KNOWN", 16)
    for number in range(100):
        context.described(Marks(), number, user_name="", roles=(), tenant="")
    assert 0 < len(context._known) <= 16


def test_a_role_whose_hash_raises_costs_the_caller_nothing():
    class Role(str):
        __slots__ = ()

        def __hash__(self):
            raise RuntimeError

    found = context.described(Marks(), "u1", user_name="a", roles=(Role("admin"),), tenant="")
    assert found.roles == ("admin",)
