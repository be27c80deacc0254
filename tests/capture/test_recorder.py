import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sealtrail.capture import recorder
from sealtrail.capture.recorder import Recorder, configured
from sealtrail.errors import UsageError
from sealtrail.event.model import Audit
from sealtrail.settings import CaptureSettings

# Python 3.12 warns of a fork beside threads; that it works is what is tested.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")


def act(**fields):
    event = Audit("2026-11-24T08:00:00.000000Z", "i", "audit", "event", ("api",), ("info",), "a.b", "success")
    for name, value in fields.items():
        setattr(event, name, value)
    return event


def test_an_event_carries_its_process_and_its_number(made, events):
    made.record(act(), audit=True)
    (event,) = events()
    assert event["service.name"] == "shop"
    assert event["process.pid"] == os.getpid()
    assert (event["sealtrail.emitter"], event["sealtrail.seq"]) == (made.spool.emitter, 0)


def test_the_callers_own_fields_follow_the_number_in_order(made, spool):
    made.record(
        act(), audit=True, extra={"zoo.b": 1, "acme.a": "x", "event.id": "forged", "sealtrail.kind": "alert"}
    )
    (line,) = next(iter(spool.glob("*.ndjson"))).read_bytes().splitlines()
    assert line.endswith(b'"sealtrail.seq":0,"acme.a":"x","zoo.b":1}')
    assert json.loads(line)["event.id"] == "i"
    assert "extra.refused" in json.loads(line)["sealtrail.notes"]


def test_own_fields_are_scrubbed_and_bounded(made, events):
    made.record(act(), audit=True, extra={"acme.password": "hunter2", "acme.mail": "a@b.de"})
    made.record(act(), audit=True, extra={"acme.big": ["x" * 2000] * 100})
    first, second = events()
    assert first["acme.password"] == "[redacted:password]"
    assert first["acme.mail"] == "[redacted:email]"
    assert set(first["sealtrail.redacted"]) == {"acme.password:password", "acme.mail:email"}
    assert len(json.dumps(second)) < 65_000


@pytest.mark.parametrize("value", ["a\ud800", object(), type])
def test_a_value_that_cannot_be_encoded_is_repaired(made, events, value):
    assert made.record(act(reason=value), audit=True)
    (event,) = events()
    assert event["event.action"] == "a.b"
    assert event.get("sealtrail.notes", []) == (["value.surrogate"] if isinstance(value, str) else [])
    assert made.errors == 0


def test_an_event_that_is_too_long_loses_its_details_first_and_says_so(made, events):
    assert made.record(
        act(details={"a": "x" * 60_000}, change=[{"path": "p", "old": 1, "new": 2}]), audit=True
    )
    (event,) = events()
    assert event["sealtrail.truncated"] == ["sealtrail.details", "sealtrail.change"]
    assert made.record(act(reason="\x01" * 20_000, target_id="\x01" * 20_000), audit=True)
    assert set(events()[-1]["sealtrail.truncated"]) == {"event.reason", "sealtrail.target.id"}


def test_a_fault_of_ours_is_counted_told_once_and_never_raised(made, monkeypatch, caplog):
    def broken(*_, **__):
        raise RuntimeError("ours")

    monkeypatch.setattr(made.spool, "write", broken)
    assert [made.record(act(), audit=True) for _ in range(3)] == [False] * 3
    assert made.errors == 3
    assert len(caplog.records) == 1


def test_a_handler_of_the_application_that_raises_does_not_reach_it(made, monkeypatch):
    def broken(*_, **__):
        raise RuntimeError("theirs")

    monkeypatch.setattr(recorder._log, "warning", broken)
    monkeypatch.setattr(made.spool, "write", broken)
    assert made.record(act(), audit=True) is False


def test_recorders_of_one_folder_are_one_emitter(made, spool, events):
    other = configured("admin", spool=str(spool))
    made.record(act(), audit=True)
    other.record(act(), audit=True)
    assert [(e["service.name"], e["sealtrail.seq"]) for e in events()] == [("shop", 0), ("admin", 1)]
    assert len({e["sealtrail.emitter"] for e in events()}) == 1


def test_after_a_fork_the_pid_is_the_childs(made, events):
    made.record(act(), audit=True)
    child = os.fork()
    if child == 0:
        os._exit(0 if made.record(act(), audit=True) else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert sorted(e["process.pid"] for e in events()) == sorted((os.getpid(), child))
    assert len({e["sealtrail.emitter"] for e in events()}) == 2


def test_the_environment_configures_what_the_code_does_not(monkeypatch, tmp_path):
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setenv("SEALTRAIL_SPOOL", str(tmp_path / "here"))
    monkeypatch.setenv("SEALTRAIL_SERVICE", "from-environment")
    monkeypatch.setenv("SEALTRAIL_TRUSTED_PROXIES", "10.0.0.0/8, unix")
    made = recorder.default()
    assert made.settings.service == "from-environment"
    assert made.settings.trusted_proxies == ("10.0.0.0/8", "unix")
    assert made.spool.folder == tmp_path / "here"
    assert configured("code").settings.service == "code"


def test_a_wrong_proxy_is_refused_at_the_door_and_not_in_an_act(monkeypatch, tmp_path):
    monkeypatch.setattr(recorder, "_default", None)
    monkeypatch.setenv("SEALTRAIL_TRUSTED_PROXIES", "nonsense")
    with pytest.raises(UsageError):
        configured("shop")
    assert recorder.default().settings.trusted_proxies == ()


def test_a_disk_that_refuses_everything_costs_events_and_nothing_else(tmp_path, monkeypatch):
    made = Recorder(CaptureSettings(tmp_path / "spool", "s", (), "k"))

    def refuse(*_, **__):
        raise OSError(errno.EROFS, "read-only")

    for call in ("open", "write", "fchmod"):
        with monkeypatch.context() as patch:
            patch.setattr(os, call, refuse)
            made.spool.close()
            made.spool._retry_open = 0.0
            assert made.record(act(), audit=True) is False
    assert made.errors == 0
    assert made.spool.failed == 3


def test_the_applications_side_imports_nothing_but_msgspec_an_id_library_and_its_framework():
    code = """
import sys
before = set(sys.modules)
import sealtrail, sealtrail.wsgi
light = set(sys.modules) - before
import sealtrail.flask
# What few ask for takes as long to be made as much of the rest.
assert not {"sealtrail.capture.watching.plan", "sealtrail.scrub.groups"} & set(sys.modules)
allowed = {"sealtrail", "msgspec", "uuid_utils", "typing_extensions"}  # the last, if it is there
foreign = {n.partition(".")[0] for n in light} - allowed - sys.stdlib_module_names
assert not foreign, foreign
rooms = {n.split(".")[1] for n in set(sys.modules) if n.startswith("sealtrail.")}
print(sorted(rooms))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(
        ["capture", "errors", "event", "flask", "scrub", "settings", "spool", "wsgi"]
    )


def test_the_package_has_its_types_with_it():
    assert (Path(recorder.__file__).parent.parent / "py.typed").exists()
