"""What an answer to a batch means. Pure: who waits, and for how long, is the sender's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import msgspec

from sealtrail.errors import CODES, AccessError, EventError, SealtrailError, UsageError
from sealtrail.event import Range, Rejection
from sealtrail.ship.line import MAX_TOLD, Answer
from sealtrail.web.cells import safe

MAX_RETRY_SECONDS: Final = 300.0  # a server that asks for longer is asked again all the same
_AGAIN: Final = frozenset({408, 425, 429})


class Taken(msgspec.Struct, frozen=True):
    """What became of a batch, as `POST /api/v1/events` tells it."""

    accepted: int
    duplicates: int
    conflicts: int = 0
    rejected: list[Rejection] = []
    receipts: list[Range] = []


class TooMuch(msgspec.Struct, frozen=True):
    """The body as a whole is refused. Halved, what is wrong with it is found."""

    why: EventError


class OtherCoding(msgspec.Struct, frozen=True):
    """What the body was packed with is not read there."""


class Later(msgspec.Struct, frozen=True):
    """Not now. `seconds`: what the server asks for, 0 where it does not say."""

    why: SealtrailError
    seconds: float = 0.0


class Denied(msgspec.Struct, frozen=True):
    """The collector does not let this key in."""

    why: AccessError


Verdict = Taken | TooMuch | OtherCoding | Later | Denied


def judge(answer: Answer, count: int, name: str, *, now: datetime | None = None) -> Verdict:
    """What became of a batch of `count` lines. What no collector says is `Later`: nothing is given up for it.

    `name` is the collector's, for messages.
    """
    if answer.status in {200, 422}:
        taken = _taken(answer.body, count)
        if taken is not None:
            return taken
    said = _said(answer.body)
    code, message, hint = (safe(str(said.get(key, "")), MAX_TOLD) for key in ("code", "message", "hint"))
    if answer.status in {401, 403} and code.startswith("access.") and code in CODES:
        return Denied(AccessError(code, f"{name} refuses the key: {message}", hint=hint or _KEY_HINT))
    if answer.status == 413:
        return TooMuch(EventError("body.too-large", message or "the body is too large there", hint=hint))
    if answer.status == 422 and code == "body.unreadable":
        return TooMuch(EventError(code, message))
    if answer.status == 415 and code == "body.media-type":
        return OtherCoding()
    wait = _retry_after(answer.headers, now or datetime.now(UTC))
    if code:
        return Later(UsageError("remote.answer", f"{name} says {answer.status}: {message} ({code})"), wait)
    if answer.status in _AGAIN or answer.status >= 500:
        return Later(UsageError("remote.answer", f"{name} answered {answer.status}"), wait)
    return Later(
        UsageError(
            "remote.answer",
            f"{name} answered {answer.status} with something that is not of Sealtrail",
            hint="Is --url the address of the collector, and nothing in between?",
        ),
        wait,
    )


_KEY_HINT: Final = "Make one with `sealtrail key new --role ingest`, and give it in SEALTRAIL_KEY."


def reason(rejection: Rejection) -> EventError:
    """Why one line was refused, as the quarantine keeps it. The text is the other side's."""
    code = rejection.code if rejection.code in CODES else "event.refused"
    return EventError(code, safe(rejection.error, MAX_TOLD), path=safe(rejection.path, MAX_TOLD))


def _taken(body: bytes, count: int) -> Taken | None:
    """Each line has to be accounted for once: an answer that does not add up acknowledges nothing."""
    try:
        taken = msgspec.json.decode(body, type=Taken)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
    numbers = {rejection.line for rejection in taken.rejected}
    told = (taken.accepted, taken.duplicates, taken.conflicts)
    whole = min(told) >= 0 and sum(told) + len(numbers) == count and len(numbers) == len(taken.rejected)
    return taken if whole and all(1 <= number <= count for number in numbers) else None


def _said(body: bytes) -> dict[str, Any]:
    try:
        said = msgspec.json.decode(body)["error"]
    except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
        return {}
    return said if isinstance(said, dict) else {}


def _retry_after(headers: Mapping[str, str], now: datetime) -> float:
    """Seconds, from a number or a date; 0 for what is neither."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), MAX_RETRY_SECONDS)
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, IndexError, TypeError):
        return 0.0
    moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return min(max(0.0, (moment - now).total_seconds()), MAX_RETRY_SECONDS)
