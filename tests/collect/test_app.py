from __future__ import annotations

import gzip
import json
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from sealtrail.collect import app, inbox, own  # noqa: F401 - reached through the running server
from sealtrail.event import canonical
from sealtrail.event.entry import unseal
from sealtrail.serve import guarding, housekeeping, importing, operating, reading  # noqa: F401 - as above
from sealtrail.serve.access import keys_of
from sealtrail.serve.evidence import check

Serving = Callable[..., AbstractContextManager[Any]]


def event(number: int, **more: object) -> dict[str, object]:
    return {
        "@timestamp": "2026-11-24T08:00:00Z",
        "event.action": "invoice.read",
        "event.id": f"e{number}",
        "sealtrail.emitter": "tests",
        "sealtrail.seq": number,
        **more,
    }


@pytest.fixture
def server(serving: Serving, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "data") as made:
        yield made


@pytest.fixture(scope="module")
def shared(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """For tests that leave no trace another could trip over."""
    with serving(tmp_path_factory.mktemp("door") / "data", "[intake]\nbody-bytes = 20000\n") as made:
        yield made


def test_what_is_acknowledged_is_where_the_receipt_says_and_sent_again_a_duplicate(server: Any) -> None:
    first = server.send(event(0), event(1)).json()
    assert (first["accepted"], first["duplicates"], first["rejected"]) == (2, 0, [])
    (receipt,) = first["receipts"]
    (start, end) = receipt["ranges"][0]
    assert (receipt["trail"], end - start) == ("audit", 2)
    again = server.send(event(0), event(1)).json()
    assert (again["accepted"], again["duplicates"]) == (0, 2)


def test_other_bytes_under_a_known_identity_are_a_conflict(server: Any) -> None:
    server.send(event(0))
    assert server.send(event(0, message="forged")).json()["conflicts"] == 1


def test_a_bad_line_is_told_with_its_place_and_the_others_are_stored(server: Any) -> None:
    said = server.send(event(0), {"no": "time"}, event(1)).json()
    assert said["accepted"] == 2
    assert [one["line"] for one in said["rejected"]] == [2]


@pytest.mark.parametrize("forged", [{"sealtrail.kind": "alert"}, {"event.action": "sealtrail.prune"}])
def test_an_ingest_key_cannot_forge_what_the_collector_says(server: Any, forged: dict[str, str]) -> None:
    answer = server.send(event(0, **forged))
    assert answer.status_code == 422
    assert answer.json()["rejected"][0]["code"] == "event.reserved-kind"


def test_without_a_key_or_with_the_wrong_role_nothing_is_given(server: Any) -> None:
    assert server.http.post("/api/v1/events", content="{}").status_code == 401
    assert server.http.get("/api/v1/search").status_code == 401
    assert server.http.get("/api/v1/search", headers=server.as_("ingest")).status_code == 403
    assert server.send(event(0), role="viewer").status_code == 403
    assert server.http.get("/healthz").json() == {"status": "ok"}


def test_compressed_bodies_are_read_and_bombs_are_not(server: Any) -> None:
    headers = {**server.as_("ingest"), "Content-Encoding": "gzip"}
    body = gzip.compress(json.dumps(event(7)).encode())
    assert server.http.post("/api/v1/events", content=body, headers=headers).json()["accepted"] == 1
    bomb = gzip.compress(b" " * 64 * 1024 * 1024)
    assert server.http.post("/api/v1/events", content=bomb, headers=headers).status_code == 413


def test_a_stopped_server_leaves_everything_signed(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path / "data") as server:
        server.send(event(0))
        assert server.http.get("/readyz", headers=server.as_("viewer")).json()["ready"] is True
    report = check(tmp_path / "data")
    assert (report.verdict, sum(trail.uncommitted for trail in report.trails)) == ("intact", 0)


def sealed(server: Any) -> list[bytes]:
    """The lines producers sent, as they stand in the trails."""
    ledger = server.served.collector.ledger
    told = [unseal(e) for trail in ledger.trails() for e in ledger.read(trail, 0, 10_000)]
    return [line for line, _, source in told if source.startswith("key:")]


# --- who may


def spellings(key: str) -> dict[str, dict[str, str]]:
    name = key.split("_")[1]
    return {
        "bearer": {"Authorization": f"Bearer {key}"},
        "lower case": {"authorization": f"bearer {key}"},
        "basic": {"Authorization": "Basic " + b64encode(f"anybody:{key}".encode()).decode()},
        "elasticsearch": {"Authorization": "ApiKey " + b64encode(f"{name}:{key}".encode()).decode()},
        "bouncer": {"X-Api-Key": key},
    }


@pytest.mark.parametrize("form", spellings("st_a_b"))
def test_a_key_may_come_in_any_of_its_forms(shared: Any, form: str) -> None:
    for role, status in (("viewer", 200), ("admin", 200), ("ingest", 403)):
        headers = spellings(shared.keys[role])[form]
        assert shared.http.get("/api/v1/search", headers=headers).status_code == status


@pytest.mark.parametrize("form", spellings("st_a_b"))
def test_a_wrong_key_is_refused_in_any_of_its_forms_and_not_repeated(shared: Any, form: str) -> None:
    wrong = f"{shared.keys['viewer'][:-3]}xyz"
    answer = shared.http.get("/api/v1/search", headers=spellings(wrong)[form])
    assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (403, "Bearer")
    assert wrong not in answer.text
    assert wrong.split("_")[1] not in answer.text


@pytest.mark.parametrize("value", ["", "Bearer", "Basic !!!", "ApiKey e30=", "Digest x", "x" * 4000])
def test_what_is_no_key_is_refused(shared: Any, value: str) -> None:
    answer = shared.http.get("/readyz", headers={"Authorization": value})
    assert answer.status_code in {401, 403}
    assert answer.json()["error"]["code"].startswith("access.")


def test_a_revoked_key_is_refused_at_the_next_request(server: Any) -> None:
    name, key = keys_of(server.data).new("viewer")
    headers = {"Authorization": f"Bearer {key}"}
    assert server.http.get("/readyz", headers=headers).status_code == 200
    keys_of(server.data).revoke(name)
    assert server.http.get("/readyz", headers=headers).status_code == 403


def test_the_key_is_asked_for_before_the_body_is_read(shared: Any) -> None:
    too_large = b"x" * 100_000
    assert shared.http.post("/api/v1/events", content=too_large).status_code == 401


# --- what may come in


def chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 1000):
        yield b" " * 1000


def test_a_body_over_the_limit_is_refused_declared_or_not_compressed_or_not(shared: Any) -> None:
    def status(content: bytes | Iterator[bytes], encoding: str = "identity") -> int:
        headers = {**shared.as_("ingest"), "Content-Encoding": encoding}
        answer = shared.http.post("/api/v1/events", content=content, headers=headers)
        return answer.status_code if answer.json()["error"]["code"] == "body.too-large" else 0

    assert status(b" " * 20_001) == 413
    assert status(chunks(30_000)) == 413
    assert status(gzip.compress(b" " * 20_001), "gzip") == 413
    assert status(zstandard.compress(b" " * 20_001), "zstd") == 413


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"Content-Type": "application/xml"}, b"{}", 415, "body.media-type"),
        ({"Content-Type": "application/json; charset=latin-1"}, b"{}", 415, "body.media-type"),
        ({"Content-Encoding": "br"}, b"{}", 415, "body.media-type"),
        ({"Content-Encoding": "gzip"}, b"not gzip", 422, "body.unreadable"),
        ({"Content-Encoding": "zstd"}, b"not zstd", 422, "body.unreadable"),
        ({"Content-Encoding": "gzip"}, gzip.compress(b"{}", mtime=0)[:-4], 422, "body.unreadable"),
        ({}, b"[1,", 422, "body.unreadable"),
    ],
)
def test_a_body_that_cannot_be_read_says_why(
    shared: Any, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    answer = shared.http.post("/api/v1/events", content=content, headers={**shared.as_("ingest"), **headers})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_zstd_and_arrays_are_read_and_an_empty_body_is_no_error(server: Any) -> None:
    array = json.dumps([event(1), event(2)]).encode()
    headers = {**server.as_("ingest"), "Content-Encoding": "zstd", "Content-Type": "application/json"}
    said = server.http.post("/api/v1/events", content=zstandard.compress(array), headers=headers).json()
    assert said["accepted"] == 2
    assert server.send().json() == {
        "accepted": 0,
        "duplicates": 0,
        "conflicts": 0,
        "rejected": [],
        "receipts": [],
    }


def test_ranges_of_a_receipt_point_at_exactly_what_was_sent(server: Any) -> None:
    def ours(number: int) -> dict[str, object]:
        kind = "request" if number % 3 else "audit"
        return {**event(number), "sealtrail.kind": kind, "sealtrail.schema": 1, "message": f"number {number}"}

    def send(events: list[dict[str, object]]) -> dict[str, Any]:
        body = b"\n".join(canonical(one) for one in events)
        answer = server.http.post("/api/v1/events", content=body, headers=server.as_("ingest"))
        return dict(answer.json())

    sent = [ours(number) for number in range(10)]
    send([sent[2], sent[4]])
    receipt = send(sent)
    assert (receipt["accepted"], receipt["duplicates"]) == (8, 2)
    ledger, found = server.served.collector.ledger, []
    for part in receipt["receipts"]:
        indexes = [index for start, end in part["ranges"] for index in range(start, end)]
        assert part["size"] > max(indexes)
        assert part["checkpoint"].startswith("sealtrail.local/")
        found += [unseal(ledger.entry(part["trail"], index))[0] for index in indexes]
    fresh = [canonical(one) for one in sent if one["sealtrail.seq"] not in {2, 4}]
    assert sorted(found) == sorted(fresh)


def test_an_event_without_an_identity_is_stored_each_time_it_is_sent(server: Any) -> None:
    anonymous = {"@timestamp": "2026-11-24T08:00:00Z", "event.action": "door.opened"}
    for _ in range(2):
        said = server.send(anonymous, anonymous).json()
        assert (said["accepted"], said["duplicates"]) == (2, 0)
    assert len(sealed(server)) == 4


def test_two_keys_have_numbers_of_their_own(server: Any) -> None:
    assert server.send(event(0)).json()["accepted"] == 1
    assert server.send(event(0), role="admin").json()["accepted"] == 1
    assert server.send(event(0), role="admin").json()["duplicates"] == 1


def test_what_was_refused_is_in_quarantine_before_the_answer(server: Any) -> None:
    server.send({"no": "time", "password": "hunter2hunter2"}, event(1))
    (path,) = (server.data / "state" / "rejects").glob("*.ndjson")
    (kept,) = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert (kept["place"], kept["code"]) == ("line 1", "event.missing")
    assert "hunter2" not in path.read_text()


# --- what goes out


SECRET = "sk_live_4eC39HqLyjWDarjtT1zdp7dc"


@pytest.mark.parametrize(
    "content",
    [
        f'{{"@timestamp":"{SECRET}"}}',
        f'{{"{SECRET}":1,"{SECRET}":2}}',
        f'["{SECRET}"',
        f'["{SECRET}"]',
        SECRET,
        f'{{"@timestamp":"2026-11-24T08:00:00Z","event.action":"x","sealtrail.seq":"{SECRET}"}}',
    ],
)
def test_no_error_repeats_a_value_that_was_sent(shared: Any, content: str) -> None:
    answer = shared.http.post("/api/v1/events", content=content, headers=shared.as_("ingest"))
    assert answer.status_code == 422
    values = answer.text if f'"{SECRET}":1' not in content else answer.text.replace(f"`{SECRET}`", "")
    assert SECRET not in values.replace(f"$.{SECRET}", "")


def test_every_answer_forbids_to_keep_sniff_or_frame_it(shared: Any) -> None:
    admin = shared.as_("admin")
    answers = [
        shared.http.get("/healthz"),
        shared.http.get("/readyz"),
        shared.http.get("/readyz", headers=admin),
        shared.http.get("/api/v1/search", headers=admin),
        shared.http.get("/api/v1/search?q=(", headers=admin),
        shared.http.post("/api/v1/events", content=b"x", headers=admin),
        shared.http.get("/nothing/here"),
        shared.http.delete("/api/v1/events", headers=admin),
    ]
    assert [one.status_code for one in answers] == [200, 401, 200, 200, 400, 422, 404, 405]
    for one in answers:
        assert one.headers["Cache-Control"] == "no-store"
        assert one.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in one.headers["Content-Security-Policy"]
        assert one.headers["Content-Type"] == "application/json"
        assert "server" not in one.headers


def test_a_fault_of_ours_is_told_without_its_insides(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:

    def broken(*_: object) -> None:
        raise RuntimeError(f"at {SECRET}")

    monkeypatch.setattr(shared.served.collector.reading, "page", broken)
    answer = shared.http.get("/api/v1/search", headers=shared.as_("viewer"))
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "http.500")
    assert SECRET not in answer.text
    assert answer.headers["Cache-Control"] == "no-store"


# --- not now


def test_a_nearly_full_disk_is_503_and_says_when_to_come_again(serving: Serving, tmp_path: Path) -> None:
    with serving(tmp_path / "data", f"[disk]\nfree-bytes = {1 << 62}\n") as server:
        answer = server.send(event(0))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "busy.disk")
        assert int(answer.headers["Retry-After"]) >= 1
        ready = server.http.get("/readyz", headers=server.as_("viewer"))
        assert (ready.status_code, ready.json()["ready"]) == (503, False)
        assert "MiB" in ready.json()["why"]
        assert server.http.get("/healthz").status_code == 200
        assert sealed(server) == []


def test_a_full_queue_is_429_and_what_was_taken_is_stored(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path / "data", "[intake]\nqueue-bytes = 1\n") as server:
        pipeline = server.served.collector.pipeline
        commit, entered, go = pipeline._commit, threading.Event(), threading.Event()

        def slow(*arguments: object) -> None:
            entered.set()
            assert go.wait(20)
            commit(*arguments)  # type: ignore[arg-type]

        monkeypatch.setattr(pipeline, "_commit", slow)
        first: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: first.append(server.send(event(0))))
        waiting.start()
        assert entered.wait(20)
        answer = server.send(event(1))
        go.set()
        waiting.join()
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "busy.queue")
        assert int(answer.headers["Retry-After"]) >= 1
        assert (first[0].status_code, first[0].json()["accepted"]) == (200, 1)
        assert server.send(event(1)).json()["accepted"] == 1


def test_bodies_are_refused_while_others_fill_the_room_and_taken_when_they_are_gone(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entered, go = threading.Event(), threading.Event()
    with serving(tmp_path / "data", "[intake]\nrequest-bytes = 200\n") as server:
        pipeline = server.served.collector.pipeline
        commit = pipeline._commit

        def slow(*arguments: object) -> None:
            entered.set()
            assert go.wait(20)
            commit(*arguments)

        monkeypatch.setattr(pipeline, "_commit", slow)
        first: list[httpx.Response] = []
        waiting = threading.Thread(target=lambda: first.append(server.send(event(0))))
        waiting.start()
        assert entered.wait(20)
        answer = server.send(event(1))
        go.set()
        waiting.join()
        assert (answer.status_code, answer.json()["error"]["code"]) == (429, "busy.queue")
        assert int(answer.headers["Retry-After"]) >= 1
        assert first[0].json()["accepted"] == 1
        assert server.send(event(1)).json()["accepted"] == 1


def test_a_form_that_curl_sends_is_refused_with_the_header_that_is_missing(shared: Any) -> None:
    headers = {**shared.as_("ingest"), "Content-Type": "application/x-www-form-urlencoded"}
    answer = shared.http.post("/api/v1/events", content=json.dumps(event(0)), headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "body.media-type")
    assert "-H 'Content-Type: application/x-ndjson'" in answer.json()["error"]["hint"]


def test_a_ledger_that_cannot_be_written_is_503_and_nothing_is_acknowledged(
    server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.send(event(0))
    disk = server.served.collector.logs["audit"]._disk

    def refuses(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(disk, "datasync", refuses)
    for number in (1, 2):
        answer = server.send(event(number))
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "ledger.io")
        assert int(answer.headers["Retry-After"]) >= 1
    ready = server.http.get("/readyz", headers=server.as_("viewer"))
    assert (ready.status_code, ready.json()["ready"]) == (503, False)
