from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from sealtrail.comply.library import names
from sealtrail.comply.verdict import VERDICTS
from sealtrail.demo.tamper import edit_one_byte
from sealtrail.errors import NotFoundError, QueryError, UsageError
from sealtrail.event import canonical
from sealtrail.ledger.reader import LedgerReader
from sealtrail.ledger.sign import read_vkey
from sealtrail.ledger.verify import verify
from sealtrail.serve import housekeeping, reporting
from sealtrail.serve.folder import Folder
from sealtrail.serve.reading import Reading
from sealtrail.serve.reporting import MANIFEST, Made, Wanted, make, report, write
from sealtrail.serve.retaining import run
from sealtrail.store.columnar import ColumnarStore

NOW = datetime(2026, 6, 1, tzinfo=UTC)
PCI = "pci-dss-4.0.1"
Opened = Callable[..., Made]


@pytest.fixture
def filled(collecting, line, tmp_path) -> Callable[..., Path]:
    """A folder in which services recorded for three days, every six hours."""

    def fill(*services: str, days: int = 3, settings: str = "", **more: object) -> Path:
        lines = []
        for place, service in enumerate(services):
            for step in range(days * 4):
                at = f"2026-01-{1 + step // 4:02}T{step % 4 * 6:02}:00:00.000000Z"
                fields = {"event.outcome": "success", "user.id": f"u{step % 3}", "client.ip": "192.0.2.7"}
                fields |= {"http.request.id": f"{service}{step}", "service.name": service, "@timestamp": at}
                lines.append(line(step, f"e{place}", **{**fields, **more}))
        with collecting(settings) as collector:
            if lines:
                collector.submit("key:1", lines)
                # As after some minutes: what follows asks the index and not the ledger's tail.
                collector.settle()
                collector.store.flush()
        return tmp_path / "data"

    return fill


@pytest.fixture
def made() -> Opened:
    """The report of a folder, in memory."""

    def opened(data: Path, framework: str = PCI, first: str = "2026-01-01", last: str = "2026-01-03") -> Made:
        folder = Folder(data)
        return make(folder, Reading.open(folder), Wanted(framework, first, last), now=NOW, workers=1)

    return opened


def verdicts(report: Made) -> dict[str, str]:
    return {control.id: control.verdict for control in report.report.controls}


def evidence(made: Made, check: str):
    return next(e for control in made.report.controls for e in control.evidence if e.check == check)


def test_the_same_checkpoints_give_the_same_bytes(filled, made):
    data = filled("shop", "billing")
    first, second = made(data), made(data)
    assert first.files == second.files
    assert first.digest == second.digest


def test_the_folder_holds_what_verifies_it_and_the_manifest_names_it_all(filled, made, tmp_path):
    report = made(filled("shop", "billing"))
    write(report, tmp_path / "out")
    listed = {}
    for row in (tmp_path / "out" / MANIFEST).read_text().splitlines():
        digest, name = row.split("  ")
        listed[name] = digest
    there = {str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*") if p.is_file()}
    assert there == {*listed, MANIFEST}
    assert all(sha256((tmp_path / "out" / name).read_bytes()).hexdigest() == listed[name] for name in listed)
    assert {f"{place}/{trail}{end}" for place, end in (("keys", ".vkey"), ("checkpoints", ".checkpoint"))
            for trail in ("access", "audit")} < there  # fmt: skip
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert modes == {0o600}


def test_every_sample_is_proved_by_the_files_beside_it_and_a_changed_one_is_not(filled, made, tmp_path):
    report = made(filled("shop", "billing"))
    out = tmp_path / "out"
    write(report, out)
    samples = [s for c in report.report.controls for e in c.evidence for s in e.samples]
    assert len({sample.address for sample in samples}) >= 10
    keys = [read_vkey(path) for path in (out / "keys").iterdir()]
    for sample in samples:
        entry = (out / sample.entry).read_bytes()
        assert verify(out / sample.proof, keys=keys, entry=entry, workers=1).verdict == "intact"
        assert verify(out / sample.proof, keys=keys, entry=entry + b" ", workers=1).verdict == "tampered"


def test_the_json_has_ids_verdicts_and_evidence(filled, made):
    document = json.loads(made(filled("shop", "billing")).files["report.json"])
    assert document["format"] == "sealtrail-report 1"
    assert document["window"] == {
        "from": "2026-01-01T00:00:00.000000Z",
        "to": "2026-01-04T00:00:00.000000Z",
        "judged_to": "2026-01-04T00:00:00.000000Z",
    }
    assert document["verification"]["verdict"] == "intact"
    assert {head["trail"]: head["size"] > 0 for head in document["checkpoints"]} == {
        "access": True,
        "audit": True,
    }
    assert sum(document["verdicts"].values()) == len(document["controls"])
    for control in document["controls"]:
        assert control["id"]
        assert control["verdict"] in VERDICTS
        assert control["evidence"] or control["verdict"] == "not-applicable"
    sources = next(c for c in document["controls"] if c["id"] == "10.2.1")["evidence"][0]
    assert sources["verdict"] == "pass"
    assert {n["name"]: n["value"] for n in sources["numbers"]} == {
        "records of billing": 12,
        "records of shop": 12,
    }
    assert document["records"] == 24


def test_the_page_and_the_json_carry_the_same_verdicts(filled, made):
    report = made(filled("shop", "billing"))
    page = report.files["report.html"].decode()
    for control in report.report.controls:
        assert page.count(f'<span class="id">{control.id}</span>') == 1
        section = page.split(f'<span class="id">{control.id}</span>')[1].split("</article>")[0]
        assert f'class="mark {control.verdict}"' in section.split("<p><strong>")[0]


def test_what_strangers_sent_is_text_on_the_page(filled, made):
    bad = "<img src=x onerror=alert(1)>"
    report = made(filled(bad, "shop", **{"user.id": bad, "event.action": bad}))
    page = report.files["report.html"].decode()
    assert "<img" not in page
    assert "&lt;img src=x onerror=alert(1)&gt;" in page


def test_a_number_is_found_again_by_the_query_beside_it(filled, made):
    data = filled("shop", "billing")
    reading = Reading.open(Folder(data))
    report = made(data)
    asked = 0
    for control in report.report.controls:
        for part in control.evidence:
            for number in part.numbers:
                if number.query and part.check not in {"RET-2", "REV-1"}:
                    window = report.report.window
                    assert reading.count(number.query, window["from"], window["judged_to"]) == number.value
                    asked += 1
    assert asked > 20


@pytest.mark.parametrize("framework", names())
def test_an_empty_window_gives_no_pass_in_any_framework(filled, made, framework):
    data = filled("shop", "billing")
    assert made(data, framework).report.verdicts["pass"] > 0
    empty = made(data, framework, "2025-01-01", "2025-01-31").report
    assert empty.verdicts["pass"] == 0
    assert empty.records == 0


@pytest.mark.parametrize("framework", names())
def test_a_folder_without_a_record_of_anybody_gives_no_pass(filled, made, framework):
    assert made(filled(), framework, "2026-01-01", "2030-01-01").report.verdicts["pass"] == 0


def test_a_source_that_stops_turns_the_control_that_depends_on_it_and_no_other(
    filled, made, collecting, line
):
    data = filled("shop", "billing", days=6)
    before = verdicts(made(data, PCI, "2026-01-04", "2026-01-06"))
    assert before["10.2.1"] == "pass"
    with collecting() as collector:
        lines = []
        for step in range(12):
            at = f"2026-01-{7 + step // 4:02}T{step % 4 * 6:02}:00:00.000000Z"
            lines.append(line(24 + step, "e0", **{
                "event.outcome": "success", "user.id": "u", "client.ip": "192.0.2.7", "service.name": "shop",
                "http.request.id": f"s{24 + step}", "@timestamp": at,
            }))  # fmt: skip
        collector.submit("key:1", lines)
    after = made(data, PCI, "2026-01-07", "2026-01-09")
    assert {name for name, verdict in verdicts(after).items() if verdict != before[name]} == {"10.2.1"}
    assert verdicts(after)["10.2.1"] == "no-data"
    assert evidence(after, "COV-1").found == ("billing: no record in the window",)


def test_one_changed_byte_turns_the_controls_that_rest_upon_the_ledger(filled, made, tmp_path):
    data = filled("shop", "billing")
    before = verdicts(made(data))
    edit_one_byte(data, b'"event.action"', "access")
    after = made(data)
    assert {name for name, verdict in verdicts(after).items() if verdict != before[name]} == {
        "10.3.2",
        "10.3.4",
    }
    assert after.report.verification.verdict == "tampered"
    assert evidence(after, "INT-1").found[0].startswith("access/")


def test_a_report_of_a_tampered_folder_is_made_and_nothing_is_written_to_it(filled, tmp_path):
    data = filled("shop")
    edit_one_byte(data, b'"user.id"', "access")
    before = {path: path.read_bytes() for path in (data / "trails").rglob("*") if path.is_file()}
    _, why = report(data, Wanted(PCI, "2026-01-01", "2026-01-03"), tmp_path / "out", "rita")
    assert "nothing is written to it" in why
    assert (tmp_path / "out" / MANIFEST).exists()
    assert before == {path: path.read_bytes() for path in (data / "trails").rglob("*") if path.is_file()}


@pytest.mark.parametrize("serving", [False, True])
def test_a_report_is_an_event_that_names_its_manifest(filled, collecting, tmp_path, serving):
    data = filled("shop")
    wanted = Wanted(PCI, "2026-01-01", "2026-01-03", "Example Ltd")
    if serving:
        with collecting():
            done, why = report(data, wanted, tmp_path / "out", "rita")
    else:
        done, why = report(data, wanted, tmp_path / "out", "rita")
    assert (done.entity, why) == ("Example Ltd", "")
    (row,) = Reading.open(Folder(data)).search("event.action:sealtrail.report")
    assert row.fields["user.id"] == "rita"
    assert row.fields["sealtrail.report.framework"] == PCI
    assert row.fields["sealtrail.report.to"] == "2026-01-04T00:00:00.000000Z"
    digest = sha256((tmp_path / "out" / MANIFEST).read_bytes()).hexdigest()
    assert row.fields["sealtrail.report.manifest"] == digest


def test_a_folder_that_is_not_empty_is_left_alone_and_nothing_is_recorded(filled, tmp_path):
    data = filled("shop")
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(UsageError, match="there already"):
        report(data, Wanted(PCI, "2026-01-01", "2026-01-03"), tmp_path / "out", "rita")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]
    assert not Reading.open(Folder(data)).search("event.action:sealtrail.report")


def test_a_kept_checkpoint_anchors_the_report(filled, made):
    data = filled("shop")
    assert verdicts(made(data))["10.3.3"] == "needs-human"
    folder = Folder(data)
    kept = tuple((data / "trails" / trail / "checkpoint").read_bytes() for trail in ("access", "audit"))
    wanted = Wanted(PCI, "2026-01-01", "2026-01-03", checkpoints=kept)
    anchored = make(folder, Reading.open(folder), wanted, now=NOW, workers=1)
    assert verdicts(anchored)["10.3.3"] == "pass"


def test_open_files_are_found_where_their_folders_let_others_through(filled, made):
    data = filled("shop")
    file = data / "trails" / "access" / "checkpoints"
    file.chmod(0o666)
    assert verdicts(made(data))["10.3.2"] == "pass"
    for folder in (data, data / "trails", data / "trails" / "access"):
        folder.chmod(0o711)
    report = made(data)
    assert verdicts(report)["10.3.2"] == verdicts(report)["10.3.1"] == "fail"
    assert evidence(report, "INT-5").found == ("trails/access/checkpoints: group or others may write",)


def test_who_may_read_is_listed_and_revoked_keys_are_not(filled, made, collecting):
    from sealtrail.accounts.keys import Keys
    from sealtrail.accounts.people import People

    data = filled("shop")
    keys = Keys(data / "keys")
    names = {role: keys.new(role)[0] for role in ("ingest", "viewer", "auditor")}
    keys.revoke(names["auditor"])
    People(data / "keys").add("rita", "auditor", "a long enough pass phrase")
    key, person = evidence(made(data), "RD-1").notes
    assert key.startswith(f"may read: key {names['viewer']}, viewer")
    assert person.startswith("may read: rita, auditor, account made ")


def test_detection_that_ran_has_seen_the_records(filled, made, collecting):
    data = filled("shop")
    assert verdicts(made(data))["10.4.1.1"] == "fail"
    with collecting(guard=True) as collector:
        assert collector.settle()
    assert verdicts(made(data))["10.4.1.1"] == "pass"


def test_a_gap_is_noticed_by_detection_and_dealt_with_by_closing_the_alert(filled, made, collecting, until):
    data = filled("shop")
    day = (PCI, "today", "today")
    now = datetime.now(UTC)

    def report() -> dict[str, str]:
        folder = Folder(data)
        wanted = Wanted(*day)
        return verdicts(make(folder, Reading.open(folder), wanted, now=datetime.now(UTC), workers=1))

    gap = {
        "event.action": "sealtrail.gap",
        "event.outcome": "failure",
        "sealtrail.range.emitter": "e",
        "sealtrail.range.first": 1,
        "sealtrail.range.end": 3,
    }
    with collecting(guard=True) as collector:
        event = {"@timestamp": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "event.id": "x", "event.action": "a.b"}
        line = {**event, "sealtrail.kind": "audit", "sealtrail.emitter": "n", "sealtrail.seq": 0}
        collector.submit("key:1", [(canonical(line), line)])
        collector.pipeline.record(gap).result()
        until(lambda: collector.reading.count("sealtrail.kind:alert"))
        found = report()
        assert (found["10.7.2"], found["10.4.3"]) == ("pass", "fail")
        (alert,) = collector.reading.search("sealtrail.kind:alert")
        assert collector.settle()
        collector.guard.alerts.act("close", [alert.fields["event.id"]], by="rita", reason="a power cut")
        until(lambda: report()["10.4.3"] == "pass")


def test_what_the_settings_name_is_judged(filled, made):
    settings = (
        '[compliance]\nentity = "Example Ltd"\ncardholder-data = "url.path:/things/*"\n'
        'services = ["shop", "search"]\nservice-provider = true\n'
    )
    report = made(filled("shop", settings=settings))
    assert report.report.entity == "Example Ltd"
    found = verdicts(report)
    assert (found["10.2.1"], found["10.2.1.1"]) == ("no-data", "pass")
    assert found["10.7.1"] == "not-exercised"


def test_a_setting_that_is_no_query_is_named(filled, made):
    data = filled("shop", settings='[compliance]\ncardholder-data = "a:("\n')
    with pytest.raises(UsageError, match="cardholder-data is no query") as caught:
        made(data)
    assert caught.value.code == "usage.setting"


def test_a_window_that_is_not_over_is_judged_up_to_the_last_entry(filled, made):
    data = filled("shop")
    report = made(data, PCI, "2026-01-01", "2026-12-31").report
    assert report.window["to"] == "2027-01-01T00:00:00.000000Z"
    assert report.window["judged_to"][:19] == report.as_of[:19]


@pytest.mark.parametrize(
    ("first", "last", "error"),
    [
        ("2026-01-03", "2026-01-01", UsageError),
        ("2026-01-03T10:00:00Z", "2026-01-03T10:00:00Z", UsageError),
        ("soon", "2026-01-01", QueryError),
    ],
)
def test_a_window_without_a_length_is_refused(filled, made, first, last, error):
    with pytest.raises(error):
        made(filled("shop"), PCI, first, last)


def test_a_moment_may_end_the_window(filled, made):
    report = made(filled("shop"), PCI, "2026-01-01T06:00:00Z", "2026-01-01T18:00:00Z").report
    assert report.records == 2


def test_an_unknown_framework_says_which_there_are(filled, made):
    with pytest.raises(NotFoundError, match="no framework"):
        made(filled("shop"), "pci-dss-3.2.1")


def test_a_full_disk_leaves_no_folder_that_looks_whole(filled, made, tmp_path, monkeypatch):
    report = made(filled("shop"))
    opened = os.open

    def full(path, *rest, **more):
        if str(path).endswith("report.json"):
            raise OSError(28, "No space left on device")
        return opened(path, *rest, **more)

    monkeypatch.setattr(reporting.os, "open", full)
    with pytest.raises(UsageError, match="No space"):
        write(report, tmp_path / "out")
    assert not (tmp_path / "out" / MANIFEST).exists()


def test_a_report_of_a_running_server_waits_until_its_samples_can_be_proved(collecting, line, tmp_path):
    with collecting("[ledger]\ncheckpoint-seconds = 0.3\n") as collector:
        collector.submit("key:1", [line(0, **{"service.name": "shop", "event.outcome": "success"})])
        done, _ = report(tmp_path / "data", Wanted(PCI, "2026-01-01", "2026-01-01"), tmp_path / "out", "rita")
    samples = [s for control in done.controls for part in control.evidence for s in part.samples]
    assert samples
    assert all(sample.proof for sample in samples)


def test_what_is_not_signed_in_time_has_no_proof_and_says_why(collecting, line, tmp_path, monkeypatch):
    monkeypatch.setattr(reporting, "SIGNED_SECONDS", 0.0)
    with collecting("[ledger]\ncheckpoint-seconds = 3600.0\n") as collector:
        collector.submit("key:1", [line(0, **{"service.name": "shop", "event.outcome": "success"})])
        assert not reporting.wait_signed(collector.ledger)
        done, _ = report(tmp_path / "data", Wanted(PCI, "2026-01-01", "2026-01-01"), tmp_path / "out", "rita")
    samples = [s for control in done.controls for part in control.evidence for s in part.samples]
    assert samples
    assert all("not under a checkpoint" in sample.note for sample in samples)


def test_what_was_removed_too_early_shows_in_what_is_left(collecting, line, until, tmp_path, monkeypatch):
    """A retention that is too short, for real: volumes go, and the report measures what they left."""
    monkeypatch.setattr(housekeeping, "EVERY_SECONDS", 3600.0)
    data, volume, later = tmp_path / "data", 256, datetime.now(UTC) + timedelta(days=401)
    with collecting("[ledger]\ncheckpoint-seconds = 0.02\n", volume_entries=volume) as collector:
        lines = [line(seq, **{"service.name": "shop", "event.outcome": "success"}) for seq in range(700)]
        collector.submit("key:1", lines)
        until(lambda: collector.pipeline.published("access") >= 700)
        collector.pipeline.seal_pending()
        collector.settle()
        collector.store.flush()

    def verdicts_of(framework: str) -> dict[str, str]:
        folder = Folder(data)
        ledger = LedgerReader(data, volume_entries=volume)
        reading = Reading(ledger, ColumnarStore.open_reader(folder.store))
        reading.catch_up()
        wanted = Wanted(framework, "2026-01-01", "today")
        now = datetime.now(UTC)
        return verdicts(make(folder, reading, wanted, now=now, workers=1, volume_entries=volume))

    before = {name: verdicts_of(name) for name in names()}
    assert before[PCI]["10.5.1"] == "no-data"  # nothing is a year old yet
    done, gone = run(data, "rita", now=later, volume_entries=volume)
    assert ([(one.trail, one.end) for one in done], gone) == ([("access", 512)], True)
    for framework, turned in (
        (PCI, {"10.5.1"}),
        ("soc2-2017", {"C1.1", "C1.2"}),
        ("hipaa-164", {"164.316(b)(2)(i)"}),
    ):
        after = verdicts_of(framework)
        assert {name for name in after if after[name] != before[framework][name]} == turned
        assert {after[name] for name in turned} == {"fail"}
