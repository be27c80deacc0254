from __future__ import annotations

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sealtrail.errors import AccessError, BusyError, UsageError
from sealtrail.serve import neighbours
from sealtrail.serve.folder import Folder
from sealtrail.ship.running import Ship
from sealtrail.spool.disk import Spool
from sealtrail.spool.holding import Hold


def test_several_folders_go_to_one_collector_and_are_counted_together(server, ship, tmp_path, stored):
    spools = [Spool(tmp_path / name) for name in ("a", "b")]
    for spool in spools:
        for number in range(3):
            spool.write(ship.head(number))
    shipping = Ship(server.url, server.keys["ingest"], [spool.folder for spool in spools], once=True)
    shipping.run(lambda: False)
    told = shipping.totals()
    assert (told["accepted"], told["waiting_bytes"], len(told["spools"])) == (6, 0, 2)
    assert len(stored(server)) == 6


def test_it_ends_when_it_is_asked_to_and_has_sent_what_was_there(server, ship, spool, stored):
    spool.write(ship.head(0))
    asked: list[int] = []

    def stopping() -> bool:
        asked.append(1)
        return len(asked) > 2

    Ship(server.url, server.keys["ingest"], [spool.folder]).run(stopping)
    assert len(stored(server)) == 1
    assert (spool.folder / "blocks.json").exists()


def test_a_folder_that_another_empties_is_refused_at_the_start(server, ship, spool):
    spool.write(ship.head(0))
    other = Hold(spool.folder)
    other.take()
    with pytest.raises(BusyError) as caught:
        Ship(server.url, server.keys["ingest"], [spool.folder]).run(lambda: True)
    assert caught.value.code == "busy.folder"
    other.release()


def test_a_collector_does_not_start_on_a_folder_that_is_shipped(serving, ship, spool, tmp_path):
    spool.write(ship.head(0))
    other = Hold(spool.folder)
    other.take()
    with pytest.raises(BusyError), serving(tmp_path / "data", spools=[spool.folder]):
        pass
    other.release()


def test_what_cannot_be_meant_is_refused_before_anything_is_sent(ship, tmp_path):
    for options in (
        {"url": "http://seal.example.org"},
        {"folders": [tmp_path, tmp_path / "b"], "state": tmp_path},
    ):
        given = {"url": "http://127.0.0.1:1", "key": ship.KEY, "folders": [tmp_path], **options}
        with pytest.raises(UsageError):
            Ship(given.pop("url"), given.pop("key"), given.pop("folders"), **given)
    with pytest.raises(AccessError):
        Ship("http://127.0.0.1:1", "", [tmp_path])
    with pytest.raises(UsageError):
        Ship("http://127.0.0.1:1", ship.KEY, [tmp_path / "none"], once=True).run(lambda: False)


@pytest.mark.parametrize("key", ["st_0123456789_AbCdEfGhIjKlMnOpQrStUvWxYz0123456789-_ABCDE", "viewer"])
def test_with_nothing_to_send_a_key_that_is_not_let_in_is_no_success(server, spool, key):
    spool.folder.mkdir()
    shipping = Ship(server.url, server.keys.get(key, key), [spool.folder], once=True)
    with pytest.raises(AccessError):
        shipping.run(lambda: False)


def test_with_nothing_to_send_a_collector_that_is_not_there_is_no_success(ship, spool):
    spool.folder.mkdir()
    with pytest.raises(UsageError):
        Ship("http://127.0.0.1:1", ship.KEY, [spool.folder], once=True, give_up=0.01).run(lambda: False)


def test_how_it_goes_is_left_for_the_doctor_and_for_prometheus(server, ship, spool, tmp_path):
    for number in range(3):
        spool.write(ship.head(number))
    spool.close()
    (spool.folder / "other.000000.ndjson").write_bytes(b"no event\n")
    metrics = tmp_path / "sealtrail.prom"
    Ship(server.url, server.keys["ingest"], [spool.folder], once=True, metrics=metrics).run(lambda: False)
    families = {family.name: family for family in text_string_to_metric_families(metrics.read_text())}
    told = {sample.name: sample.value for family in families.values() for sample in family.samples}
    assert told["sealtrail_ship_accepted_total"] == 3
    assert told["sealtrail_ship_rejected_total"] == 1
    assert (told["sealtrail_ship_waiting_bytes"], told["sealtrail_ship_failing"]) == (0, 0)
    (sample,) = families["sealtrail_ship_lines"].samples
    assert sample.labels == {"spool": str(spool.folder)}
    data = Folder(tmp_path / "examined")
    data.create()
    found = {one.what: one.state for one in neighbours.spool(spool.folder, data, followed=False)}
    assert found["it is shipped; 0 KiB wait to be acknowledged"] == "ok"
    assert found["lines were refused or cut short"] == "warn"


def test_that_it_ended_is_left_for_the_doctor_as_well(ship, spool, tmp_path, server):
    spool.write(ship.head(0))
    with pytest.raises(AccessError):
        Ship(server.url, ship.KEY, [spool.folder], once=True).run(lambda: False)
    data = Folder(tmp_path / "examined")
    data.create()
    found = [one for one in neighbours.spool(spool.folder, data, followed=False) if one.state == "fail"]
    assert [one.what.partition(":")[0] for one in found] == ["shipping ended"]
