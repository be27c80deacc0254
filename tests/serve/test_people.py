from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from sealtrail.accounts import password
from sealtrail.errors import NotFoundError, UsageError
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.people import link, people_of, sign_out
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
        for name, role, wanted in (
            ("", "", (f"link:{operator()}", "admin")),
            ("alice", "", ("alice", "viewer")),
        ):
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


def test_a_link_is_for_a_person_or_of_a_role_and_never_both(collecting: Collecting, tmp_path: Path):
    with collecting(url="http://127.0.0.1:1"):
        people_of(tmp_path / "data").add("alice", "admin", WORDS)
        with pytest.raises(UsageError, match="has the role of alice"):
            link(tmp_path / "data", "alice", "viewer")


def test_a_link_is_recorded_with_who_made_it(collecting: Collecting, tmp_path: Path):
    with collecting(url="http://127.0.0.1:1"):
        people_of(tmp_path / "data").add("alice", "viewer", WORDS)
        link(tmp_path / "data", "alice")
        link(tmp_path / "data", "", "auditor")
    assert changes(tmp_path / "data")[1:] == [
        ("sealtrail.link", operator(), "alice"),
        ("sealtrail.link", operator(), f"link:{operator()}"),
    ]


def test_sessions_end_through_the_running_server(collecting: Collecting, tmp_path: Path):
    with collecting() as collector:
        people_of(tmp_path / "data").add("alice", "viewer", WORDS)
        token, _ = collector.signing_in.sign_in("alice", WORDS, "")
        assert sign_out(tmp_path / "data", "alice") == 1
        assert collector.signing_in.who(token) is None
        assert sign_out(tmp_path / "data") == 0
    with pytest.raises(UsageError, match="no server"):
        sign_out(tmp_path / "data")


def test_who_is_signed_in_is_known_while_somebody_else_is_being_added(
    collecting: Collecting, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The loop of the server asks `who`: it must not wait for a disk."""
    with collecting() as collector:
        people_of(tmp_path / "data").add("alice", "viewer", WORDS)
        token, _ = collector.signing_in.sign_in("alice", WORDS, "")
        inside, go_on = threading.Event(), threading.Event()

        def slow(_: object) -> None:
            inside.set()
            assert go_on.wait(20)

        monkeypatch.setattr(collector.signing_in._people, "_record", slow)
        adding = threading.Thread(target=collector.signing_in._people.add, args=("bob", "viewer", WORDS))
        adding.start()
        assert inside.wait(20)
        found: list[object] = []
        asking = threading.Thread(target=lambda: found.append(collector.signing_in.who(token)), daemon=True)
        asking.start()
        asking.join(10)
        go_on.set()
        adding.join()
    assert len(found) == 1
