"""Data folders with a collector in this process or another, and lines to put into them."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from sealtrail.event import Fields, canonical
from sealtrail.event.line import check_line
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector


@pytest.fixture(scope="session")
def line() -> Callable[..., tuple[bytes, Fields]]:
    """A checked line as the pipeline takes it."""

    def made(seq: int, emitter: str = "e", **more: object) -> tuple[bytes, Fields]:
        data = canonical(
            {
                "@timestamp": f"2026-01-01T00:{seq // 60 % 60:02}:{seq % 60:02}.000000Z",
                "event.id": f"{emitter}-{seq}",
                "sealtrail.kind": "request",
                "event.action": "http.request",
                "url.path": f"/things/{seq % 7}",
                "sealtrail.emitter": emitter,
                "sealtrail.seq": seq,
                **more,
            }
        )
        return data, check_line(data)

    return made


@pytest.fixture
def collecting(tmp_path: Path) -> Callable[..., AbstractContextManager[Collector]]:
    """Open the collector of one and the same data folder, as often as it is called."""

    def opened(settings: str = "", **options: object) -> Collector:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        (data / "settings.toml").write_text(settings)
        return Collector(Folder(data), **{"guard": False, **options})  # type: ignore[arg-type]

    return opened


@pytest.fixture
def child(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Run `python ARGUMENTS...` with pipes; what is still there at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        command = [sys.executable, *map(str, arguments)]
        process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=tmp_path)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], object]], None]:
    """Wait for a condition."""

    def wait(condition: Callable[[], object], seconds: float = 20.0) -> None:
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, "it did not happen"
            time.sleep(0.005)

    return wait
