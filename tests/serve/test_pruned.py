"""Whoever asks for what retention removed learns which event says so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from sealtrail.errors import NotFoundError, UsageError
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve import evidence, reading
from sealtrail.serve import housekeeping as room
from sealtrail.serve.asking import Vouching
from sealtrail.serve.evidence import prove
from sealtrail.serve.pruned import recorded
from sealtrail.serve.retaining import run
from sealtrail.web.answers import Told

VOLUME = 256
FUTURE = datetime.now(UTC) + timedelta(days=401)
QUICK = "[ledger]\ncheckpoint-seconds = 0.02\n"


@pytest.fixture
def pruned(collecting, line, until, tmp_path, monkeypatch):
    """A collector whose first 256 requests rita has had removed."""
    monkeypatch.setattr(room, "EVERY_SECONDS", 3600.0)
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.submit("key:1", [line(seq) for seq in range(300)])
        until(lambda: collector.pipeline.published("access") >= 300)
        collector.pipeline.seal_pending()
    done, gone = run(tmp_path / "data", "rita", now=FUTURE, volume_entries=VOLUME)
    assert ([one.end for one in done], gone) == ([256], True)
    with collecting(QUICK, volume_entries=VOLUME) as collector:
        collector.settle()
        yield collector


def test_an_entry_its_proof_and_its_bundle_are_gone_with_the_event_that_says_so(pruned):
    vouching = Vouching(pruned.folder, pruned.reading)
    for ask in (
        lambda: vouching.entry("access", 17),
        lambda: vouching.proof("access", 17),
        lambda: vouching.tile("access", "tile/entries/000"),
    ):
        with pytest.raises(NotFoundError, match="by rita") as refused:
            ask()
        said = refused.value.prune
        assert (said["trail"], said["first"], said["end"], said["by"]) == ("access", 0, 256, "rita")
        assert said["rule"] == "retention of 400 days ([retention] access-days)"
        row = pruned.reading.entry("audit", int(said["address"].partition("/")[2]))
        assert row.fields["event.action"] == "sealtrail.prune"
        assert row.fields["event.ingested"] == said["at"]
        assert said["address"] in refused.value.hint
        assert Told.of(refused.value).pruned == said
    # Whoever may only see hashes is told that they are gone, and nothing of events.
    with pytest.raises(NotFoundError) as refused:
        vouching.tile("access", "tile/0/000")
    assert refused.value.prune == {}
    assert vouching.tile("access", "tile/1/000.p/1")


def test_a_command_says_it_as_well(pruned, tmp_path, monkeypatch):
    monkeypatch.setattr(evidence, "LedgerReader", partial(LedgerReader, volume_entries=VOLUME))
    monkeypatch.setattr(reading, "LedgerReader", partial(LedgerReader, volume_entries=VOLUME))
    with pytest.raises(NotFoundError, match=r"access/17 was pruned .*by rita"):
        prove(tmp_path / "data", "access/17")


def test_an_index_that_cannot_be_asked_leaves_the_plain_refusal(pruned, monkeypatch):
    assert recorded(pruned.reading, "access", 300) == {}

    def broken(*_: object, **__: object) -> None:
        raise UsageError("usage.format", "broken")

    monkeypatch.setattr(pruned.store, "search", broken)
    with pytest.raises(NotFoundError, match="kept from 256"):
        Vouching(pruned.folder, pruned.reading).entry("access", 17)
