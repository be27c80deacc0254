"""A disk that refuses what is named, for everything in this process that is not given a disk of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

_WRITING = os.O_WRONLY | os.O_RDWR


class Trouble:
    """Raises OSError where a path that contains `part` is opened for writing, written, synced or renamed to.

    `calls` names which of `open`, `write`, `fsync`, `replace` are refused; `refused` counts them.
    """

    def __init__(self) -> None:
        self.part = ""
        self.number = 0
        self.calls: tuple[str, ...] = ()
        self.refused = 0

    def begin(self, part: str, number: int, *calls: str) -> None:
        self.refused = 0
        self.part, self.number, self.calls = part, number, calls

    def end(self) -> None:
        self.calls = ()

    def check(self, call: str, path: str) -> None:
        if call in self.calls and self.part in path:
            self.refused += 1
            raise OSError(self.number, os.strerror(self.number), path)


@pytest.fixture
def trouble(monkeypatch: pytest.MonkeyPatch) -> Trouble:
    made = Trouble()
    real: dict[str, Callable[..., Any]] = {
        name: getattr(os, name) for name in ("open", "write", "fsync", "fdatasync", "replace")
    }

    def of(descriptor: int) -> str:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink())

    def opened(path: Any, flags: int, *rest: Any, **named: Any) -> int:
        if flags & _WRITING:
            made.check("open", os.fspath(path))
        return real["open"](path, flags, *rest, **named)

    def written(descriptor: int, data: Any) -> int:
        if "write" in made.calls:
            try:
                made.check("write", of(descriptor))
            except OSError:
                real["write"](descriptor, memoryview(data)[: len(data) // 2])  # a disk fills in the middle
                raise
        return real["write"](descriptor, data)

    def synced(descriptor: int) -> None:
        if "fsync" in made.calls:
            made.check("fsync", of(descriptor))
        real["fsync"](descriptor)

    def replaced(source: Any, target: Any, **named: Any) -> None:
        made.check("replace", str(Path(target)))
        real["replace"](source, target, **named)

    monkeypatch.setattr(os, "open", opened)
    monkeypatch.setattr(os, "write", written)
    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", replaced)
    return made
