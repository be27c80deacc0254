from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sealtrail.accounts import password
from sealtrail.errors import NotFoundError
from sealtrail.serve.accounts import Admitting
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.serve.writing import Collector

WORDS = "correct horse battery"
Collecting = Callable[..., AbstractContextManager[Collector]]


@pytest.fixture(autouse=True)
def cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(password, "_N", 16)


def test_every_change_is_in_the_name_of_who_asked(collecting: Collecting, tmp_path: Path):
    with collecting(url="http://127.0.0.1:1") as collector:
        accounts = Admitting(collector)
        accounts.add("carol", "alice", "viewer", WORDS)
        accounts.set_role("carol", "alice", "analyst")
        token, _ = collector.signing_in.sign_in("alice", WORDS, "")
        assert accounts.link("dave", "alice").startswith("http://127.0.0.1:1/sign-in?link=")
        assert accounts.end_sessions("dave", "alice") == 1
        assert collector.signing_in.who(token) is None
        name, _ = accounts.new_key("key:1", "viewer")
        accounts.revoke_key("key:1", name)
        assert [(one.name, one.role) for one in accounts.all_people()] == [("alice", "analyst")]
        assert [(one.name, bool(one.revoked)) for one in accounts.all_keys()] == [(name, True)]
        accounts.remove("carol", "alice")
        assert accounts.all_people() == []
        with pytest.raises(NotFoundError):
            accounts.link("carol", "alice")
    rows = Reading.open(Folder(tmp_path / "data")).search("sealtrail.target.id:*", limit=20)
    assert [(row.fields["event.action"], row.fields["user.id"]) for row in reversed(rows)] == [
        ("user_created", "carol"),
        ("privilege_permissions_changed", "carol"),
        ("sealtrail.link", "dave"),
        ("sealtrail.sign-out", "dave"),
        ("sealtrail.key.new", "key:1"),
        ("sealtrail.key.revoke", "key:1"),
        ("user_deleted", "carol"),
    ]
