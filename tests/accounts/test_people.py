from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sealtrail.accounts import password
from sealtrail.accounts.people import Change, People
from sealtrail.errors import BusyError, NotFoundError, UsageError

WORDS = "correct horse battery"


@pytest.fixture
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same function with parameters that cost nothing: these tests are about people."""
    monkeypatch.setattr(password, "_N", 16)


@pytest.fixture
def people(tmp_path: Path, cheap: None) -> People:
    return People(tmp_path / "keys", clock=lambda: datetime(2026, 11, 24, 8, tzinfo=UTC))


def test_somebody_signs_in_with_their_own_password_only(people: People, tmp_path: Path):
    people.add("alice", "analyst", WORDS)
    people.add("bob", "viewer", "another long password")
    alice = people.check("alice", WORDS)
    assert alice is not None
    assert (alice.name, alice.role, alice.created) == ("alice", "analyst", "2026-11-24T08:00:00.000000Z")
    assert people.check("bob", WORDS) is None
    assert people.check("nobody", WORDS) is None
    file = tmp_path / "keys/people.json"
    assert WORDS not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("name", ["", "Alice", "a b", "-a", "a" * 65, "a\n", "<b>", "ällice", "../x"])
def test_a_name_that_could_mislead_is_refused(people: People, name: str):
    with pytest.raises(UsageError):
        people.add(name, "viewer", WORDS)
    assert people.list() == ()


def test_a_name_is_given_once_and_a_role_exists(people: People):
    people.add("alice", "viewer", WORDS)
    with pytest.raises(UsageError, match="already"):
        people.add("alice", "admin", WORDS)
    with pytest.raises(UsageError, match="no role"):
        people.set_role("alice", "king")
    assert [person.role for person in people.list()] == ["viewer"]


def test_role_and_password_change_the_version_and_nothing_else_does(people: People):
    first = people.add("alice", "viewer", WORDS)
    promoted = people.set_role("alice", "admin")
    changed = people.set_password("alice", "yet another password")
    assert len({first.version, promoted.version, changed.version}) == 3
    assert people.check("alice", WORDS) is None
    assert people.check("alice", "yet another password") == changed


def test_who_is_removed_is_gone_and_who_never_was_is_named(people: People):
    people.add("alice", "viewer", WORDS)
    people.remove("alice")
    assert people.check("alice", WORDS) is None
    for act in (lambda: people.remove("alice"), lambda: people.set_role("alice", "admin")):
        with pytest.raises(NotFoundError) as caught:
            act()
        assert caught.value.code == "not-found.person"


def test_every_change_is_told_before_it_is_made(tmp_path: Path, cheap: None):
    told: list[tuple[Change, int]] = []
    people = People(tmp_path, lambda change: told.append((change, len(People(tmp_path).list()))))
    people.add("alice", "viewer", WORDS)
    people.set_role("alice", "admin")
    people.set_password("alice", "yet another password")
    people.remove("alice")
    assert told == [
        (Change("user_created", "alice", "", "viewer"), 0),
        (Change("privilege_permissions_changed", "alice", "viewer", "admin"), 1),
        (Change("authn_password_change", "alice", "admin", "admin"), 1),
        (Change("user_deleted", "alice", "admin", ""), 1),
    ]


def test_what_cannot_be_recorded_does_not_happen(tmp_path: Path, cheap: None):
    def full(change: Change) -> None:
        raise BusyError("busy.queue", "the collector is behind")

    with pytest.raises(BusyError):
        People(tmp_path, full).add("alice", "admin", WORDS)
    assert People(tmp_path).list() == ()
