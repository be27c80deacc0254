"""The keys of a data folder, for commands: every change of them is an event."""

from __future__ import annotations

from pathlib import Path

from sealtrail.accounts.keys import Keys
from sealtrail.serve.acting import operator
from sealtrail.serve.folder import Folder
from sealtrail.serve.people import recorder
from sealtrail.serve.recording import record


def keys_of(data: Path, *, create: bool = False) -> Keys:
    """The keys; `create` makes the data folder where there is none yet, so that keys can come first."""
    folder = Folder(data)
    if create:
        folder.create()
    else:
        folder.check()
    return Keys(folder.keys, recorder(lambda fields: record(folder, fields), operator(), "key"))
