import threading

import sealtrail
from sealtrail.capture import context


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
