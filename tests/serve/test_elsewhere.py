"""A command says the same over HTTP as on the folder."""

from __future__ import annotations

import io
import json
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from hashlib import sha256
from typing import Any

import pytest
from click.testing import CliRunner, Result

from sealtrail.cli.main import main
from sealtrail.errors import AccessError, UsageError
from sealtrail.serve import elsewhere
from sealtrail.serve.client import Client, Message
from sealtrail.serve.elsewhere import Elsewhere
from sealtrail.serve.evidence import check
from sealtrail.serve.reporting import manifest, unpacked
from sealtrail.serve.source import Here

Serving = Callable[..., AbstractContextManager[Any]]
OURS = "event.action:invoice.read"
SELECT = """
SELECT "user.id", count(*) AS n FROM events WHERE "event.action" = 'invoice.read' GROUP BY 1 ORDER BY 1
"""


@pytest.fixture(scope="module")
def server(serving: Serving, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    data = tmp_path_factory.mktemp("elsewhere") / "data"
    with serving(data, "[ledger]\ncheckpoint-seconds = 0.0\n") as made:
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
        made.send(
            *(
                {
                    "@timestamp": f"2026-11-24T08:0{number}:00Z",
                    "event.action": "invoice.read",
                    "event.id": f"e{number}",
                    "message": "hostile \x1b[2J\u202e",
                    "user.id": "ann" if number % 3 else "ben",
                }
                for number in range(8)
            ),
            *(
                {
                    "@timestamp": f"{moment}.{number:06}Z",
                    "sealtrail.kind": "authentication",
                    "event.action": "authn_login_fail",
                    "client.ip": "203.0.113.9",
                }
                for number in range(12)
            ),
        )
        assert made.served.collector.settle()
        while made.served.collector.pipeline.published("audit") < 20:
            pass  # signed a moment after the receipt
        yield made


@pytest.fixture
def run(server: Any) -> Callable[..., Result]:
    """Run a command over HTTP as an analyst, or with `here` on the folder."""

    def call(*arguments: str, here: bool = False, role: str = "analyst") -> Result:
        where = ["--data", str(server.data)] if here else ["--url", server.url, "--key", server.keys[role]]
        return CliRunner().invoke(main, [*arguments, *where])

    return call


@pytest.mark.parametrize(
    "arguments",
    [
        *(["search", OURS, "-o", form] for form in ("table", "json", "jsonl", "csv", "raw")),
        ["search", OURS, "-n", "3", "-o", "jsonl"],
        ["search", OURS, "--since", "2026-11-24T08:02:00Z", "--until", "2026-11-24T08:05:00Z", "-o", "raw"],
        ["search", "event.action:nothing", "--fail-empty"],
        ["search", "a:("],
        ["search", OURS, "--since", "yesteryear"],
        *(["count", OURS, *more, "-o", "json"] for more in ([], ["--by", "user.id"], ["--every", "2m"])),
        ["count", OURS, "--by", "user.id", "-o", "table"],
        ["count", OURS, "--by", "user.id", "-n", "1", "-o", "csv"],
        *(["tail", OURS, "-n", "3", "-o", form] for form in ("table", "jsonl", "raw")),
        ["tail", OURS, "-n", "0"],
        *(["sql", SELECT, "-o", form] for form in ("table", "json", "jsonl", "csv")),
        ["sql", SELECT, "-n", "1"],
        ["sql", SELECT, "--since", "2026-11-24T08:02:00Z", "--until", "2026-11-24T08:05:00Z"],
        ["sql", "SELECT nothing FROM events"],
        ["sql", "COPY events TO 'x'"],
        ["prove", "audit/999999"],
        ["prove", "nobody"],
        ["alerts", "list", "-o", "json"],
        ["alerts", "list", "--level", "low"],
        ["alerts", "show", "ffffffff"],
        ["alerts", "ack", "ffffffff"],
        ["unblock", "192.0.2.1", "--reason", "x"],
        ["block", "127.0.0.1", "--reason", "x"],
        ["block", "203.0.113.1", "--for", "soon", "--reason", "x"],
    ],
    ids=" ".join,
)
def test_a_command_says_the_same_over_http_as_on_the_folder(run: Any, arguments: list[str]) -> None:
    there, here = run(*arguments), run(*arguments, here=True)
    assert (there.exit_code, there.stdout) == (here.exit_code, here.stdout)
    assert there.exception is None or isinstance(there.exception, SystemExit)
    assert without_times(there.stderr) == without_times(here.stderr)


def without_times(said: str) -> list[str]:
    return [line.partition(" in ")[0].replace(" there is no trail", "") for line in said.splitlines()]


def test_an_export_is_the_same_lines(run):
    for form in ("jsonl", "raw"):
        there, here = (run("export", OURS, "-o", form, here=here) for here in (False, True))
        assert there.stdout == here.stdout
        assert len(there.stdout.splitlines()) == 8
    assert "/trails/audit/checkpoint" in run("export", "--trail", "audit", "--tlog", "x").stderr


def test_a_consistency_proof_that_was_fetched_verifies(run, server, tmp_path):
    kept, proof = tmp_path / "kept", tmp_path / "proof"
    kept.write_bytes((server.data / "trails" / "audit" / "checkpoint").read_bytes())
    assert run("prove", "audit", "--from", str(kept), "-o", str(proof)).exit_code == 0
    assert check(proof, [kept], [server.data / "keys" / "audit.vkey"]).verdict == "intact"


def test_a_proof_that_was_fetched_verifies(run, server, tmp_path):
    paths = [tmp_path / "p.tlog-proof", tmp_path / "entry.json"]
    done = run("prove", "e3", "-o", str(paths[0]), "--with-entry", str(paths[1]))
    assert done.exit_code == 0, done.stderr
    keys = [server.data / "keys" / "audit.vkey"]
    assert check(paths[0], keys=keys, entry=paths[1]).verdict == "intact"
    assert json.loads(paths[1].read_text())["event.id"] == "e3"


def test_a_search_longer_than_a_page_is_all_of_it(run, monkeypatch):
    monkeypatch.setattr(elsewhere, "PAGE_ROWS", 3)
    for form in ("jsonl", "raw"):
        assert run("search", OURS, "-o", form).stdout == run("search", OURS, "-o", form, here=True).stdout
    assert len(run("search", OURS, "-n", "7", "-o", "raw").stdout.splitlines()) == 7


def test_blocks_and_alerts_are_acted_upon_under_the_name_of_the_key(run, server):
    name = "key:" + server.keys["analyst"].split("_")[1]
    assert run("block", "203.0.113.50", "--for", "2h", "--reason", "ticket 7").exit_code == 0
    there, here = (json.loads(run("blocks", "-o", "json", here=h).stdout) for h in (False, True))
    assert there == here
    assert ("203.0.113.50", name) in [(one["address"], one["by"]) for one in there]
    assert run("blocks").stdout == run("blocks", here=True).stdout
    assert run("unblock", "203.0.113.50", "--reason", "done").exit_code == 0
    (one,) = json.loads(run("alerts", "list", "--level", "high", "-o", "json").stdout)
    shown = run("alerts", "show", one["id"])
    assert (shown.exit_code, shown.stdout) == (0, run("alerts", "show", one["id"], here=True).stdout)
    assert run("alerts", "close", "--all", "--reason", "a test").exit_code == 0
    assert f"by {name}: a test" in run("alerts", "show", one["id"]).stdout
    assert "--rules" in run("alerts", "show", one["id"], "--rules", ".").stderr


def test_a_report_that_was_fetched_is_the_folder_of_one_that_was_made_here(run, tmp_path, server):
    window = ["--from", "2026-11-24", "--to", "2026-11-24"]
    done = run("report", "pci-dss-4.0.1", *window, "--out", str(tmp_path / "r"), role="auditor")
    assert done.exit_code == 0, done.stderr
    assert "27 controls: " in done.stderr
    for line in (tmp_path / "r" / "manifest-sha256.txt").read_text().splitlines():
        digest, _, name = line.partition("  ")
        assert sha256((tmp_path / "r" / name).read_bytes()).hexdigest() == digest
    again = run("report", "pci-dss-4.0.1", *window, "--out", str(tmp_path / "r"), role="auditor")
    assert (again.exit_code, "is there already" in again.stderr) == (2, True)
    acts = server.served.collector.reading.search("event.action:sealtrail.report")
    assert [row.fields["user.id"] for row in acts] == ["key:" + server.keys["auditor"].split("_")[1]]
    kept = str(server.data / "trails" / "audit" / "checkpoint")
    refused = run("report", "soc2-2017", *window, "--out", "x", "--checkpoint", kept, role="auditor")
    assert "--checkpoint" in refused.stderr


def test_a_day_is_signed_for_elsewhere_and_listed_alike(run, server):
    done = run("review", "sign", "--day", "2026-11-24", "--note", "all quiet", role="auditor")
    assert (done.exit_code, "is signed for by key:" in done.stderr) == (0, True)
    assert server.served.collector.settle()
    window = ["--from", "2026-11-23", "--to", "2026-11-24", "-o", "json"]
    there, here = (run("review", "list", *window, here=h) for h in (False, True))
    assert there.stdout == here.stdout
    assert json.loads(there.stdout)[1]["note"] == "all quiet"
    plan = ["retain", "plan", "-o", "json"]
    assert run(*plan).exit_code == 0
    assert [set(one) for one in json.loads(run(*plan).stdout)] == [
        set(one) for one in json.loads(run(*plan, here=True).stdout)
    ]


def packed(**files: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK no archive",
        packed(),
        packed(**{"report.json": b"{}"}),
        packed(**{"report.json": b"{}", "manifest-sha256.txt": b"0" * 64 + b"  report.json\n"}),
        packed(**{"../evil": b"x", "manifest-sha256.txt": manifest({"../evil": b"x"})}),
        packed(**{"/etc/evil": b"x", "manifest-sha256.txt": manifest({"/etc/evil": b"x"})}),
        packed(**{"a/b/c": b"x", "manifest-sha256.txt": manifest({"a/b/c": b"x"})}),
    ],
    ids=len,
)
def test_an_archive_that_is_no_report_writes_nothing(data):
    with pytest.raises(UsageError) as caught:
        unpacked(data)
    assert caught.value.code == "remote.answer"


def test_an_archive_that_is_whole_is_unpacked():
    files = {"report.json": b"{}", "keys/audit.vkey": b"k"}
    whole = {**files, "manifest-sha256.txt": manifest(files)}
    assert unpacked(packed(**whole)) == whole


def test_what_a_key_may_not_do_is_told_and_the_key_is_not(run, server):
    done = run("block", "203.0.113.50", "--reason", "x", role="viewer")
    assert (done.exit_code, "access.denied" in done.stderr) == (2, True)
    assert server.keys["viewer"] not in done.output
    wrong = CliRunner().invoke(main, ["count", "--url", server.url, "--key", "st_aa_bb"])
    assert (wrong.exit_code, "access.denied" in wrong.stderr) == (2, True)
    none = CliRunner().invoke(main, ["count", "--url", server.url])
    assert (none.exit_code, "SEALTRAIL_KEY" in none.stderr) == (2, True)


# --- following


class Line:
    """A client whose tails are told beforehand: each a list of messages, or an error at the end."""

    name = "http://there"

    def __init__(self, *tails: list[Any]) -> None:
        self.tails = list(tails)
        self.asked: list[tuple[str, int]] = []

    def messages(self, *path: str, after: str = "", **parameters: Any) -> Iterator[Message]:
        self.asked.append((after, parameters["n"]))
        if not self.tails:
            raise KeyboardInterrupt
        for one in self.tails.pop(0):
            if isinstance(one, Exception):
                raise one
            yield one


def event(number: int) -> Message:
    fields = {"sealtrail.trail": "audit", "sealtrail.index": number}
    return Message("message", f"audit:{number + 1}", json.dumps(fields).encode())


def followed(line: Line, monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], list[str]]:
    monkeypatch.setattr(elsewhere, "AGAIN_SECONDS", 0.0)
    told: list[str] = []
    rows: list[int] = []
    try:
        for some in Elsewhere(line).tail("*", 5, follow=True, raw=False, told=told.append):  # type: ignore[arg-type]
            rows += [row.index for row in some]
    except KeyboardInterrupt:
        return rows, told
    raise AssertionError("a tail that follows has no end of its own")


def test_a_tail_that_breaks_off_goes_on_where_it_was(monkeypatch):
    gone = UsageError("remote.unreachable", "gone")
    line = Line([event(1), event(2), gone], [gone], [gone], [event(3)], [])
    rows, told = followed(line, monkeypatch)
    assert rows == [1, 2, 3]
    assert line.asked == [
        ("", 5),
        ("audit:3", 0),
        ("audit:3", 0),
        ("audit:3", 0),
        ("audit:4", 0),
        ("audit:4", 0),
    ]
    assert told == ["gone; trying again until interrupted", "connected again"]


def test_a_notice_is_told_and_a_place_without_an_event_is_kept(monkeypatch):
    line = Line(
        [Message("dropped", "audit:1", b'{"count":2000}'), Message("", "audit:9", b"")],
        [Message("end", "audit:9", b'{"why":"x"}')],
    )
    rows, told = followed(line, monkeypatch)
    assert rows == []
    assert line.asked[1] == ("audit:9", 0)
    assert told == [
        "2,000 events were left out: they came faster than they were read",
        "http://there ended the tail",
    ]


def test_a_tail_whose_key_was_revoked_ends(monkeypatch):
    line = Line([event(1)], [AccessError("access.denied", "revoked")])
    tail = Elsewhere(line).tail("*", 0, follow=True, raw=False, told=lambda _: None)  # type: ignore[arg-type]
    monkeypatch.setattr(elsewhere, "AGAIN_SECONDS", 0.0)
    assert [row.index for row in next(tail)] == [1]
    with pytest.raises(AccessError):
        next(tail)


@pytest.mark.parametrize("raw", [False, True])
def test_a_tail_follows_a_collector_and_a_folder_alike(server, raw, monkeypatch):
    monkeypatch.setattr("sealtrail.serve.source.FOLLOW_SECONDS", 0.01)
    sources = [Elsewhere(Client(server.url, server.keys["viewer"])), Here(server.data)]
    found: list[list[bytes | str]] = []
    query = f"event.action:tail.{raw}".lower()
    for source in sources:
        tail = source.tail(query, 0, follow=True, raw=raw, told=lambda _: None)
        got: list[Any] = []
        begun = threading.Event()

        def read(tail: Iterator[Any] = tail, got: list[Any] = got, begun: threading.Event = begun) -> None:
            for rows in tail:
                begun.set()
                got += [row.data if raw else row.address for row in rows]
                if len(got) == 1:
                    return

        reader = threading.Thread(target=read)
        reader.start()
        assert begun.wait(20)
        server.send({"@timestamp": "2026-11-24T08:00:00Z", "event.action": query.split(":")[1]})
        reader.join(20)
        found.append(got)
    assert all(len(got) == 1 for got in found)
    assert type(found[0][0]) is type(found[1][0])


@pytest.mark.parametrize(
    "answer", [{}, [], {"counts": 1}, {"counts": [{}]}, {"counts": [{"count": "8"}]}, {"counts": [5]}]
)
def test_an_answer_of_another_shape_is_no_answer(answer):
    class Odd:
        name = "http://there"

        def get(self, *path: str, **parameters: Any) -> Any:
            return answer

    with pytest.raises(UsageError) as caught:
        Elsewhere(Odd()).count("*", "", "")  # type: ignore[arg-type]
    assert caught.value.code == "remote.answer"
