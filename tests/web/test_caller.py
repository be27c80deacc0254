from __future__ import annotations

from pathlib import Path

import pytest
from starlette.requests import Request

from sealtrail.accounts.keys import Keys
from sealtrail.accounts.roles import ROLES
from sealtrail.errors import AccessError
from sealtrail.web.caller import NOBODY, Caller, Doorkeeper, require_same_origin

ALICE = Caller("alice", "analyst", "session")


def asking(method: str = "GET", **headers: str) -> Request:
    given = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": method, "path": "/", "query_string": b"", "headers": given})


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


def refusal(call, *arguments) -> str:
    with pytest.raises(AccessError) as caught:
        call(*arguments)
    return caught.value.code


def test_a_key_is_its_id_its_role_and_what_that_role_may(keys):
    for role in ROLES:
        name, text = keys.new(role)
        caller = Doorkeeper(keys).admit(asking(authorization=f"Bearer {text}"), "known")
        assert (caller.name, caller.role, caller.came, caller.rights) == (name, role, "key", ROLES[role])
        assert caller.source == f"key:{name}"


def test_each_role_is_admitted_to_what_it_may_and_to_nothing_else(keys):
    keeper = Doorkeeper(keys)
    for role, rights in ROLES.items():
        request = asking(x_api_key=keys.new(role)[1])
        for right in ROLES["admin"]:
            if right in rights:
                assert keeper.admit(request, right).may(right)
            else:
                assert refusal(keeper.admit, request, right) == "access.denied"


def test_a_public_route_does_not_even_look_at_the_key(keys):
    assert Doorkeeper(keys).admit(asking(authorization="Bearer wrong"), "public") is NOBODY
    assert not NOBODY.rights


def test_a_session_counts_only_where_no_key_is_presented(keys):
    keeper = Doorkeeper(keys, lambda _: ALICE)
    assert keeper.admit(asking(), "respond") == ALICE
    assert refusal(keeper.admit, asking(authorization="Bearer wrong"), "read") == "access.denied"
    assert refusal(keeper.admit, asking(authorization=""), "read") == "access.denied"
    assert refusal(keeper.admit, asking(), "keys") == "access.denied"


def test_without_key_and_session_a_key_is_asked_for(keys):
    assert refusal(Doorkeeper(keys, lambda _: None).admit, asking(), "known") == "access.missing"
    assert refusal(Doorkeeper(keys).admit, asking(), "read") == "access.missing"


OWN = [
    {"sec_fetch_site": "same-origin", "host": "a:1"},
    {"sec_fetch_site": "same-origin", "origin": "https://a:1", "host": "a:1"},
    {"origin": "http://a:1", "host": "a:1"},
]
FOREIGN = [
    {"host": "a:1"},
    {"sec_fetch_site": "cross-site", "host": "a:1"},
    {"sec_fetch_site": "same-site", "origin": "http://a:1", "host": "a:1"},
    {"sec_fetch_site": "none", "host": "a:1"},
    {"origin": "http://b:1", "host": "a:1"},
    {"origin": "http://a:2", "host": "a:1"},
    {"origin": "null", "host": "a:1"},
    {"origin": "", "host": ""},
    {"origin": "http://a:1"},
]


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH"])
def test_a_session_acts_only_from_our_own_pages(keys, method):
    keeper = Doorkeeper(keys, lambda _: ALICE)
    for headers in OWN:
        assert keeper.admit(asking(method, **headers), "respond") == ALICE
    for headers in FOREIGN:
        assert refusal(keeper.admit, asking(method, **headers), "respond") == "access.origin"
        assert keeper.admit(asking("GET", **headers), "respond") == ALICE


def test_a_key_acts_from_anywhere_because_no_page_can_send_it(keys):
    text = keys.new("analyst")[1]
    assert Doorkeeper(keys).admit(asking("POST", x_api_key=text, origin="http://b"), "respond").came == "key"


def test_a_form_that_signs_somebody_in_can_ask_the_same(keys):
    require_same_origin(asking("POST", **OWN[0]))
    assert refusal(require_same_origin, asking("POST", **FOREIGN[0])) == "access.origin"
