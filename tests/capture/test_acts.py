from __future__ import annotations

import pytest
from flask import Flask

import sealtrail
from sealtrail.capture import auditing, change, context, marks, pseudonym  # noqa: F401 - exercised below


@pytest.fixture
def client(app: Flask):
    @app.get("/acts")
    def acts() -> str:
        sealtrail.actor(user_id="root")
        sealtrail.audit(
            "user.role.update",
            target=("user", "42"),
            change=[("role", "viewer", "admin"), ("password", "old-secret-1", "new-secret-2")],
            reason="ticket 7",
        )
        with sealtrail.auditing("user.update", target=("user", "42")) as act:
            act.before, act.after = {"name": "a", "age": 1}, {"name": "b", "age": 1}
        remove("17")
        return "done"

    @sealtrail.audited("invoice.delete", target=lambda number: ("invoice", number))
    def remove(number: str) -> None:
        if number == "bad":
            raise ValueError("no")

    @app.get("/hostile")
    def hostile() -> str:
        loop: list[object] = []
        loop.append(loop)

        class Rude:
            def __str__(self) -> str:
                raise RuntimeError("never")

            __repr__ = __str__

        for value in ("\ud800", float("nan"), 2**80, b"\xff", {1}, Rude(), loop, "x" * 1_000_000):
            sealtrail.audit("thing.change", target=("thing", value), change=[("value", None, value)])
            sealtrail.login_failed(name=value, reason=value)
        return "fine"

    @app.get("/refused")
    def refused() -> str:
        remove("bad")
        return "never"

    return app.test_client()


def test_an_act_carries_who_what_before_and_after(client, events) -> None:
    client.get("/acts")
    role = next(e for e in events() if e["event.action"] == "user.role.update")
    assert (role["user.id"], role["sealtrail.target.type"], role["sealtrail.target.id"]) == (
        "root",
        "user",
        "42",
    )
    assert role["sealtrail.change"][0] == {"path": "role", "old": "viewer", "new": "admin"}
    assert role["event.reason"] == "ticket 7"


def test_what_changed_under_a_sensitive_name_is_not_recorded(client, events) -> None:
    client.get("/acts")
    text = str(events())
    assert "old-secret-1" not in text
    assert "new-secret-2" not in text


def test_a_context_records_what_differs(client, events) -> None:
    client.get("/acts")
    update = next(e for e in events() if e["event.action"] == "user.update")
    assert update["sealtrail.change"] == [{"path": "name", "old": "a", "new": "b"}]


def test_a_decorated_function_is_recorded_whether_it_succeeds_or_raises(client, app: Flask, events) -> None:
    app.config["PROPAGATE_EXCEPTIONS"] = False
    client.get("/acts")
    client.get("/refused")
    deletes = [e for e in events() if e["event.action"] == "invoice.delete"]
    assert [(e["sealtrail.target.id"], e["event.outcome"]) for e in deletes] == [
        ("17", "success"),
        ("bad", "failure"),
    ]


def test_hostile_values_never_raise_and_every_event_is_still_well_formed(client, events) -> None:
    assert client.get("/hostile").text == "fine"
    assert len(events()) == 17
