"""A copy of the latest checkpoint at an address: posted to it, or put at an address of its own.

With `{origin}`, `{trail}` or `{size}` in the address each checkpoint is an object that is made once: PUT,
with `If-None-Match: *`. Without them the note is posted to one address, which keeps what it is given.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NoReturn

from sealtrail.anchor.ours import Ours
from sealtrail.anchor.places import SIZE_DIGITS, Address, Place
from sealtrail.anchor.sending import MAX_TOLD, Answer, send
from sealtrail.anchor.standing import DivergedError, Kind, Pushed
from sealtrail.errors import UsageError
from sealtrail.ledger.checkpoint import Checkpoint
from sealtrail.ledger.note import base64_text
from sealtrail.web.cells import safe

# Between two copies of one trail: every checkpoint would be 17,000 objects a day.
URL_SECONDS: Final = 60.0

_TYPE: Final = "text/plain; charset=utf-8"


class UrlAnchor:
    """Used by one thread."""

    kind: Kind = "url"
    every = URL_SECONDS

    def __init__(self, place: Place) -> None:
        assert place.address is not None
        self.name = place.name
        self.id = place.id
        self._where: Address = place.address

    def copy_of(self, ours: Ours) -> Path | None:  # noqa: ARG002 - what is there cannot be read as a file
        return None

    def push(self, ours: Ours, before: Pushed | None) -> Pushed:
        """Send the latest checkpoint. Raises DivergedError, and UsageError where it is not taken."""
        note = ours.note()
        told, _ = Checkpoint.from_note(note)
        if before is not None:
            self._stands(ours, before, told.size)
            if told.size == before.size:
                return before
        where = self._where
        target = where.filled(
            {"origin": told.origin, "trail": ours.trail, "size": f"{told.size:0{SIZE_DIGITS}}"}
        )
        headers = {"Content-Type": _TYPE, "Sealtrail-Trail": ours.trail}
        if where.is_each_its_own:
            answer = send(where, "PUT", target, note, {**headers, "If-None-Match": "*"})
            if answer.status in (409, 412):
                self._compare(ours, told, target)
                answer = answer._replace(status=200)
        else:
            answer = send(where, "POST", target, note, headers)
            if answer.status == 409 and ours.is_signed(answer.body):
                # Who refuses may show what it has. Anybody can say no: a contradiction bears our signature.
                held = ours.hold(answer.body, self.name)
                raise UsageError(
                    "remote.answer", f"{self.name} refuses, and shows {held.size:,} entries, which fit"
                )
        if not 200 <= answer.status < 300:
            self._refused(answer)
        return Pushed(told.size, base64_text(told.root))

    def _stands(self, ours: Ours, before: Pushed, size: int) -> None:
        """What was sent last is still what is here: the address itself may not be able to give it back."""
        if before.size > size:
            raise DivergedError(
                f"{self.name} was sent {before.size:,} entries, and {size:,} are signed here",
                trail=ours.trail,
                size=before.size,
                root=before.root,
            )
        if base64_text(ours.root(before.size)) != before.root:
            raise DivergedError(
                f"{self.name} was sent another root of the first {before.size:,} entries",
                trail=ours.trail,
                size=before.size,
                root=before.root,
            )

    def _compare(self, ours: Ours, told: Checkpoint, target: str) -> None:
        """Something of this size is there. It is what we would put there, or a contradiction."""
        answer = send(self._where, "GET", target, None, {"Accept": "text/plain"})
        if answer.status != 200:
            raise UsageError(
                "remote.answer",
                f"{self.name} holds something of {told.size:,} entries already and does not show it: "
                f"GET is answered with {answer.status}",
            )
        if ours.hold(answer.body, self.name) != told:
            raise UsageError(
                "remote.answer", f"{self.name} holds another size at the address of {told.size:,}"
            )

    def _refused(self, answer: Answer) -> NoReturn:
        what = safe(answer.body.decode(errors="replace").strip(), MAX_TOLD)
        more = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        raise UsageError(
            "remote.answer", f"{self.name} answered {answer.status}{more}" + (f": {what}" if what else "")
        )
