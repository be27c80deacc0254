"""A full verification, asked for by somebody at the console and recorded with its finding.

It runs as `sealtrail verify` in a process of its own: what checks the server must not share its memory, its
locks or its bugs, and what it takes (all processors, for as long as the ledger is long) is not the server's.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from sealtrail.collect.own import VERIFY
from sealtrail.errors import SealtrailError
from sealtrail.event import Fields, Receipt
from sealtrail.event.entry import stamp

_log = logging.getLogger("sealtrail.checking")

_OUTCOMES: Final = {"intact": "success", "tampered": "failure", "unchecked": "unknown"}
MAX_PROBLEMS: Final = 20  # places of one trail that an event names; `sealtrail verify` names all


class Checking:
    """One verification at a time. Safe between threads. `record` is the pipeline's.

    `evidence` gives arguments for what was kept elsewhere.
    """

    def __init__(
        self,
        folder: Path,
        record: Callable[[Fields], Future[Receipt]],
        evidence: Callable[[], Sequence[str]] = lambda: (),
    ) -> None:
        self._folder = folder
        self._evidence = evidence
        self._record = record
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False
        # Kept here as well: where the ledger itself was changed, the event may not be found in it again.
        self.last: Fields | None = None

    @property
    def running(self) -> bool:
        with self._lock:
            return self._child is not None

    def start(self, by: str) -> bool:
        """Begin, in somebody's name; False where one is running already, whose finding will do."""
        with self._lock:
            if self._child is not None or self._stopped:
                return False
            self._child = child = subprocess.Popen(
                [
                    *(
                        sys.executable,
                        "-m",
                        "sealtrail",
                        "verify",
                        str(self._folder.absolute()),
                        "-o",
                        "json",
                    ),
                    *self._evidence(),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            self._thread = threading.Thread(target=self._wait, args=(child, by), name="sealtrail-checking")
            self._thread.start()
        return True

    def stop(self) -> None:
        """End what is running; it is not recorded, for it found nothing."""
        with self._lock:
            self._stopped = True
            child, thread = self._child, self._thread
        if child is not None:
            child.kill()
        if thread is not None:
            thread.join()

    def _wait(self, child: subprocess.Popen[bytes], by: str) -> None:
        started = time.monotonic()
        out, err = child.communicate()
        with self._lock:
            if self._stopped:
                self._child = None
                return
        event = _event(by, finding(out, err), time.monotonic() - started)
        self.last = {"@timestamp": stamp(datetime.now(UTC)), **event}
        try:
            self._record(event).result()
        except SealtrailError as error:
            _log.warning("a finding could not be recorded: %s", error.what)
        finally:
            with self._lock:
                self._child = None


def finding(out: bytes, err: bytes) -> dict[str, Any]:
    """What `sealtrail verify -o json` printed; a run that printed nothing readable checked nothing."""
    try:
        return msgspec.json.decode(out, type=dict[str, Any])
    except msgspec.DecodeError:
        why = err.decode(errors="replace").strip()[-500:] or "the process ended without a finding"
        return {"verdict": "unchecked", "anchored": False, "trails": [], "notes": [why]}


def _event(by: str, found: Mapping[str, Any], seconds: float) -> Fields:
    verdict = str(found["verdict"])
    problems = [
        f"{trail['trail']}/{one['index']}: {one['what']}"
        for trail in found["trails"]
        for one in trail["problems"][:MAX_PROBLEMS]
    ]
    sizes = {str(trail["trail"]): trail["size"] for trail in found["trails"]}
    return {
        "event.action": VERIFY,
        "event.type": ["info"],
        "event.outcome": _OUTCOMES.get(verdict, "unknown"),
        "event.reason": "; ".join([verdict, *(problems or found["notes"])])[:2_000],
        "user.id": by,
        "sealtrail.details": {
            "verdict": verdict,
            "anchored": bool(found["anchored"]),
            "trails": sizes,
            "problems": problems,
            "notes": list(found["notes"]),
            "seconds": round(seconds, 1),
        },
    }
