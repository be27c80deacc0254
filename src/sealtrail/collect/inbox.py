"""Acts of an operator on a data folder that a server has open.

The command writes a request into `state/inbox/` and waits; the server, the only writer, carries it out and
writes the answer beside it. The folder is 0700: who can write there owns the data already.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec
from uuid_utils import uuid4

from sealtrail.errors import BusyError, SealtrailError
from sealtrail.follow.state import load_json, save_json
from sealtrail.follow.worker import Worker

_log = logging.getLogger("sealtrail.inbox")

REQUEST: Final = ".request"
STAGED: Final = ".staged"  # a request that is not whole, or not the collector's to read yet
ANSWER: Final = ".answer"
LOOK_SECONDS: Final = 0.05  # between two looks for an answer: somebody waits for it

RETRY_SECONDS: Final = 1.0  # between two tries to write an answer that the disk refuses

Act = dict[str, Any]
"""A request has `act` and the act's own fields, and `request`, its name, which the inbox adds. An answer has

what the act returns, or `error`.
"""


def ask(folder: Path, act: Act, *, timeout: float = 60.0) -> Act:
    """Put an act into the inbox and wait for the answer. Raises what the server's refusal says."""
    name = uuid4().hex
    answer = folder / f"{name}{ANSWER}"
    staged = folder / f"{name}{STAGED}"
    save_json(staged, act)
    if os.geteuid() == 0:
        # The collector is another user as a rule, and a file of root's is closed to it.
        owner = folder.stat()
        os.chown(staged, owner.st_uid, owner.st_gid)
    staged.rename(folder / f"{name}{REQUEST}")
    end = time.monotonic() + timeout
    while not answer.exists():
        if time.monotonic() > end:
            (folder / f"{name}{REQUEST}").unlink(missing_ok=True)
            raise BusyError(
                "busy.queue",
                f"the server did not answer within {timeout:.0f} s",
                hint="Is it still running? Try again, or stop it and work on the folder directly.",
            )
        time.sleep(LOOK_SECONDS / 2)
    said = load_json(answer, {})
    answer.unlink(missing_ok=True)
    if "error" in said:
        raise SealtrailError(said.get("code", "usage.argument"), said["error"], hint=said.get("hint", ""))
    return dict(said)


class Inbox(Worker):
    """The server's side: one thread that answers requests in the order of their names' arrival."""

    def __init__(self, folder: Path, carry_out: Callable[[Act], Act]) -> None:
        super().__init__("inbox")
        self._folder = folder
        self._carry_out = carry_out
        self._unsaid: dict[str, Act] = {}  # answers that the disk refused so far
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Answers nobody fetched belong to commands that are gone. Requests of a server that died are
        # carried out now: every act is idempotent.
        for left in folder.glob(f"*{ANSWER}"):
            left.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            requests = sorted(self._folder.glob(f"*{REQUEST}"), key=_age)
            names = {request.name for request in requests}
            self._unsaid = {name: said for name, said in self._unsaid.items() if name in names}
            unsaid = sum(not self._answer(request) for request in requests)
            if unsaid:
                self._stopping.wait(RETRY_SECONDS)
            elif not requests:
                self._stopping.wait(LOOK_SECONDS)

    def _answer(self, request: Path) -> bool:
        """Carry out a request and say so; False when the answer could not be written."""
        said = self._unsaid.get(request.name)
        if said is None:
            said = self._carried_out(request)
        if said is None:
            return True
        try:
            save_json(request.with_suffix(ANSWER), said)
            request.unlink(missing_ok=True)
        except OSError as error:
            # Done and not said: the next try only says it.
            self._unsaid[request.name] = said
            _log.warning("the answer to %s cannot be written: %s", request.name, error)
            return False
        self._unsaid.pop(request.name, None)
        return True

    def _carried_out(self, request: Path) -> Act | None:
        """What the act gives; None when who asked has taken the request back."""
        try:
            act = msgspec.json.decode(request.read_bytes(), type=dict[str, Any])
            return self._carry_out({**act, "request": request.stem})
        except FileNotFoundError:
            if not request.exists():
                return None
            _log.exception("the request %s cannot be carried out", request.name)
            return {"error": "the request cannot be carried out: a file is missing"}
        except SealtrailError as error:
            return {"error": error.what, "code": error.code, "hint": error.hint}
        except Exception as error:  # a thread that dies unheard would leave everybody waiting who asks later
            _log.exception("the request %s cannot be carried out", request.name)
            return {"error": f"the request cannot be carried out: {type(error).__name__}"}


def _age(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
