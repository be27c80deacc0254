from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.layout import tile_path
from sealtrail.serve.evidence import check

Serving = Callable[..., AbstractContextManager[Any]]
COUNT = 700


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = tmp_path_factory.mktemp("tiles") / "data"
    with serving(data, "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        made.send(
            *(
                {"@timestamp": "2026-11-24T08:00:00Z", "event.action": "invoice.read", "message": str(number)}
                for number in range(COUNT)
            )
        )
        assert made.served.collector.settle()
        while made.served.collector.pipeline.published("audit") <= COUNT:
            pass  # signed a moment after the receipt
        yield made


def size_of(note: bytes) -> int:
    return Checkpoint.from_note(note)[0].size


def tiles(size: int) -> Iterator[str]:
    """The path of every tile of a tree of `size`."""
    for number in range(-(-size // 256)):
        width = min(256, size - number * 256)
        yield tile_path(None, number, width)
        yield tile_path(0, number, width)
    if size >= 256:
        yield tile_path(1, 0, size // 256)


def test_a_trail_that_is_fetched_tile_by_tile_verifies_like_an_export(server, tmp_path):
    note = server.get("/trails/audit/checkpoint").content
    size = size_of(note)
    assert size > COUNT
    folder = tmp_path / "audit"
    for path in tiles(size):
        answer = server.get(f"/trails/audit/{path}")
        assert answer.status_code == 200, path
        assert answer.headers["Cache-Control"] == "private, max-age=31536000, immutable"
        assert answer.headers["Content-Type"] == "application/octet-stream"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(answer.content)
    (folder / "checkpoint").write_bytes(note)
    key = next(t["key"] for t in server.get("/api/v1/integrity").json()["trails"] if t["trail"] == "audit")
    (tmp_path / "audit.vkey").write_text(f"{key}\n")
    report = check(folder, keys=[tmp_path / "audit.vkey"])
    assert report.verdict == "intact", report.lines()


def test_a_partial_tile_is_the_beginning_of_the_whole_one(server):
    whole = server.get("/trails/audit/tile/0/000").content
    assert server.get("/trails/audit/tile/0/000.p/7").content == whole[: 7 * 32]


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        *(("gzip", True), ("br, GZIP;q=0.5", True), ("gzip, deflate", True)),
        *(("identity", False), ("", False), ("gzip;q=0", False), ("gzip; q=0.000, identity", False)),
    ],
)
def test_a_bundle_is_packed_for_who_takes_it_and_the_same(server, accepted, packed):
    plain = server.http.get(
        "/trails/audit/tile/entries/000", headers={**server.as_("viewer"), "Accept-Encoding": "identity"}
    )
    headers = {**server.as_("viewer"), "Accept-Encoding": accepted}
    answer = server.http.get("/trails/audit/tile/entries/000", headers=headers)
    assert (answer.headers.get("Content-Encoding") == "gzip") is packed
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.content == plain.content
    assert (int(answer.headers["Content-Length"]) < len(plain.content) // 3) is packed


def test_hashes_are_not_packed(server):
    answer = server.get("/trails/audit/tile/0/000")
    assert "Content-Encoding" not in answer.headers
    assert int(answer.headers["Content-Length"]) == 8192


def test_a_checkpoint_is_never_kept_and_a_tile_by_its_reader_alone(server):
    answer = server.get("/trails/audit/checkpoint")
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    [
        "tile/0/999",
        "tile/0/x999/999",
        "tile/0/0",
        "tile/0/000.p/0",
        "tile/0/000.p/256",
        "tile/0/000.p/999",
        "tile/64/000",
        "tile/00/000",
        "tile/0/x000/001",
        "tile/entries/999",
        "tile/entries/000.p/-1",
        "tile/x/000",
        "tile/5/000.p/1",
        "tile/0/..%2F..%2F000",
    ],
)
def test_what_is_no_tile_or_not_signed_yet_is_404(server, path):
    assert server.get(f"/trails/audit/{path}").status_code == 404


def test_a_trail_that_is_not_there_has_no_tiles(server):
    assert server.get("/trails/nobody/checkpoint").status_code == 404
    assert server.get("/trails/nobody/tile/0/000.p/1").json()["error"]["code"] == "not-found.trail"


def test_only_entries_are_a_reading(server):
    def readings() -> list[str]:
        assert server.served.collector.settle()
        rows = server.served.collector.reading.search("event.action:sealtrail.read", limit=1000)
        return [row.fields["sealtrail.details"]["door"] for row in rows]

    before = len(readings())
    server.get("/trails/audit/checkpoint", "auditor")
    server.get("/trails/audit/tile/0/000.p/3", "auditor")
    assert len(readings()) == before
    server.get("/trails/audit/tile/entries/000.p/3", "auditor")
    assert len(readings()) == before + 1
