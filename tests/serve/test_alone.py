from __future__ import annotations

import socket

from sealtrail.serve.alone import ALONE, WAYS, alone, others


def test_a_collector_whose_emitters_are_all_here_is_alone_until_another_host_sends(collecting, line):
    with collecting() as collector:
        collector.submit("spool:x", [line(0, **{"host.name": "elsewhere.example"})])
        collector.submit("key:1", [line(0, "f", **{"host.name": socket.gethostname()})])
        assert collector.settle()
        assert others(collector.reading) == []
        assert alone(collector.reading, collector.anchors) == (ALONE, WAYS)
        collector.submit("key:1", [line(1, "f", **{"@timestamp": now(), "host.name": "elsewhere.example"})])
        assert collector.settle()
        assert others(collector.reading) == ["elsewhere.example"]
        assert alone(collector.reading, collector.anchors) == ("", "")


def test_an_anchor_is_company(collecting, tmp_path):
    with collecting(anchors=[str(tmp_path)]) as collector:
        assert alone(collector.reading, collector.anchors) == ("", "")
    assert "--anchor-to" in WAYS


def now() -> str:
    from datetime import UTC, datetime

    from sealtrail.event.entry import stamp

    return stamp(datetime.now(UTC))
