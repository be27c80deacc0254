"""Anchors of a real collector: what it signs is elsewhere, and what contradicts it is an event."""

from __future__ import annotations

import errno
import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from sealtrail.anchor.standing import Standing
from sealtrail.errors import UsageError
from sealtrail.event import read
from sealtrail.ledger.checkpoint import history_notes
from sealtrail.ledger.files import Disk
from sealtrail.ledger.reader import LedgerReader
from sealtrail.serve import anchored, running
from sealtrail.serve.backup import backup
from sealtrail.serve.evidence import check
from sealtrail.serve.metrics import Scrape
from sealtrail.serve.signers import rotate

QUICK = "[ledger]\norigin = 'acme.example/api'\ncheckpoint-seconds = 0.05\n"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


def standing(collector) -> dict[str, Standing]:
    return {one.trail: one for one in collector.anchors.standing()}


def copy(elsewhere: Path, trail: str = "access") -> Path:
    return elsewhere / "acme.example" / "api" / f"{trail}.checkpoints"


def test_what_is_signed_is_elsewhere_and_anchors_the_folder(collecting, line, elsewhere, tmp_path):
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(0), line(1)])
        assert standing(collector).keys() == {"access", "audit"}
    data = tmp_path / "data"
    for trail in ("access", "audit"):  # the last checkpoint as well: it is signed while the collector stops
        notes = [note for note, _ in history_notes(copy(elsewhere, trail).read_bytes())]
        assert notes[-1] == (data / "trails" / trail / "checkpoint").read_bytes()
    report = check(data, [elsewhere])
    assert (report.verdict, report.anchored) == ("intact", True)
    assert not check(data).anchored
    assert "--anchor-to" in check(data).lines()[-1]


def test_a_folder_that_was_put_back_is_an_event_and_is_not_anchored_over(
    collecting, line, elsewhere, tmp_path
):
    import shutil

    data = tmp_path / "data"
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(0)])
    shutil.copytree(data, tmp_path / "old")
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(1)])
    before = copy(elsewhere).read_bytes()
    shutil.rmtree(data)
    (tmp_path / "old").rename(data)
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        for place in collector.anchors.places:
            place.stop()  # it looks a last time before it ends
        assert all(one.diverged for one in standing(collector).values())
        collector.submit("key:1", [line(2)])  # recording goes on
        health = collector.health()
        assert health["ready"]
        assert any("contradicted" in trouble for trouble in health["troubles"])
        found = list(anchored.findings(health["anchors"]))
        assert [one.state for one in found] == ["fail", "fail"]
        assert "both are evidence" in found[0].todo
        body, _ = Scrape(collector)(False)
        assert f'sealtrail_anchor_diverged{{anchor="{elsewhere}",trail="access"}} 1.0' in body.decode()
    assert copy(elsewhere).read_bytes() == before
    ledger = LedgerReader(data)
    events = [read(entry) for entry in ledger.read("audit", 0, 1000)]
    said = [event for event in events if event["event.action"] == "sealtrail.diverged"]
    assert {event["sealtrail.target.id"] for event in said} == {"access", "audit"}
    assert "acme.example/api/" in said[0]["sealtrail.details"]["shown"]
    ledger.close()
    assert check(data, [elsewhere]).verdict == "tampered"


class Refusing(Disk):
    """A disk on which nothing fits, until it does."""

    full = True

    def write(self, fd: int, data: memoryview) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(fd, data)


def test_a_full_anchor_loses_no_event_is_told_everywhere_and_caught_up_with(
    collecting, line, elsewhere, tmp_path, monkeypatch
):
    disk = Refusing()
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        (place,) = collector.anchors.places
        place.stop()
        monkeypatch.setattr(place._anchor, "_disk", disk)
        receipt = collector.submit("key:1", [line(0), line(1)])
        assert receipt.accepted == 2
        collector.pipeline.mark().result()
        place._clock = lambda: 1e9
        place.turn()
        stands = standing(collector)["access"]
        assert "No space left" in stands.why
        assert stands.since
        (found, _) = anchored.findings(collector.health()["anchors"])
        assert found.state == "fail"
        assert "failing since" in found.what
        body, _ = Scrape(collector)(False)
        assert f'sealtrail_anchor_failing{{anchor="{elsewhere}",trail="access"}} 1.0' in body.decode()
        disk.full = False
        place._clock = lambda: 2e9
        place.turn()
        assert standing(collector)["access"].since == ""
    assert check(tmp_path / "data", [elsewhere]).verdict == "intact"


def test_places_are_checked_before_anything_is_opened_for_good(collecting, tmp_path):
    for named in ("relative/folder", str(tmp_path / "data" / "anchor"), "http://keep.example/"):
        with pytest.raises(UsageError), collecting(QUICK, anchors=[named]):
            pass
    secret = f"{QUICK}anchor-to = ['https://me:secret@keep.example/']\n"
    with pytest.raises(UsageError, match="others may read it") as refused, collecting(secret):
        pass
    assert "secret@" not in str(refused.value)


def test_the_command_and_the_settings_name_places_that_add_up(collecting, elsewhere, tmp_path):
    more = tmp_path / "more"
    more.mkdir()
    with collecting(f"{QUICK}anchor-to = ['{more}']\n", anchors=[str(elsewhere), str(more)]) as collector:
        assert {one.where for one in collector.anchors.standing()} == {str(more), str(elsewhere)}
    assert copy(more).exists()
    assert copy(elsewhere).exists()
    served = running.Served(tmp_path / "data", port=0, anchors=[str(elsewhere)])
    assert served.collector._anchor_names == [str(elsewhere)]
    served._socket.close()


def test_a_new_key_goes_on_where_the_old_one_anchored(collecting, line, elsewhere, tmp_path):
    data = tmp_path / "data"
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(0)])
    rotate(data, [], "ann")
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(1)])
        for place in collector.anchors.places:
            # As where the history was lost: each note has to fit by itself, those of the old key as well.
            for one in place._trails:
                one.ours.history = tmp_path / "none"
                one.ours.history.touch()
            place.stop()
        assert [one.why for one in collector.anchors.standing() if one.diverged] == []
    with collecting(QUICK, anchors=[str(elsewhere)]):
        pass
    assert check(data, [elsewhere]).verdict == "intact"


def test_an_authority_stamps_what_is_signed_and_verify_believes_it(collecting, line, authority, tmp_path):
    asked: list[bytes] = []

    class Stamping(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            reply = authority.reply(asked[-1])
            self.send_response(200)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.end_headers()
            self.wfile.write(reply)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Stamping) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_address[1]}/"
        stamps = f"{QUICK}timestamp-url = '{url}'\ntimestamp-ca = '{authority.root}'\n"
        with collecting(stamps) as collector:
            collector.submit("key:1", [line(0)])
        assert [one.kind for one in collector.anchors.standing()] == ["timestamp", "timestamp"]
        assert all(one.size for one in collector.anchors.standing()), collector.anchors.standing()
        server.shutdown()
    report = check(tmp_path / "data", tsa=[authority.root])
    assert (report.verdict, report.anchored) == ("intact", False)
    assert all(trail.timestamped_to == trail.size for trail in report.trails)
    assert check(tmp_path / "data", tsa=[authority.other.root]).verdict == "tampered"
    copy = tmp_path / "copy"
    backup(tmp_path / "data", copy)
    assert all(trail.existed_by for trail in check(copy, tsa=[authority.root]).trails)


def test_an_authority_whose_answers_nobody_could_check_is_refused(collecting, tmp_path):
    for more in ("", "timestamp-ca = '/nowhere.pem'\n"):
        with (
            pytest.raises(UsageError, match="timestamp-ca"),
            collecting(f"{QUICK}timestamp-url = 'http://tsa.example/'\n{more}"),
        ):
            pass


def test_the_verification_of_the_console_is_held_against_what_lies_elsewhere(
    collecting, line, elsewhere, tmp_path
):
    with collecting(QUICK, anchors=[str(elsewhere)]) as collector:
        collector.submit("key:1", [line(0)])
        collector.pipeline.mark().result()
        (place,) = collector.anchors.places
        place.stop()
        given = collector.anchors.evidence()
        assert given == ["--checkpoint", str(copy(elsewhere)), "--checkpoint", str(copy(elsewhere, "audit"))]
        assert collector.checking.start("ann")
        collector.checking._thread.join()
        assert collector.checking.last["sealtrail.details"]["anchored"] is True


def test_the_command_takes_a_folder_from_where_it_is_typed(child, elsewhere, tmp_path):
    process = child(
        *("-m", "sealtrail", "serve", "--data", tmp_path / "data", "--port", "0"),
        *("--anchor-to", elsewhere.name),
    )
    assert " at http://" in process.stderr.readline()
    process.terminate()
    assert process.wait(20) == 0
    report = check(tmp_path / "data", [elsewhere])
    assert (report.verdict, report.anchored) == ("intact", True)
