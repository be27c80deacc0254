"""How shipping goes, for whoever looks from outside: a file for the doctor, and one for Prometheus.

`ship` listens on no port. The node exporter's textfile collector picks the second one up.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import msgspec

from sealtrail.event.entry import stamp

# Names in a spool folder.
STATE: Final = "ship"
STATUS: Final = "status.json"  # in STATE, beside the position
REJECTS: Final = "rejects"
PINS: Final = "pins"
CONTRADICTIONS: Final = "diverged"  # in PINS
REPORT_SECONDS: Final = 10.0  # between two reports


class Status(msgspec.Struct, frozen=True):
    """One folder. `problem` is why nothing can be sent now, `failure` why it was given up."""

    time: str
    waiting_bytes: int
    problem: str = ""
    failure: str = ""
    counts: dict[str, int] = {}

    @classmethod
    def now(cls, waiting_bytes: int, problem: str, failure: str, counts: Mapping[str, int]) -> Status:
        return cls(stamp(datetime.now(UTC)), waiting_bytes, problem, failure, dict(counts))

    @property
    def age(self) -> float:
        """Seconds since; endless where that cannot be told."""
        try:
            return abs((datetime.now(UTC) - datetime.fromisoformat(self.time)).total_seconds())
        except (ValueError, TypeError, OverflowError):
            return float("inf")


# name -> (type, which count, what it says)
METRICS: Final[Mapping[str, tuple[str, str, str]]] = {
    "sealtrail_ship_waiting_bytes": ("gauge", "", "bytes that the collector has not acknowledged"),
    "sealtrail_ship_failing": ("gauge", "", "1 while nothing can be sent, or all was given up"),
    "sealtrail_ship_lines_total": ("counter", "lines", "lines the collector has answered for"),
    "sealtrail_ship_accepted_total": ("counter", "accepted", "lines it stored"),
    "sealtrail_ship_duplicates_total": ("counter", "duplicates", "lines it had already"),
    "sealtrail_ship_conflicts_total": ("counter", "conflicts", "lines it has with other bytes"),
    "sealtrail_ship_rejected_total": ("counter", "rejected", "lines that were refused and kept aside"),
    "sealtrail_ship_torn_total": ("counter", "torn", "lines cut short by the death of their writer"),
    "sealtrail_ship_retries_total": ("counter", "retries", "times a batch had to be sent again"),
    "sealtrail_ship_unchecked_total": ("counter", "unchecked", "checkpoints that could not be checked"),
}


def exposition(statuses: Mapping[str, Status]) -> bytes:
    """All folders in Prometheus' text format."""
    lines: list[str] = []
    for name, (kind, count, meaning) in METRICS.items():
        lines += (f"# HELP {name} {meaning}", f"# TYPE {name} {kind}")
        for folder, status in statuses.items():
            if count:
                value = status.counts.get(count, 0)
            elif name.endswith("bytes"):
                value = status.waiting_bytes
            else:
                value = int(bool(status.problem or status.failure))
            lines.append(f'{name}{{spool="{_label(folder)}"}} {value}')
    return "\n".join((*lines, "")).encode("utf-8", "backslashreplace")


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
