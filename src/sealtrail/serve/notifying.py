"""A notice that an operator sends to see whether notices arrive."""

from __future__ import annotations

import socket
from pathlib import Path

import msgspec

from sealtrail.errors import UsageError
from sealtrail.respond.notices import notice_event
from sealtrail.respond.notify import channels
from sealtrail.serve.folder import Folder
from sealtrail.serve.recording import record
from sealtrail.settings import load


class Tried(msgspec.Struct, frozen=True):
    """One channel, and why it did not take the notice; empty where it did."""

    channel: str
    why: str


def try_channels(data: Path, by: str) -> list[Tried]:
    """Send a test notice through every channel of the settings; each try is an event. Raises UsageError."""
    folder = Folder(data)
    folder.check()
    urls = load(folder.root).notify.urls
    if not urls:
        raise UsageError(
            "usage.setting",
            f"{data} has no addresses to send notices to",
            hint="Set [notify] urls in settings.toml; docs/how-to/notices.md shows how.",
        )
    tried = []
    for channel in channels(urls):
        why = channel.send(
            "Sealtrail: this is a test",
            f"Notices of alerts from {socket.gethostname()} arrive here. Asked for by {by}.",
        )
        record(folder, notice_event(channel.name, (), why, by))
        tried.append(Tried(channel.name, why))
    return tried
