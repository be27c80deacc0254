"""The figures of a server: they say what happened, in a form that Prometheus' own parsers read."""

from __future__ import annotations

from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text

from sealtrail.errors import EventError
from sealtrail.serve.metrics import FIGURES, Figures, Scrape
from sealtrail.spool.layout import segment_name


def samples(scrape: Scrape) -> dict[str, float]:
    """Name and labels of each sample -> value, by the text format."""
    body, kind = scrape(False)
    assert kind.startswith("text/plain")
    return {
        sample.name + "".join(f" {value}" for value in sample.labels.values()): sample.value
        for family in read_text(body.decode())
        for sample in family.samples
    }


def test_every_figure_that_is_documented_is_given_and_no_other(collecting, spool):
    with collecting(spools=[spool], guard=True) as collector:
        given = {metric.name: metric.type for metric in Figures(collector).collect()}
    told = {figure.name.removesuffix("_total").removesuffix("_info"): figure.type for figure in FIGURES}
    assert given == told
    assert len({figure.name for figure in FIGURES}) == len(FIGURES)


def test_both_forms_are_read_by_prometheus_own_parsers(collecting):
    with collecting() as collector:
        scrape = Scrape(collector)
        body, kind = scrape(True)
        assert kind.startswith("application/openmetrics-text")
        families = {family.name for family in read_openmetrics(body.decode())}
        assert {"sealtrail_sync_seconds", "sealtrail_events_accepted", "process_open_fds"} <= families
        assert samples(scrape)["sealtrail_ready"] == 1.0


def test_figures_say_what_happened(collecting, line, spool, until, tmp_path):
    with collecting(spools=[spool], guard=True) as collector:
        scrape = Scrape(collector)
        collector.submit("key:1", [line(0), line(1), line(1)])
        collector.submit("key:1", [line(0, message="other")])
        collector.rejects.add("key:1", "line 1", b"x", EventError("event.not-json", "no"))
        whole = tmp_path / "segment"  # of an application that lost its event 1
        whole.write_bytes(b"".join(line(seq, "app")[0] + b"\n" for seq in (0, 2)))
        spool.mkdir(exist_ok=True)
        whole.rename(spool / segment_name("app", 0))
        until(lambda: samples(scrape)[f"sealtrail_spool_missing_total {spool}"] == 1)
        assert collector.settle()
        found = samples(scrape)
    assert found["sealtrail_events_duplicate_total"] == 1
    assert found["sealtrail_events_conflicting_total"] == 1
    assert found["sealtrail_events_rejected_total event.not-json"] == 1
    assert found["sealtrail_events_rejected_total event.conflict"] == 1
    assert found["sealtrail_events_accepted_total"] >= 5
    assert found["sealtrail_sync_seconds_count"] > 0
    assert found["sealtrail_sync_seconds_bucket +Inf"] == found["sealtrail_sync_seconds_count"]
    assert found["sealtrail_trail_entries access"] >= 4
    assert found["sealtrail_trail_signed_entries access"] >= 0
    assert found["sealtrail_follower_lag_entries store"] == 0
    assert found["sealtrail_follower_failing detect"] == 0
    assert found[f"sealtrail_spool_lines_total {spool}"] == 2
    assert found[f"sealtrail_spool_waiting_bytes {spool}"] == 0
    assert found["sealtrail_rules"] > 0
    assert found["sealtrail_queue_bytes"] == 0
    assert found["sealtrail_disk_free_bytes"] > 0


def test_a_disk_that_is_full_and_a_spool_that_fails_show(collecting, spool, monkeypatch):
    spool.mkdir()
    with collecting("[disk]\nfree-bytes = 9000000000000000\n", spools=[spool]) as collector:
        collector.spools[0].problem = "it cannot be read"
        found = samples(Scrape(collector))
        assert found["sealtrail_ready"] == 0
        assert found["sealtrail_disk_free_bytes"] < found["sealtrail_disk_reserve_bytes"]


def test_what_producers_send_makes_no_series(collecting, line):
    with collecting() as collector:
        scrape = Scrape(collector)
        collector.submit("key:1", [line(0)])
        before = {name for name in samples(scrape) if name.startswith("sealtrail_")}
        for number in range(20):
            collector.submit(
                f"key:{number}", [line(number, f"emitter-{number}", **{"service.name": f"s{number}"})]
            )
        assert {name for name in samples(scrape) if name.startswith("sealtrail_")} == before


def test_answers_are_counted_by_route_and_a_scrape_shows_those_before_it(serving, tmp_path):
    with serving(tmp_path / "data") as server:
        assert server.get("/api/v1/events/audit/0").status_code == 200
        assert server.get("/api/v1/events/audit/0", "ingest").status_code == 403
        assert server.get("/nothing/here").status_code == 404
        text = server.get("/metrics").text
    found = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for family in read_text(text)
        for sample in family.samples
        if sample.name == "sealtrail_http_requests_total"
    }
    place = "/api/v1/events/{trail}/{index}"
    assert found == {(place, "GET", "200"): 1, (place, "GET", "403"): 1, ("none", "GET", "404"): 1}
