from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

from sealtrail.serve.folder import Folder

Run = Callable[..., Result]


def test_a_channel_that_does_not_answer_is_named_and_ends_with_one(run: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    Folder(data).create()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (data / "settings.toml").write_text(f'[notify]\nurls = ["json://127.0.0.1:{port}/token"]\n')
    (data / "settings.toml").chmod(0o600)
    done = run("notify", "test", "--data", data, "-o", "json")
    assert done.exit_code == 1
    assert json.loads(done.stdout) == [{"channel": "json-1", "why": "it could not be reached, or refused"}]
    assert "token" not in run("notify", "test", "--data", data).output
