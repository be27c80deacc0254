"""The plugin in real runs of pytest, in processes of their own, where it is found by its entry point."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FAULTY = """
import sealtrail, sealtrail.capture.audit.here

def test_fault(sealtrail_events, monkeypatch):
    monkeypatch.setattr(sealtrail.capture.audit.here, "written", lambda _: 1 / 0)
    assert not sealtrail.audit("x")
"""


@pytest.fixture
def run(tmp_path):
    """(exit code, output) of one run of pytest over one file, with these lines in its configuration."""

    def run(source: str, settings: str = "", *arguments: str) -> tuple[int, str]:
        (tmp_path / "test_users.py").write_text(source)
        (tmp_path / "pytest.ini").write_text(f"[pytest]\naddopts = --strict-markers\n{settings}\n")
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return ran.returncode, ran.stdout + ran.stderr

    return run


def test_the_fixture_holds_the_events_of_one_test(run, tmp_path):
    code, said = run(
        "import sealtrail\n"
        "from sealtrail.testing import assert_event, assert_no_secret\n"
        "def test_one(sealtrail_events):\n"
        "    sealtrail.audit('invoice.delete', details={'password': 'hunter2hunter2'})\n"
        "    assert_event(sealtrail_events, 'invoice.delete', 'success', count=1)\n"
        "    assert_no_secret(sealtrail_events, 'hunter2hunter2')\n"
        "def test_two(sealtrail_events):\n"
        "    assert sealtrail_events == []\n"
    )
    assert code == 0, said
    assert "2 passed" in said
    assert not (tmp_path / "sealtrail-spool").exists()


def test_a_claim_that_does_not_hold_says_what_was_there(run):
    code, said = run(
        "import sealtrail\n"
        "from sealtrail.testing import assert_event\n"
        "def test_one(sealtrail_events):\n"
        "    sealtrail.audit('invoice.delete')\n"
        "    assert_event(sealtrail_events, 'invoice.create')\n"
    )
    assert code == 1
    assert "AssertionError: expected an event with event.action='invoice.create', found 0" in said
    assert "invoice.delete (success): event.action='invoice.delete'" in said


def test_a_fault_of_capture_fails_a_test_only_where_it_is_asked_for(run):
    assert run(FAULTY)[0] == 0
    code, said = run(FAULTY, "sealtrail_strict = true")
    assert code == 1
    assert "capture failed 1 times" in said
    assert "ZeroDivisionError" in said


def test_one_test_may_ask_for_itself(run):
    marked = FAULTY.replace("def test_fault", "@pytest.mark.sealtrail(strict=True)\ndef test_fault")
    assert run(f"import pytest\n{marked}")[0] == 1
    relaxed = marked.replace("strict=True", "strict=False")
    assert run(f"import pytest\n{relaxed}", "sealtrail_strict = true")[0] == 0


def test_the_plugin_brings_no_framework_and_nothing_of_the_server(run):
    code, said = run(
        "import sys\n"
        "def test_light():\n"
        "    heavy = {'flask', 'django', 'starlette', 'structlog', 'duckdb', 'click', 'cryptography'}\n"
        "    assert not heavy & sys.modules.keys()\n"
    )
    assert code == 0, said


def test_sealtrail_testing_imports_no_test_runner():
    code = "import sys, sealtrail.testing; raise SystemExit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
