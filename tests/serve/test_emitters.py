"""What the numbers say of a ledger that a real spool and a real collector have written."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from sealtrail.errors import NotFoundError
from sealtrail.serve.emitters import examine
from sealtrail.spool.disk import Spool

HEAD = (
    b'{"@timestamp":"2026-11-24T08:00:00.000000Z","event.id":"%d","sealtrail.kind":"audit"'
    b',"event.action":"a.b","service.name":"shop","host.name":"h"'
)


def of(facts, emitter):
    return next(one for one in facts.emitters if one.emitter == emitter)


def told(facts):
    return "\n".join(facts.lines())


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_of_a_whole_ledger_every_number_is_there_and_the_collectors_own_are_as_well(
    collecting, spool, data, until
):
    writer = Spool(spool)
    with collecting(spools=[spool], guard=True) as collector:
        assert all(writer.write(HEAD % number) for number in range(5))
        until(lambda: collector.spools[0].counts["lines"] == 5)
        assert collector.settle()
        collector.pipeline.mark().result()  # what is not signed is no fact yet
        alive = examine(data)
    assert (of(alive, writer.emitter).events, of(alive, writer.emitter).state) == (5, "alive")
    facts = examine(data)
    assert facts.is_whole, told(facts)
    assert of(facts, writer.emitter).state == ""
    assert "every number is there, once" in told(facts)
    assert {one.source for one in facts.emitters} == {"spool", "collector"}


def test_a_hole_is_told_with_its_times_the_record_of_it_and_what_the_emitter_says_itself(
    collecting, spool, data, until
):
    writer = Spool(spool)
    assert writer.write(HEAD % 0)
    writer._seq += 2  # two events that were never written, and of which nothing is said
    writer.limit_bytes = 1
    writer._settle()
    assert not writer.write(HEAD % 3)
    writer.bound(1 << 30)
    writer._retry_look = writer._retry_tell = 0.0
    assert writer.write(HEAD % 4)
    assert writer.write(HEAD % 5)
    writer.close()
    with collecting(spools=[spool]) as collector:
        until(lambda: collector.spools[0].counts["gaps"])
        assert collector.settle()
    facts = examine(data, [spool])
    one = of(facts, writer.emitter)
    assert (one.missing, one.lost, one.unexplained, one.state) == (3, 1, 2, "ended")
    (gap,) = one.gaps
    assert (gap.first, gap.end) == (1, 4)
    assert gap.recorded.startswith("audit/")
    assert not facts.is_whole
    assert "numbers 1 to 3 never arrived" in told(facts)
    assert "2 numbers it does not account for" in told(facts)


def test_what_waits_in_a_spool_is_told_of_who_is_known(collecting, spool, data, until):
    writer = Spool(spool)
    assert writer.write(HEAD % 0)
    with collecting(spools=[spool]) as collector:
        until(lambda: collector.spools[0].counts["lines"] == 1)
        assert collector.settle()
    assert writer.write(HEAD % 1)
    (spool / "99999999999999999999999999999999-000001.ndjson").write_bytes(b"no line\n{}\n")
    facts = examine(data, [spool])
    assert (of(facts, writer.emitter).waiting, of(facts, writer.emitter).state) == (1, "alive")
    assert "1 number waiting in its spool" in told(facts)


def test_a_line_that_contradicts_a_number_is_a_fact_and_so_is_who_came_late(collecting, line, data):
    with collecting() as collector:
        collector.submit("key:1", [line(0, "a"), line(3, "a")])
        assert collector.settle()
        collector.submit("key:1", [line(1, "a"), line(3, "a", **{"url.path": "/other"})])
        assert collector.settle()
    facts = examine(data)
    assert [odd.number for odd in of(facts, "a").late] == [1]
    assert [(one.code, one.source) for one in facts.aside] == [("event.conflict", "key:1")]
    assert not facts.is_whole
    assert "number 1 came late" in told(facts)
    assert "event.conflict, kept in state/rejects" in told(facts)


def test_a_source_that_is_quiet_for_longer_than_it_ever_was_is_silent(collecting, line, data):
    with collecting() as collector:
        collector.submit("key:1", [line(0, "a", **{"service.name": "shop", "host.name": "h"})])
        assert collector.settle()
    now = datetime.now(UTC)
    assert not any(one.silent for one in examine(data, now=now).sources)
    later = examine(data, now=now + timedelta(hours=2))
    assert [one.silent for one in later.sources if one.service == "shop"] == [True]
    assert "shop on h is silent" in told(later)


def test_a_loss_that_is_told_with_anything_but_numbers_explains_nothing(collecting, line, data):
    loss = {"event.action": "capture.loss", "sealtrail.details": {"access": -4, "audit": "x"}}
    with collecting() as collector:
        collector.submit("spool", [line(0, "a"), line(3, "a", **loss)])
        collector.submit("spool", [line(4, "a", **{"event.action": "capture.loss"})])
        assert collector.settle()
    one = of(examine(data), "a")
    assert (one.missing, one.lost, one.unexplained) == (2, 0, 2)


def test_facts_are_json_and_a_folder_that_is_none_is_refused(collecting, data, tmp_path):
    with collecting():
        pass
    assert msgspec.json.decode(msgspec.json.encode(examine(data)))["aside"] == []
    with pytest.raises(NotFoundError):
        examine(tmp_path / "none")
