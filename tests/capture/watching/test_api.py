import pytest

import sealtrail


def test_outside_of_a_request_nothing_is_said(made):
    sealtrail.requires("admin")
    sealtrail.responded(fields=["id"], count=3)
    sealtrail.api_version("v2")
    assert made.errors == 0


def test_what_a_route_demands_and_what_its_answer_holds_is_on_the_request(app, events):
    @app.get("/invoices")
    def invoices():
        sealtrail.actor("u1", roles=["viewer"])
        sealtrail.api_version("2024-07-01")
        sealtrail.requires("admin", "owner", scopes=["invoices:read"])
        sealtrail.requires(scopes="invoices:list")
        sealtrail.responded(fields={"id": 17, "total": "9.99"}, count=2)
        return [{"id": 17, "total": "9.99"}] * 2

    app.test_client().get("/invoices")
    (event,) = events()
    assert event["sealtrail.required_roles"] == ["admin", "owner"]
    assert event["sealtrail.required_scopes"] == ["invoices:read", "invoices:list"]
    assert event["sealtrail.response.fields"] == ["id", "total"]
    assert event["sealtrail.response.count"] == 2
    assert event["sealtrail.api.version"] == "2024-07-01"
    assert "9.99" not in str(event)


def test_roles_of_a_route_count_over_those_that_its_router_demands(app, events):
    @app.before_request
    def router():
        sealtrail.requires("admin", "staff")

    @app.get("/settings")
    def settings():
        sealtrail.requires("admin")
        return "x"

    app.test_client().get("/settings")
    assert events()[0]["sealtrail.required_roles"] == ["admin"]


def test_a_request_that_broke_keeps_what_was_said_of_it(app, events):
    @app.get("/broken")
    def breaking():
        sealtrail.requires("admin")
        raise KeyError("no")

    app.test_client().get("/broken")
    (event,) = events()
    assert (event["http.response.status_code"], event["sealtrail.required_roles"]) == (500, ["admin"])


class Odd:
    def __str__(self) -> str:
        raise ValueError("no")

    def __iter__(self):
        raise ValueError("no")


@pytest.mark.parametrize("count", [-1, True, 2**60, "many", 1.5, Odd()])
def test_a_count_that_is_none_is_noted_and_left_out(app, events, count):
    @app.get("/odd")
    def odd():
        sealtrail.responded(count=count)
        return "x"

    app.test_client().get("/odd")
    (event,) = events()
    assert "sealtrail.response.count" not in event
    assert event["sealtrail.notes"] == ["value.number"]


def test_odd_names_are_told_so_far_as_they_can_be_and_secrets_are_not(app, events):
    @app.get("/names")
    def names():
        sealtrail.responded(fields=[Odd(), b"id", 7, "\u202e", "AKIAZ3MVLQ7XN2PKD8WT", "x" * 300])
        sealtrail.requires(Odd(), scopes=Odd())
        sealtrail.api_version(Odd())
        return "x"

    assert app.test_client().get("/names").status_code == 200
    (event,) = events()
    assert "AKIAZ3MVLQ7XN2PKD8WT" not in str(event)
    assert event["sealtrail.response.fields"][1:3] == ["id", "7"]
    assert len(event["sealtrail.response.fields"][5]) == 256
    assert "sealtrail.response.fields" in event["sealtrail.truncated"]


def test_names_without_end_are_cut_and_the_cut_is_told(app, events):
    @app.get("/endless")
    def endless():
        sealtrail.responded(fields=(f"field_{n}" for n in iter(int, 1)))
        return "x"

    app.test_client().get("/endless")
    (event,) = events()
    assert len(event["sealtrail.response.fields"]) == 64
    assert event["sealtrail.truncated"] == ["sealtrail.response.fields"]
