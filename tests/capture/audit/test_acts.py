from __future__ import annotations

import pytest
from flask import Flask

import sealtrail


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


def test_a_login_makes_the_rest_of_the_request_the_users(app: Flask, events) -> None:
    @app.post("/sign-in")
    def sign_in() -> str:
        sealtrail.login_succeeded(
            "u1", method="password", mfa=True, factors=["totp"], roles=["admin"], tenant="acme", session="s-1"
        )
        sealtrail.audit("cart.merge")
        return "in"

    app.test_client().post("/sign-in", headers={"User-Agent": "agent/1"})
    login, merge, request = events()
    expected = {
        "sealtrail.kind": "authentication",
        "event.category": ["authentication"],
        "event.type": ["start"],
        "event.action": "authn_login_success",
        "event.outcome": "success",
        "user.id": "u1",
        "user.roles": ["admin"],
        "organization.id": "acme",
        "client.ip": "127.0.0.1",
        "user_agent.original": "agent/1",
        "sealtrail.auth.method": "password",
        "sealtrail.auth.mfa": True,
        "sealtrail.auth.factors": ["totp"],
    }
    assert {name: login.get(name) for name in expected} == expected
    assert "s-1" not in str(login)
    assert merge["user.id"] == request["user.id"] == "u1"
    assert login["http.request.id"] == merge["http.request.id"] == request["http.request.id"]
    assert login["trace.id"] == request["trace.id"]


def test_acts_work_outside_of_a_request(made, events) -> None:
    assert sealtrail.login_failed(name="alice", reason="locked", attempts=3)
    assert sealtrail.login_succeeded("u1")
    assert sealtrail.audit("job.run", fsync=True)
    failed, succeeded, run = events()
    assert (failed["sealtrail.auth.attempts"], failed["event.reason"]) == (3, "locked")
    assert "user.id" not in failed
    assert failed["user.hash"] == made.pseudonyms.of_name("Alice")
    assert succeeded["user.id"] == "u1"
    assert run["user.id"] == "anonymous"


@pytest.mark.parametrize(
    ("action", "category", "kind"),
    [
        ("user.role.update", ["iam"], ["change"]),
        ("invoice.delete", ["api"], ["deletion"]),
        ("setting.create", ["configuration"], ["creation"]),
        ("report.export", ["api"], ["access"]),
        ("sys_startup", ["api"], ["info"]),
    ],
)
def test_an_action_tells_its_category_and_type(made, events, action, category, kind) -> None:
    sealtrail.audit(action)
    assert (events()[0]["event.category"], events()[0]["event.type"]) == (category, kind)


def test_the_collectors_own_names_cannot_be_taken(made, events) -> None:
    sealtrail.audit("sealtrail.prune", outcome="splendid")
    (event,) = events()
    assert event["event.action"] == "app.sealtrail.prune"
    assert event["event.outcome"] == "unknown"
    assert event["sealtrail.notes"] == ["event.action:reserved", "event.outcome:unknown"]


def test_decisions_details_and_own_fields_are_kept_without_secrets(made, events) -> None:
    sealtrail.audit(
        "order.refund",
        target=("order", "7", "Order seven"),
        decision="allow",
        rule="refunds-under-50",
        details={"amount": 12.5, "card": {"number": "4111111111111111"}},
        fields={"acme.region": "eu"},
    )
    (event,) = events()
    assert event["sealtrail.target.name"] == "Order seven"
    assert (event["sealtrail.policy.decision"], event["sealtrail.policy.rule"]) == (
        "allow",
        "refunds-under-50",
    )
    assert event["sealtrail.details"] == {"amount": 12.5, "card": {"number": "[redacted:card-number]"}}
    assert event["acme.region"] == "eu"


def test_the_applications_own_values_are_never_changed(made) -> None:
    details = {"password": "x", "list": [1, {"token": "t"}]}
    sealtrail.audit("a.b", details=details, change=[("password", "x", "y")])
    assert details == {"password": "x", "list": [1, {"token": "t"}]}


def test_a_long_session_has_the_hash_that_its_requests_have(made, events) -> None:
    session = "s" * 2000
    assert sealtrail.login_succeeded("u1", session=session)
    assert sealtrail.logged_out("u1", session=session)
    expected = made.pseudonyms.of_session(session)
    assert [event["sealtrail.session.hash"] for event in events()] == [expected, expected]
    assert expected != made.pseudonyms.of("session", session)
