from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any


def story(folder: Path, framework: str) -> tuple[dict[str, Any], str]:
    """(the summary, what was said) of a run in `folder`/data that went well."""
    command = [sys.executable, "-m", "sealtrail", "demo", "--once", "--port", "0", "--data", "data"]
    command += ["--framework", framework, "-o", "json"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["verify"] == "intact"
    assert told["tampered"].startswith("audit/")
    assert told["secrets_planted"] == 7
    assert told["secrets_found"] == []
    assert told["role_change"] == "customer -> support"
    assert told["alerts"] >= 2
    assert told["events"] >= told["requests"] - told["guesses"]
    # How soon is for the demo to say; here only that it happened at all, in that order.
    assert told["seconds_to_alert"] > 0
    assert told["seconds_to_block"] > 0
    return told, done.stderr


def test_the_whole_story_is_recorded_alerted_blocked_and_proved_in_either_framework(tmp_path: Path) -> None:
    told, said = story(tmp_path, "flask")
    again, said_again = story(tmp_path, "fastapi")
    # In the same folder, and still a story of its own.
    assert again["events"] < 1.5 * told["events"]
    assert _audited(said) != _audited(said_again)


def _audited(story: str) -> str:
    found = re.search(r"role, customer -> support \((audit/\d+)\)", story)
    assert found, story
    return found[1]
