"""Every limit on an event, with its reason."""

from __future__ import annotations

from typing import Final

# An entry is framed by a 16-bit length (C2SP entry bundles), and the collector adds its two keys.
MAX_ENTRY_BYTES: Final = 65_535
MAX_LINE_BYTES: Final = 65_000

# JavaScript, and so Kibana, Grafana and jq, hold integers exactly only up to here.
MAX_INTEGER: Final = 2**53

# Deeper nesting than this has no use in a log line and costs every reader stack.
MAX_DEPTH: Final = 16

# A number within an emitter fits a signed 53-bit integer as well.
MAX_SEQ: Final = MAX_INTEGER - 1

# Names of emitters are file names and keys of tables.
MAX_EMITTER: Final = 80
