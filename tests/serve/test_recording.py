from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError
from sealtrail.event import Receipt, read
from sealtrail.serve import recording
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.serve.recording import placed, record

ACT = {"event.action": "sealtrail.review", "user.id": "rita"}


@pytest.mark.parametrize("serving", [False, True])
def test_an_act_is_durable_and_its_address_is_given(collecting, tmp_path, serving):
    folder = Folder(tmp_path / "data")
    if serving:
        with collecting():
            where = record(folder, ACT)
    else:
        with collecting():
            pass
        where = record(folder, ACT)
    trail, _, index = where.partition("/")
    assert read(Reading.open(folder).ledger.entry(trail, int(index)))["user.id"] == "rita"


def test_a_server_that_starts_in_between_is_asked(collecting, tmp_path, monkeypatch):
    folder = Folder(tmp_path / "data")
    with collecting():
        looks = iter([None])
        real = folder.writer
        monkeypatch.setattr(folder, "writer", lambda: next(looks, None) or real())
        seen = []
        monkeypatch.setattr(folder, "writer", lambda: seen.append(1) or (None if len(seen) == 1 else real()))
        assert record(folder, ACT).startswith("audit/")
    assert len(seen) == 2


def test_a_folder_that_nobody_holds_long_enough_is_an_error(collecting, tmp_path, monkeypatch):
    folder = Folder(tmp_path / "data")
    with collecting():
        monkeypatch.setattr(folder, "writer", lambda: None)
        with pytest.raises(LedgerError, match="let go again"):
            record(folder, ACT)


def test_a_receipt_without_anything_new_has_no_place():
    assert placed(Receipt(0, 1, 0, ())) == ""
    assert recording.placed is placed
