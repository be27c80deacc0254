from __future__ import annotations

from pathlib import Path

from sealtrail.event.entry import unseal
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve.folder import Folder
from sealtrail.serve.importing import import_files
from sealtrail.serve.writing import Collector

LOG = "".join(
    f"192.0.2.{n % 200} - - [24/Nov/2026:08:{n // 60 % 60:02}:{n % 60:02} +0000] "
    f'"GET /invoices/{n} HTTP/1.1" 200 {n} "-" "curl/8"\n'
    for n in range(1500)
)


def imported(data: Path) -> list[tuple[str, bytes]]:
    reader = LedgerReader(data)
    told = [unseal(entry) for entry in reader.read("access", 0, 100_000)]
    return [(source, line) for line, _, source in told if source != "collector"]


def test_through_a_running_server_and_without_one_the_same_is_stored(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(LOG + "no log line\n")

    def run(data: Path) -> list[tuple[int, ...]]:
        done = import_files(data, [log, log], "auto", "shop", lambda *_: None)
        return [(one.read, one.stored, one.duplicates, one.rejected) for one in done]

    alone = run(tmp_path / "alone")
    with Collector(Folder(tmp_path / "server"), guard=False) as collector:
        served = run(tmp_path / "server")
        assert collector.settle()
        assert collector.reading.count("sealtrail.import:true") == 1500
    assert alone == served == [(1501, 1500, 0, 1), (1501, 0, 1500, 1)]
    assert imported(tmp_path / "alone") == imported(tmp_path / "server")
    assert len(imported(tmp_path / "alone")) == 1500


def test_what_one_way_has_stored_the_other_does_not_store_again(tmp_path):
    log = tmp_path / "access.log"
    log.write_text(LOG)
    data = tmp_path / "data"
    (first,) = import_files(data, [log], "auto", "", lambda *_: None)
    with Collector(Folder(data), guard=False):
        (second,) = import_files(data, [log], "auto", "", lambda *_: None)
    assert (first.stored, second.stored) == (1500, 0)
    assert len(imported(data)) == 1500
