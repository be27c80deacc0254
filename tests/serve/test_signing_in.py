from __future__ import annotations

from concurrent.futures import Future
from pathlib import Path

import pytest

from sealtrail.accounts import password
from sealtrail.accounts.attempts import MAX_BY_ADDRESS, MAX_BY_PAIR
from sealtrail.accounts.people import People
from sealtrail.errors import AccessError, BusyError, NotFoundError, UsageError
from sealtrail.event import Fields, Receipt
from sealtrail.serve.signing_in import SigningIn

WORDS = "correct horse battery"
HERE = "192.0.2.1"


class Told(list[Fields]):
    """A record that is durable at once."""

    def __call__(self, fields: Fields) -> Future[Receipt]:
        self.append(fields)
        done: Future[Receipt] = Future()
        done.set_result(Receipt(1, 0, 0, ()))
        return done

    def lines(self) -> list[tuple[str, str | None, str | None]]:
        return [(one["event.action"], one.get("user.id"), one.get("event.reason")) for one in self]


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> People:
    monkeypatch.setattr(password, "_N", 16)
    people = People(tmp_path)
    people.add("alice", "analyst", WORDS)
    return people


@pytest.fixture
def desk(people: People, told: Told) -> SigningIn:
    return SigningIn(people, told)


def test_name_and_password_open_a_session_that_ends_when_its_person_leaves(desk: SigningIn, told: Told):
    token, session = desk.sign_in(" alice ", WORDS, HERE)
    assert (session.name, session.role) == ("alice", "analyst")
    assert desk.who(token) is not None
    desk.sign_out(token, HERE)
    desk.sign_out(token, HERE)
    assert desk.who(token) is None
    assert told.lines() == [("authn_login_success", "alice", None), ("session_logout", "alice", None)]
    assert {one["client.ip"] for one in told} == {HERE}
    assert {one["sealtrail.kind"] for one in told} == {"authentication"}


@pytest.mark.parametrize("change", ["role", "password", "remove"])
def test_whose_role_or_password_changes_is_signed_out(desk: SigningIn, people: People, change: str):
    token, _ = desk.sign_in("alice", WORDS, HERE)
    if change == "role":
        people.set_role("alice", "viewer")
    elif change == "password":
        people.set_password("alice", "another long password")
    else:
        people.remove("alice")
    assert desk.who(token) is None


def test_a_refusal_does_not_say_what_was_wrong_and_the_record_does(desk: SigningIn, told: Told):
    said = set()
    for name in ("alice", "my secret typed in the wrong box"):
        with pytest.raises(AccessError) as caught:
            desk.sign_in(name, "wrong", HERE)
        said.add((caught.value.code, str(caught.value)))
    assert {code for code, _ in said} == {"access.sign-in"}
    assert len(said) == 1
    assert told.lines() == [
        ("authn_login_fail", "alice", "bad_password"),
        ("authn_login_fail", None, "unknown_user"),
    ]
    assert "secret" not in repr(told)


def test_after_too_many_failures_the_right_password_has_to_wait_too(desk: SigningIn, told: Told):
    for _ in range(MAX_BY_PAIR):
        with pytest.raises(AccessError):
            desk.sign_in("alice", "wrong", HERE)
    with pytest.raises(BusyError) as caught:
        desk.sign_in("alice", WORDS, HERE)
    assert told.lines()[-1] == ("authn_login_fail", "alice", "locked")
    assert caught.value.code == "busy.attempts"
    assert caught.value.retry_after > 0
    assert desk.sign_in("alice", WORDS, "192.0.2.2")


def test_a_link_lets_in_once_whoever_it_was_made_for(desk: SigningIn, told: Told):
    link = desk.new_link("root", "admin")
    token, session = desk.use_link(link, HERE)
    assert (session.name, session.role) == ("link:root", "admin")
    assert desk.who(token) is not None
    with pytest.raises(AccessError) as caught:
        desk.use_link(link, HERE)
    assert caught.value.code == "access.link"
    assert told.lines() == [
        ("sealtrail.link", "root", None),
        ("authn_login_success", "link:root", None),
        ("authn_login_fail", None, "expired"),
    ]


def test_a_link_for_a_person_has_their_role_and_is_void_when_that_changes(desk: SigningIn, people: People):
    assert desk.use_link(desk.new_link("alice"), HERE)[1].role == "analyst"
    link = desk.new_link("alice")
    people.set_role("alice", "admin")
    with pytest.raises(AccessError):
        desk.use_link(link, HERE)


def test_no_link_is_made_for_nobody(desk: SigningIn, told: Told):
    with pytest.raises(NotFoundError):
        desk.new_link("nobody")
    assert not told


def test_who_made_a_link_for_whom_and_what_it_allows_is_recorded(desk: SigningIn, told: Told):
    desk.new_link("alice", by="carol")
    desk.new_link("root", "viewer", by="root")
    assert [
        (one["user.id"], one["sealtrail.target.id"], one["sealtrail.details"]["role"]) for one in told
    ] == [("carol", "alice", "analyst"), ("root", "link:root", "viewer")]


def test_there_is_no_link_that_could_not_be_recorded(people: People):
    def fails(fields: Fields) -> Future[Receipt]:
        done: Future[Receipt] = Future()
        done.set_exception(BusyError("busy.disk", "the disk is full"))
        return done

    desk = SigningIn(people, fails)
    with pytest.raises(BusyError):
        desk.new_link("alice", by="root")
    assert not desk._links._links


def test_a_link_for_no_person_is_never_taken_for_one(desk: SigningIn, people: People):
    token, session = desk.use_link(desk.new_link("alice", "admin"), HERE)
    assert session.name == "link:alice"
    with pytest.raises(UsageError):
        people.add("link:alice", "admin", WORDS)
    people.remove("alice")
    assert desk.who(token) is not None


def test_what_a_stranger_may_have_recorded_is_bounded(desk: SigningIn, told: Told):
    for number in range(500):
        with pytest.raises((AccessError, BusyError)):
            desk.sign_in(f"name{number}", "wrong", HERE)
        with pytest.raises((AccessError, BusyError)):
            desk.use_link(f"guess{number}", HERE)
    desk.refusals.flush()
    locked = [one for one in told if one.get("event.reason") == "locked"]
    assert len(told) - len(locked) == MAX_BY_ADDRESS
    assert [one["sealtrail.details"]["count"] for one in locked] == [1, 1000 - MAX_BY_ADDRESS - 1]
    assert {one["client.ip"] for one in locked} == {HERE}


def test_a_good_link_lets_in_whoever_else_fails_from_there(desk: SigningIn):
    for number in range(MAX_BY_ADDRESS + 1):
        with pytest.raises((AccessError, BusyError)):
            desk.use_link(f"guess{number}", HERE)
    assert desk.use_link(desk.new_link("alice"), HERE)[1].name == "alice"


@pytest.mark.parametrize(("name", "ends"), [("alice", (1, 0)), ("link:root", (0, 1)), ("", (1, 1))])
def test_an_operator_ends_sessions_and_links_and_that_is_recorded(
    desk: SigningIn, told: Told, name: str, ends: tuple[int, int]
):
    tokens = [desk.sign_in("alice", WORDS, HERE)[0], desk.use_link(desk.new_link("root", "admin"), HERE)[0]]
    links = [desk.new_link("alice"), desk.new_link("root", "admin")]
    assert desk.end_sessions(name, "carol") == sum(ends)
    assert [desk.who(token) is None for token in tokens] == [bool(one) for one in ends]
    assert (told[-1]["event.action"], told[-1]["user.id"]) == ("sealtrail.sign-out", "carol")
    assert told[-1].get("sealtrail.target.id", "") == name
    assert told[-1]["sealtrail.details"] == {"sessions": sum(ends), "links": sum(ends)}
    for link, ended in zip(links, ends, strict=True):
        if ended:
            with pytest.raises(AccessError):
                desk.use_link(link, HERE)
        else:
            assert desk.use_link(link, HERE)


def test_nobody_is_signed_out_under_a_name_that_nobody_has(desk: SigningIn, told: Told):
    with pytest.raises(NotFoundError):
        desk.end_sessions("nobody", "carol")
    assert desk.end_sessions("alice", "carol") == 0


def test_nobody_is_signed_in_before_it_is_on_disk(people: People):
    def fails(fields: Fields) -> Future[Receipt]:
        done: Future[Receipt] = Future()
        done.set_exception(BusyError("busy.disk", "the disk is full"))
        return done

    desk = SigningIn(people, fails)
    with pytest.raises(BusyError):
        desk.sign_in("alice", WORDS, HERE)
    assert not desk._sessions._sessions
