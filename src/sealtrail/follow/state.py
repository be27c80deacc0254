"""Small files that must survive a crash whole: cursors, tables, answers.

A write is a temporary file, an fsync, a rename and an fsync of the folder: after a crash the old or the new
content is there, never a part.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec

from sealtrail.event import Position
from sealtrail.spool.durable import sync_folder


def save(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `data`, durably."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def save_json(path: Path, value: Any) -> None:
    save(path, msgspec.json.encode(value) + b"\n")


def load_json(path: Path, default: Any = None) -> Any:
    """The value in `path`. State can be rebuilt from the ledger, so a broken file counts as none."""
    try:
        return msgspec.json.decode(path.read_bytes())
    except (FileNotFoundError, msgspec.DecodeError):
        return default


class Cursor:
    """How far a follower has come, kept in one file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Position:
        value = load_json(self._path, {})
        if not isinstance(value, dict):
            return {}
        return {str(k): v for k, v in value.items() if isinstance(v, int) and v >= 0}

    def save(self, position: Position) -> None:
        save_json(self._path, dict(position))
