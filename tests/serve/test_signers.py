from __future__ import annotations

import json

import pytest

from sealtrail.errors import LedgerError, NotFoundError, UsageError
from sealtrail.ledger.sign import is_locked, next_path, read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.serve.folder import Folder
from sealtrail.serve.signers import listed, protect, rotate
from sealtrail.serve.tidiness import keys as doctored
from sealtrail.serve.writing import Collector


def key_of(data, trail="audit"):
    return read_vkey(data / "keys" / f"{trail}.vkey")


def told(collector: Collector) -> list[dict[str, object]]:
    collector.settle()
    return [row.fields for row in collector.reading.search("event.action:sealtrail.key.rotate")]


def test_a_server_hands_its_trails_over_while_it_records(collecting, tmp_path, line):
    data = tmp_path / "data"
    with collecting("[ledger]\norigin = 'acme.example'\n") as collector:
        collector.submit("key:1", [line(n) for n in range(20)])
        before = {trail: key_of(data, trail) for trail in ("access", "audit")}
        done = rotate(data, [], "ann", "yearly")
        assert [one.trail for one in done] == ["access", "audit"]
        assert {one.trail: one.old for one in done} == {trail: key.text for trail, key in before.items()}
        assert {one.trail: one.new for one in done} == {
            one.trail: key_of(data, one.trail).text for one in done
        }
        collector.submit("key:1", [line(n) for n in range(20, 40)])
        said = told(collector)
        assert {(row["sealtrail.range.trail"], row["user.id"]) for row in said} == {
            ("access", "ann"),
            ("audit", "ann"),
        }
        assert {row["event.reason"] for row in said} == {"yearly"}
    assert not any(next_path(data / "keys", trail).exists() for trail in before)
    for known in (list(before.values()), [key_of(data, trail) for trail in before], []):
        report = verify(data, keys=known, workers=1)
        assert report.verdict == "intact", report.lines()
    with collecting() as collector:  # the next start finds its keys
        collector.submit("key:1", [line(50)])
    assert verify(data, workers=1).verdict == "intact"


def test_without_a_server_the_folder_is_opened_for_the_moment(collecting, tmp_path):
    data = tmp_path / "data"
    with collecting():
        first = key_of(data)
    [one] = rotate(data, ["audit"], "ann")
    assert (one.trail, one.old, one.new) == ("audit", first.text, key_of(data).text)
    keys = [key for key in listed(data) if key.trail == "audit"]
    assert [(key.vkey, key.first, key.last) for key in keys] == [
        (one.old, 0, one.size),
        (one.new, one.size, None),
    ]
    assert keys[0].since == ""
    assert keys[1].since.endswith("Z")
    assert verify(data, keys=[first, key_of(data, "access")], workers=1).verdict == "intact"


def test_a_request_that_is_carried_out_again_hands_nothing_over_again(collecting, tmp_path):
    with collecting() as collector:
        act = {"act": "rotate", "trails": ["access"], "by": "ann", "reason": "", "request": "r1"}
        first = collector._carry_out(act)
        again = collector._carry_out(act)
        assert json.dumps(first) == json.dumps(again)
        assert collector._carry_out({**act, "request": "r2"}) != first
    assert len(listed(tmp_path / "data")) == 4


@pytest.mark.parametrize("trail", ["audit-2", "../audit", ""])
def test_only_a_trail_that_is_written_gets_a_new_key(collecting, tmp_path, trail):
    with collecting():
        before = key_of(tmp_path / "data")
        with pytest.raises(Exception, match="not a trail that is written") as caught:
            rotate(tmp_path / "data", ["audit", trail], "ann")
        assert getattr(caught.value, "code", "") == "not-found.trail"
        assert key_of(tmp_path / "data") == before


def test_a_folder_that_is_none_has_no_keys(tmp_path):
    with pytest.raises(NotFoundError):
        listed(tmp_path)


def test_keys_under_a_passphrase_sign_are_handed_over_and_open_for_nobody_else(
    collecting, tmp_path, line, monkeypatch
):
    data = tmp_path / "data"
    with collecting(), pytest.raises(UsageError, match="no passphrase"):
        protect(data)
    word = tmp_path / "word"
    word.write_text("nine green boats\n")
    word.chmod(0o600)
    settings = f"[ledger]\npassphrase-file = '{word}'\n"
    with collecting(settings), pytest.raises(LedgerError) as caught:
        protect(data)
    assert caught.value.code == "ledger.locked"
    assert protect(data) == ["access", "audit"]
    assert protect(data) == []
    with collecting(settings) as collector:
        collector.submit("key:1", [line(n) for n in range(5)])
        rotate(data, ["audit"], "ann")
    for trail in ("access", "audit"):
        assert is_locked(data / "keys" / f"{trail}.key")
    assert verify(data, workers=1).verdict == "intact"
    assert {finding.state for finding in doctored(Folder(data))} == {"ok"}
    word.write_text("another\n")
    with pytest.raises(LedgerError) as caught, collecting(settings):
        pass
    assert caught.value.code == "ledger.passphrase"
    with pytest.raises(LedgerError) as caught, collecting():
        pass
    assert caught.value.code == "ledger.passphrase"
    assert {finding.state for finding in doctored(Folder(data))} == {"ok"}
    monkeypatch.setenv("SEALTRAIL_SIGNER_PASSPHRASE", "nine green boats")
    assert protect(data, under=False) == ["access", "audit"]
    monkeypatch.delenv("SEALTRAIL_SIGNER_PASSPHRASE")
    with collecting():
        pass
