from __future__ import annotations

import pytest

from sealtrail.errors import LedgerError, UsageError
from sealtrail.event import read
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.revocation import Revocation
from sealtrail.ledger.sign import read_vkey
from sealtrail.serve.evidence import check
from sealtrail.serve.revoking import given, listed, revoke
from sealtrail.serve.signers import rotate


def grown(collecting, line, tmp_path):
    """A folder whose audit trail went to a new key; its first key, and when that was surely nobody else's."""
    data = tmp_path / "data"
    with collecting() as collector:
        collector.submit("key:1", [line(n) for n in range(5)])
        first = read_vkey(data / "keys" / "audit.vkey")
    reader = LedgerReader(data)
    size = reader.sizes()["audit"]
    then = read(reader.entry("audit", size - 1))["event.ingested"]
    with collecting():
        pass
    rotate(data, ["audit"], "ann")
    return data, first, size, then


def test_a_revocation_is_on_record_and_in_a_list_to_hand_out(collecting, line, tmp_path):
    data, first, size, then = grown(collecting, line, tmp_path)
    done = revoke(data, "audit", then, "ann", "ticket 7")
    assert (done.revocation, done.size, done.until) == (f"{first.text}@{size}", size, then)
    assert listed(data) == [Revocation(first, size)]
    with collecting() as collector:  # beside a server, and by a size: the same
        assert revoke(data, "audit", str(size), "ann").revocation == done.revocation
        assert revoke(data, "audit", "0", "ann").size == 0
        collector.settle()
        said = [r.fields for r in collector.reading.search("event.action:sealtrail.key.revoke")]
    assert [row["sealtrail.range.first"] for row in said] == [0, size, size]
    assert {row["sealtrail.key.old"] for row in said} == {first.text}
    assert said[-1]["event.reason"] == "ticket 7"
    assert len(listed(data)) == 2
    assert (data / "keys" / "revoked").stat().st_mode & 0o777 == 0o600
    report = check(data, revoked=[str(data / "keys" / "revoked")])
    assert report.verdict == "intact", report.lines()


def test_a_key_that_was_not_replaced_cannot_be_revoked(collecting, tmp_path):
    with collecting():
        pass
    with pytest.raises(UsageError, match="one key only"):
        revoke(tmp_path / "data", "audit", "1", "ann")
    assert listed(tmp_path / "data") == []


@pytest.mark.parametrize("since", ["999999", "lately", "", "-1"])
def test_a_place_that_cannot_be_meant_is_refused(collecting, line, tmp_path, since):
    data, *_ = grown(collecting, line, tmp_path)
    with pytest.raises(UsageError):
        revoke(data, "audit", since, "ann")


def test_a_verifier_is_told_by_size_by_time_or_by_a_file(collecting, line, tmp_path):
    data, first, size, then = grown(collecting, line, tmp_path)
    (tmp_path / "list").write_text(f"{first.text}@{size}\n")
    told = [f"{first.text}@{size}", f"{first.text}@{then}", str(tmp_path / "list")]
    assert given(data, told) == [Revocation(first, size)] * 3
    with pytest.raises(UsageError, match="which size"):
        given(tmp_path / "data" / "trails" / "audit", [f"{first.text}@{then}"])
    with pytest.raises(LedgerError):
        given(data, ["no key@3"])
    with pytest.raises(OSError, match="nowhere"):
        given(data, [str(tmp_path / "nowhere")])
