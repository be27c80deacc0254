from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sealtrail.accounts import password
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.people import link, people_of
from sealtrail.serve.reading import Reading
from sealtrail.serve.writing import Collector

WORDS = "correct horse battery"
Collecting = Callable[..., AbstractContextManager[Collector]]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_N", 16)


def changes(data: Path) -> list[tuple[str, str, str]]:
    rows = Reading.open(Folder(data)).search("sealtrail.target.type:person", limit=10)
    return [
        (row.fields["event.action"], row.fields["user.id"], row.fields["sealtrail.target.id"])
        for row in reversed(rows)
    ]


def test_people_can_come_before_the_server_and_their_coming_is_recorded(tmp_path: Path):
    people_of(tmp_path / "data", create=True).add("alice", "viewer", WORDS)
    people_of(tmp_path / "data").set_role("alice", "admin")
    assert changes(tmp_path / "data") == [
        ("user_created", operator(), "alice"),
        ("privilege_permissions_changed", operator(), "alice"),
    ]


def test_a_running_server_records_them_and_knows_them_at_once(collecting: Collecting, tmp_path: Path):
    with collecting() as collector:
        people_of(tmp_path / "data").add("alice", "viewer", WORDS)
        assert collector.signing_in.sign_in("alice", WORDS, "192.0.2.1")
    assert changes(tmp_path / "data") == [("user_created", operator(), "alice")]


def test_without_a_folder_nobody_is_looked_for(tmp_path: Path):
    with pytest.raises(NotFoundError):
        people_of(tmp_path / "nothing")


def test_a_link_leads_to_the_running_server_and_lets_in_once(collecting: Collecting, tmp_path: Path):
    with collecting(url="http://127.0.0.1:1") as collector:
        people_of(tmp_path / "data").add("alice", "viewer", WORDS)
        for name, role, wanted in (("", "admin", (operator(), "admin")), ("alice", "", ("alice", "viewer"))):
            address = urlsplit(link(tmp_path / "data", name, role))
            assert (address.netloc, address.path) == ("127.0.0.1:1", "/sign-in")
            _, session = collector.signing_in.use_link(parse_qs(address.query)["link"][0], "")
            assert (session.name, session.role) == wanted
        with pytest.raises(Exception, match="no person"):
            link(tmp_path / "data", "nobody", "")


def test_without_a_server_or_a_console_there_is_no_link(collecting: Collecting, tmp_path: Path):
    with collecting(), pytest.raises(Exception, match="no console"):
        link(tmp_path / "data", "", "admin")
    with pytest.raises(UsageError, match="no server"):
        link(tmp_path / "data", "", "admin")
