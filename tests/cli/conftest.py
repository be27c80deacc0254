from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from sealtrail.cli.main import main

LOG = """\
203.0.113.9 - - [24/Nov/2026:08:00:00 +0000] "GET /invoices/17 HTTP/1.1" 200 512 "-" "curl/8"
203.0.113.9 - - [24/Nov/2026:08:00:01 +0000] "GET /invoices/18 HTTP/1.1" 404 99 "-" "curl/8"
192.0.2.7 - alice [24/Nov/2026:08:07:02 +0000] "POST /login HTTP/1.1" 302 0 "https://shop.example/" "Mozilla"
2001:db8::1 - - [24/Nov/2026:09:00:00 +0000] "GET /search?q=boats HTTP/1.1" 500 0 "-" "=cmd|'/c calc'!A1"
"""


@pytest.fixture
def run() -> Callable[..., Result]:
    """Run `sealtrail ARGUMENTS...`, both streams kept apart."""

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [str(argument) for argument in arguments])

    return call


@pytest.fixture(scope="session")
def _imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cli")
    (folder / "access.log").write_text(LOG)
    data = folder / "data"
    done = CliRunner().invoke(main, ["import", str(folder / "access.log"), "--data", str(data)])
    assert done.exit_code == 0, done.stderr
    return data


@pytest.fixture
def data(_imported: Path) -> Path:
    """A data folder with four imported requests. Read only."""
    return _imported
