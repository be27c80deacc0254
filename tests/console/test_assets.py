from __future__ import annotations

from typing import Any

from sealtrail.console.assets import Assets

MAX_BYTES = 60_000


def test_style_and_script_are_small_in_all():
    assert 0 < Assets().size < MAX_BYTES


def test_a_file_is_kept_for_ever_under_a_name_that_changes_with_it(console: Any, tmp_path):
    url = Assets().url("console.css")
    answer = console.http.get(url)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    (tmp_path / "console.css").write_bytes(answer.content + b"/**/")
    assert Assets(tmp_path).url("console.css") != url


def test_nothing_but_our_files_is_served(console: Any):
    for name in ("console.css", "..%2fframe.py", "%2e%2e/frame.py", "x"):
        assert console.http.get(f"/static/{name}").status_code == 404
