"""What a running server says about itself in figures, in a registry of its own.

Everything is read when it is asked for; only how long a sync takes is counted as it happens. Labels take
values from the configuration, the code and the data folder (spools, followers, error codes, trails), never
from events: no producer can make a series.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from importlib.metadata import version
from typing import Final, Literal, NamedTuple

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.registry import Collector as Source

from sealtrail.serve.writing import Collector
from sealtrail.web.counting import Counts

OPENMETRICS_TYPE: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Figure(NamedTuple):
    """One metric: its name, type, labels (with commas between them, empty for none) and meaning."""

    name: str
    type: Literal["counter", "gauge", "histogram", "info"]
    labels: str
    meaning: str


FIGURES: Final = (
    Figure("sealtrail_info", "info", "", "version of the server, as a label"),
    Figure("sealtrail_ready", "gauge", "", "1 while events are accepted"),
    Figure("sealtrail_events_accepted_total", "counter", "", "events stored, acknowledged after the sync"),
    Figure("sealtrail_events_duplicate_total", "counter", "", "events that were stored before"),
    Figure("sealtrail_events_conflicting_total", "counter", "", "identities that came with other bytes"),
    Figure("sealtrail_events_rejected_total", "counter", "code", "lines refused and kept in quarantine"),
    Figure("sealtrail_rejects_unkept_total", "counter", "", "refused lines that were only counted"),
    Figure("sealtrail_rejects_dropped_files_total", "counter", "", "quarantine files that made room"),
    Figure("sealtrail_commits_total", "counter", "", "group commits"),
    Figure("sealtrail_sync_seconds", "histogram", "", "what the disk takes to make one commit durable"),
    Figure("sealtrail_queue_bytes", "gauge", "", "lines that wait for the writer"),
    Figure("sealtrail_queue_limit_bytes", "gauge", "", "beyond it producers are told to wait"),
    Figure("sealtrail_trail_entries", "gauge", "trail", "entries in a trail"),
    Figure("sealtrail_trail_signed_entries", "gauge", "trail", "entries under the latest checkpoint"),
    Figure("sealtrail_last_checkpoint_timestamp_seconds", "gauge", "", "when the trails were last signed"),
    Figure("sealtrail_anchor_entries", "gauge", "anchor,trail", "entries under the newest checkpoint there"),
    Figure(
        "sealtrail_anchor_timestamp_seconds", "gauge", "anchor,trail", "when that was put there; 0: never"
    ),
    Figure("sealtrail_anchor_failing", "gauge", "anchor,trail", "1 while nothing newer can be put there"),
    Figure(
        "sealtrail_anchor_diverged", "gauge", "anchor,trail", "1 while what is there contradicts the trail"
    ),
    Figure("sealtrail_trail_witnessed_entries", "gauge", "trail", "entries under the witnesses' quorum"),
    Figure("sealtrail_trail_unwitnessed", "gauge", "trail", "1 while a trail lacks its quorum for long"),
    Figure("sealtrail_witness_cosigned_entries", "gauge", "witness,trail", "entries it cosigned last"),
    Figure("sealtrail_witness_failing", "gauge", "witness", "1 while a witness does not cosign"),
    Figure("sealtrail_follower_lag_entries", "gauge", "follower", "entries a follower has still to see"),
    Figure("sealtrail_follower_failing", "gauge", "follower", "1 while a follower fails and tries again"),
    Figure("sealtrail_spool_lines_total", "counter", "spool", "lines read from a spool"),
    Figure("sealtrail_spool_rejected_total", "counter", "spool", "lines of a spool that were refused"),
    Figure("sealtrail_spool_torn_total", "counter", "spool", "lines cut short by the death of their writer"),
    Figure(
        "sealtrail_spool_missing_total",
        "counter",
        "spool",
        "events that never arrived: dropped by an application whose spool was full, or removed",
    ),
    Figure("sealtrail_spool_waiting_bytes", "gauge", "spool", "bytes that are not collected yet"),
    Figure("sealtrail_spool_failing", "gauge", "spool", "1 while a spool cannot be followed"),
    Figure("sealtrail_blocks", "gauge", "", "addresses that are refused now, simulated blocks included"),
    Figure("sealtrail_rules", "gauge", "", "detection rules that are loaded"),
    Figure("sealtrail_rules_refused", "gauge", "", "rule files that could not be loaded"),
    Figure("sealtrail_http_requests_total", "counter", "route,method,status", "answers of the HTTP doors"),
    Figure("sealtrail_disk_free_bytes", "gauge", "", "free on the file system of the data folder"),
    Figure("sealtrail_disk_reserve_bytes", "gauge", "", "below this much nothing is accepted"),
)

_Values = float | Mapping[str, float]


class Figures(Source):
    """The figures of one collector, as Prometheus families. `requests` counts what its doors answered."""

    def __init__(self, collector: Collector, requests: Counts | None = None) -> None:
        self._collector = collector
        self._requests: Counts = {} if requests is None else requests

    def describe(self) -> Iterable[Metric]:
        """Nothing: the registry would else ask for everything when it is made."""
        return []

    def collect(self) -> Iterator[Metric]:
        values = self._values()
        for figure in FIGURES:
            yield _family(figure, values.get(figure.name, 0.0), self._collector)

    def _values(self) -> dict[str, _Values]:
        one = self._collector
        counts, spools, guard = one.pipeline.counts, one.spools, one.guard
        rules = guard.ruleset if guard is not None else None
        failing, lags = one.hub.failures(), one.hub.lags()
        standings, lacking = one.cosigning.standings(), one.cosigning.unwitnessed()
        anchored = {f"{each.where},{each.trail}": each for each in one.anchors.standing()}
        return {
            "sealtrail_ready": not one.pipeline.ready(),
            "sealtrail_events_accepted_total": counts["accepted"],
            "sealtrail_events_duplicate_total": counts["duplicates"],
            "sealtrail_events_conflicting_total": counts["conflicts"],
            "sealtrail_events_rejected_total": dict(one.rejects.counts),
            "sealtrail_rejects_unkept_total": one.rejects.unkept,
            "sealtrail_rejects_dropped_files_total": one.rejects.dropped_files,
            "sealtrail_commits_total": counts["commits"],
            "sealtrail_queue_bytes": one.pipeline.waiting,
            "sealtrail_queue_limit_bytes": one.settings.intake.queue_bytes,
            "sealtrail_trail_entries": dict(one.pipeline.heads()),
            "sealtrail_trail_signed_entries": {trail: log.published for trail, log in one.logs.items()},
            "sealtrail_last_checkpoint_timestamp_seconds": one.pipeline.signed_at.timestamp(),
            "sealtrail_anchor_entries": {name: one.size for name, one in anchored.items()},
            "sealtrail_anchor_timestamp_seconds": {
                name: datetime.fromisoformat(one.at).timestamp() if one.at else 0.0
                for name, one in anchored.items()
            },
            "sealtrail_anchor_failing": {name: bool(one.since) for name, one in anchored.items()},
            "sealtrail_anchor_diverged": {name: one.diverged for name, one in anchored.items()},
            "sealtrail_trail_witnessed_entries": {
                trail: one.cosigning.witnessed(trail) for trail in one.logs if one.cosigning.follows(trail)
            },
            "sealtrail_trail_unwitnessed": {
                trail: trail in lacking for trail in one.logs if one.cosigning.follows(trail)
            },
            "sealtrail_witness_cosigned_entries": {
                f"{name},{trail}": size
                for name, each in standings.items()
                for trail, size in list(each.cosigned.items())
            },
            "sealtrail_witness_failing": {name: bool(each.why) for name, each in standings.items()},
            "sealtrail_follower_lag_entries": dict(lags),
            "sealtrail_follower_failing": {name: name in failing for name in lags},
            "sealtrail_spool_lines_total": {str(s.folder): s.counts["lines"] for s in spools},
            "sealtrail_spool_rejected_total": {str(s.folder): s.counts["rejected"] for s in spools},
            "sealtrail_spool_torn_total": {str(s.folder): s.counts["torn"] for s in spools},
            "sealtrail_spool_missing_total": {str(s.folder): s.counts["gaps"] for s in spools},
            "sealtrail_spool_waiting_bytes": {str(s.folder): s.backlog() for s in spools},
            "sealtrail_spool_failing": {str(s.folder): bool(s.problem) for s in spools},
            "sealtrail_blocks": len(guard.desk.blocks()) if guard is not None else 0,
            "sealtrail_rules": len(rules.rules) + len(rules.correlations) if rules is not None else 0,
            "sealtrail_rules_refused": len(rules.refused) if rules is not None else 0,
            "sealtrail_http_requests_total": {
                ",".join((route, method, str(status))): count
                for (route, method, status), count in list(self._requests.items())
            },
            "sealtrail_disk_free_bytes": shutil.disk_usage(one.folder.root).free,
            "sealtrail_disk_reserve_bytes": one.settings.disk.free_bytes,
        }


def _family(figure: Figure, values: _Values, collector: Collector) -> Metric:
    name, meaning = figure.name, figure.meaning
    labels = figure.labels.split(",") if figure.labels else []
    family: CounterMetricFamily | GaugeMetricFamily
    match figure.type:
        case "info":
            return InfoMetricFamily(
                name.removesuffix("_info"), meaning, value={"version": version("sealtrail")}
            )
        case "histogram":
            syncs = collector.pipeline.syncs
            buckets = [("+Inf" if bound == float("inf") else str(bound), n) for bound, n in syncs.upto()]
            return HistogramMetricFamily(name, meaning, buckets=buckets, sum_value=syncs.total)
        case "counter":
            family = CounterMetricFamily(name, meaning, labels=labels)
        case "gauge":
            family = GaugeMetricFamily(name, meaning, labels=labels)
    for label, value in (values if isinstance(values, Mapping) else {"": values}).items():
        # From the right: only the first of several labels, a route or a path, could hold a comma.
        family.add_metric(label.rsplit(",", len(labels) - 1) if labels else [], float(value))
    return family


class Scrape:
    """Answers /metrics: the figures above and those of the process (memory, open files, processor time)."""

    def __init__(self, collector: Collector, requests: Counts | None = None) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(Figures(collector, requests))
        ProcessCollector(registry=self._registry)

    def __call__(self, openmetrics: bool) -> tuple[bytes, str]:
        if openmetrics:
            return bytes(generate_openmetrics(self._registry)), OPENMETRICS_TYPE  # type: ignore[no-untyped-call]
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4
