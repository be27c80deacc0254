import threading

import sealtrail


def test_a_ticket_is_on_every_act_of_its_block_and_an_own_one_wins(made, events):
    with sealtrail.ticket("CHG-1"):
        sealtrail.audit("a.b")
        with sealtrail.ticket("CHG-2"), sealtrail.auditing("c.d", required=True):
            pass
        sealtrail.audit("e.f", ticket="CHG-3")
    sealtrail.audit("g.h")
    assert [e.get("sealtrail.ticket") for e in events()] == ["CHG-1", "CHG-2", "CHG-2", "CHG-3", None]


def test_a_ticket_of_a_request_ends_with_it(app, events):
    @app.get("/change")
    def change():
        sealtrail.ticket("CHG-1")
        sealtrail.audit("a.b")
        return "x"

    @app.get("/other")
    def other():
        sealtrail.audit("c.d")
        return "x"

    client = app.test_client()
    client.get("/change")
    client.get("/other")
    acts = [e for e in events() if e["sealtrail.kind"] == "audit"]
    assert [e.get("sealtrail.ticket") for e in acts] == ["CHG-1", None]


def test_a_ticket_of_one_thread_is_not_anothers(made, events):
    sealtrail.ticket("CHG-1")
    thread = threading.Thread(target=sealtrail.audit, args=("a.b",))
    thread.start()
    thread.join()
    sealtrail.ticket("")
    assert "sealtrail.ticket" not in events()[0]
