from __future__ import annotations

import re
import stat
from base64 import b64encode
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.accounts.keys import Keys, presented
from sealtrail.accounts.register import Change
from sealtrail.accounts.roles import ROLES, Right
from sealtrail.errors import AccessError, BusyError, NotFoundError, UsageError


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys", clock=lambda: datetime(2026, 11, 24, 8, tzinfo=UTC))


def basic(user: str, key: str) -> str:
    return b64encode(f"{user}:{key}".encode()).decode()


def test_a_new_key_is_shown_once_and_stored_hashed(keys: Keys, tmp_path: Path):
    name, text = keys.new("ingest")
    assert re.fullmatch(rf"st_{name}_[A-Za-z0-9_-]{{43}}", text)
    stored = (tmp_path / "keys/api-keys.json").read_text()
    assert name in stored
    assert text.removeprefix(f"st_{name}_") not in stored
    assert keys.verify(text).id == name
    assert keys.list()[0].created == "2026-11-24T08:00:00.000000Z"


def test_only_the_owner_can_read_the_keys_file(keys: Keys, tmp_path: Path):
    keys.new("admin")
    for path in (tmp_path / "keys").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700


def test_a_wrong_unknown_or_missing_key_is_refused(keys: Keys):
    name, text = keys.new("viewer")
    last = "A" if text[-1] != "A" else "B"
    for wrong in (
        "",
        "st_",
        "st__",
        name,
        text[:-1],
        text[:-1] + last,
        text.removeprefix("st_"),
        "st_0_x",
        "\udc80",
    ):
        with pytest.raises(AccessError) as caught:
            keys.verify(wrong)
        assert caught.value.code == "access.denied"
    with pytest.raises(AccessError) as caught:
        keys.verify(None)
    assert caught.value.code == "access.missing"


def test_a_revoked_key_is_refused_by_whoever_has_the_file_open(keys: Keys, tmp_path: Path):
    name, text = keys.new("viewer")
    server = Keys(tmp_path / "keys")
    assert server.verify(text).role == "viewer"
    keys.revoke(name)
    with pytest.raises(AccessError):
        server.verify(text)
    assert [key.revoked != "" for key in server.list()] == [True]


def test_a_key_made_while_a_server_runs_is_good_at_once(keys: Keys, tmp_path: Path):
    server = Keys(tmp_path / "keys")
    with pytest.raises(AccessError):
        server.verify("st_ab_cd")
    _, text = keys.new("admin")
    assert server.verify(text).role == "admin"


def test_two_processes_making_keys_lose_none(tmp_path: Path):
    first, second = Keys(tmp_path / "keys"), Keys(tmp_path / "keys")
    made = [holder.new("ingest")[0] for _ in range(5) for holder in (first, second)]
    assert [key.id for key in first.list()] == made


def test_an_unknown_role_or_key_is_named(keys: Keys):
    with pytest.raises(UsageError, match="root"):
        keys.new("root")
    with pytest.raises(NotFoundError, match="abc"):
        keys.revoke("abc")


def test_a_broken_keys_file_lets_nobody_in(keys: Keys, tmp_path: Path):
    _, text = keys.new("admin")
    (tmp_path / "keys/api-keys.json").write_text("{")
    with pytest.raises(UsageError, match=r"api-keys\.json"):
        keys.verify(text)


def test_each_role_may_what_its_work_needs_and_no_more(keys: Keys):
    table = {role: sorted(rights) for role, rights in ROLES.items()}
    assert table == {
        "ingest": ["enforce", "send", "witness"],
        "viewer": ["enforce", "read", "witness"],
        "analyst": ["enforce", "export", "prove", "read", "respond", "witness"],
        "auditor": ["enforce", "export", "hold", "prove", "read", "review", "witness"],
        "admin": sorted(get_args(Right)),
    }
    for role, rights in ROLES.items():
        _, text = keys.new(role)
        for right in get_args(Right):
            assert keys.verify(text).may(right) == (right in rights)


@pytest.mark.parametrize(
    ("headers", "key"),
    [
        ({"Authorization": "Bearer st_ab_cd"}, "st_ab_cd"),
        ({"authorization": "bearer   st_ab_cd "}, "st_ab_cd"),
        ({"AUTHORIZATION": "ApiKey " + basic("ab", "st_ab_cd")}, "st_ab_cd"),
        ({"Authorization": "ApiKey " + basic("zz", "st_ab_cd")}, ""),
        ({"Authorization": "Basic " + basic("anyone", "st_ab_cd")}, "st_ab_cd"),
        ({"Authorization": "Basic " + basic("", "st_ab_cd")}, "st_ab_cd"),
        ({"Authorization": "Basic ?"}, ""),
        ({"Authorization": "Basic /w=="}, ""),
        ({"Authorization": "Negotiate abc"}, ""),
        ({"Authorization": ""}, ""),
        ({"X-Api-Key": " st_ab_cd"}, "st_ab_cd"),
        ({"X-Api-Key": ""}, None),
        ({"Authorization": "Bearer st_1_2", "X-Api-Key": "st_ab_cd"}, "st_1_2"),
        ({}, None),
    ],
)
def test_a_key_is_found_where_clients_put_it(headers: dict[str, str], key: str | None):
    assert presented(headers) == key


@given(st.dictionaries(st.sampled_from(["authorization", "Authorization", "x-api-key"]), st.text()))
def test_any_header_is_a_key_or_none(headers: dict[str, str]):
    assert presented(headers) is None or isinstance(presented(headers), str)


def test_a_change_is_recorded_before_it_is_made_and_once(tmp_path: Path):
    said: list[tuple[str, str, int]] = []

    def record(change: Change) -> None:
        said.append((change.action, change.role_after or change.role_before, len(keys.list())))

    keys = Keys(tmp_path / "keys", record)
    name, _ = keys.new("viewer")
    keys.revoke(name)
    keys.revoke(name)
    assert said == [("sealtrail.key.new", "viewer", 0), ("sealtrail.key.revoke", "viewer", 1)]


def test_what_cannot_be_recorded_does_not_happen(tmp_path: Path):
    def refuse(_: Change) -> None:
        raise BusyError("busy.disk", "the disk is full")

    name, key = Keys(tmp_path / "keys").new("viewer")
    keys = Keys(tmp_path / "keys", refuse)
    for act in (lambda: keys.new("admin"), lambda: keys.revoke(name)):
        with pytest.raises(BusyError):
            act()
    assert [one.id for one in keys.list()] == [name]
    assert keys.verify(key).id == name
