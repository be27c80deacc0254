"""Our own keys in a rule: `x-suppress`, `x-respond`, `x-tests`. Other tools ignore them. Pure."""

from __future__ import annotations

from typing import Any

from sealtrail.detect.document import Document, refusal
from sealtrail.detect.rule import DEFAULT_SUPPRESS, SECOND, Respond, Suppress, span
from sealtrail.detect.taxonomy import translate


def suppress(document: Document, keys: tuple[str, ...] | None) -> Suppress:
    """`x-suppress: 15m`, `none`, or for rules that count nothing `{for: 15m, by: [user.id]}`."""
    given = document.value.get("x-suppress")
    by = ("client.ip", "user.id") if keys is None else keys
    if given is None:
        return Suppress(DEFAULT_SUPPRESS if keys is None else 0, by)
    if given == "none":
        return Suppress(0, by)
    if isinstance(given, dict):
        named = given.get("by")
        if set(given) - {"for", "by"} or not isinstance(named, list) or not named or keys is not None:
            raise refusal(
                document,
                "`x-suppress` is a time span; a rule that counts nothing may also say {for, by: [FIELD]}",
                "x-suppress",
            )
        given, by = given.get("for"), tuple(translate(str(name)) for name in named)
    try:
        return Suppress(span(given), by)
    except ValueError as error:
        raise refusal(document, str(error), "x-suppress") from None


def respond(document: Document, keys: tuple[str, ...] | None) -> Respond | None:
    """`x-respond: {block: client.ip, for: 15m}`."""
    given = document.value.get("x-respond")
    if given is None:
        return None
    if (
        not isinstance(given, dict)
        or set(given) - {"block", "for"}
        or not isinstance(given.get("block"), str)
    ):
        raise refusal(document, "`x-respond` says {block: FIELD, for: TIME}", "x-respond")
    field = translate(given["block"])
    if keys is not None and field not in keys:
        raise refusal(document, f"`{field}` cannot be blocked: it is not in `group-by`", "x-respond")
    try:
        seconds = span(given["for"]) // SECOND if "for" in given else 0
    except ValueError as error:
        raise refusal(document, str(error), "x-respond", "for") from None
    return Respond(field, seconds)


def tests(document: Document) -> tuple[Any, ...]:
    given = document.value.get("x-tests", [])
    if not isinstance(given, list):
        raise refusal(document, "`x-tests` is a list of samples", "x-tests")
    return tuple(given)
