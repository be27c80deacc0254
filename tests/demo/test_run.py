from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path


def test_the_whole_story_is_recorded_alerted_blocked_and_proved(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "sealtrail",
        "demo",
        "--once",
        "--port",
        "0",
        "--data",
        "data",
        "-o",
        "json",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
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
    again = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert again.returncode == 0, again.stderr
    # In the same folder, and still a story of its own.
    assert json.loads(again.stdout)["events"] < 1.5 * told["events"]
    assert _audited(done.stderr) != _audited(again.stderr)


def _audited(story: str) -> str:
    found = re.search(r"role, customer -> support \((audit/\d+)\)", story)
    assert found, story
    return found[1]
