"""Who acts: the one place that says which user of the operating system runs a command.

Not `getpass.getuser`, which believes the environment: `USER=alice sealtrail block ...` would put alice into
the record. Whoever asks over HTTP is named by their key or session instead, and never by this.
"""

from __future__ import annotations

import os
import pwd


def operator() -> str:
    """The name of the user this process runs as; `uid:1234` where the system knows no name for it."""
    uid = os.geteuid()
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # a container often has no entry for its user
        return f"uid:{uid}"
