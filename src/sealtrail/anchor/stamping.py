"""A timestamp authority vouches for the latest checkpoint now and then; the token is kept beside the trail.

Nothing is stored that does not verify: by the root that was configured, over these bytes, for this request.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from sealtrail.anchor.ours import Ours
from sealtrail.anchor.places import Address
from sealtrail.anchor.sending import MAX_TOLD, send
from sealtrail.anchor.standing import Kind, Pushed
from sealtrail.errors import LedgerError, UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.files import Disk, replace
from sealtrail.ledger.layout import timestamp_name
from sealtrail.ledger.note import base64_text
from sealtrail.ledger.token import Asking, Authority, Token
from sealtrail.web.cells import safe

_QUERY = "application/timestamp-query"
_REPLY = "application/timestamp-reply"


class StampAnchor:
    """Used by one thread. `every`: seconds between two tokens of a trail."""

    kind: Kind = "timestamp"

    def __init__(self, where: Address, authority: Authority, every: float, disk: Disk | None = None) -> None:
        self.name = where.name
        self.id = sha256(where.name.encode()).hexdigest()[:16]
        self.every = every
        self._where = where
        self._authority = authority
        self._disk = disk or Disk()

    def copy_of(self, ours: Ours) -> Path | None:  # noqa: ARG002 - what is there cannot be read as a file
        return None

    def push(self, ours: Ours, before: Pushed | None) -> Pushed:
        """Have the latest checkpoint stamped. Raises UsageError where the answer is no token of ours."""
        told, _ = Checkpoint.from_note(ours.note())
        if before is not None and before.size == told.size:
            return before
        asking = Asking.over(told.text)
        answer = send(
            self._where, "POST", self._where.target, asking.data, {"Content-Type": _QUERY, "Accept": _REPLY}
        )
        if answer.status != 200 or answer.type != _REPLY:
            what = safe(answer.type, MAX_TOLD) or "nothing"
            raise UsageError(
                "remote.answer", f"{self.name} answered {answer.status} with {what}, not a timestamp"
            )
        try:
            token = Token(answer.body)
            self._authority.check(token, told.text, asking.nonce)
        except LedgerError as error:
            raise UsageError("remote.answer", f"{self.name}: {error.what}") from None
        replace(
            self._disk,
            ours.history.parent / timestamp_name(told.size, sha256(answer.body).digest()),
            answer.body,
        )
        return Pushed(told.size, base64_text(told.root))
