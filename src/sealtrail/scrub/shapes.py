"""Values that are secret whatever their name: each shape has a literal that must be there first. Pure.

A clean text costs one search per literal and one translation. A pattern runs only where its literal was
found, takes bounded runs, and starts at a boundary, so that hostile text costs little more than clean text.
"""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from typing import TYPE_CHECKING, Final, NamedTuple

from sealtrail.scrub import fast, vendors
from sealtrail.scrub.coded import LETTERS, LONG_RUN
from sealtrail.scrub.numbers import IBAN, SSN, cards_in, cvv_after, iban_end
from sealtrail.scrub.signs import ALWAYS, START, Shape, ascii_only

if TYPE_CHECKING:
    from sealtrail.scrub.groups import Further, Group


class Finding(NamedTuple):
    """A secret in a text: [start, end) and the id of the rule that found it."""

    start: int
    end: int
    rule: str


_ALWAYS: Final = tuple((text, shape) for shape in ALWAYS for text in shape.literals)

# Tokens: looked for beside a run of 16 and more of the characters that tokens are made of.
TOKENS: Final = tuple(
    Shape(rule, tuple(literals.split()), ascii_only(START + pattern))
    for rule, literals, pattern in (
        *vendors.CLOUDS,
        *vendors.CODE,
        *vendors.WATCHING,
        *vendors.MONEY,
        *vendors.PEOPLE,
        *vendors.MODELS,
    )
)
_INNER: Final = tuple(
    (text, Shape(rule, tuple(literals.split()), ascii_only(START + pattern)))
    for rule, literals, pattern in vendors.INNER
    for text in literals.split()
)
_DISCORD: Final = Shape(
    "discord",
    (),
    ascii_only(START + r"[A-Za-z]?[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}"),
)
# What a token may begin with, by its first three characters: one look tells which of many to look for.
_HEAD: Final = 3
_FOLLOWING: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_-"
_BY_HEAD: Final[dict[str, list[tuple[str, Shape]]]] = {}
for _shape in TOKENS:
    for _literal in _shape.literals:
        for _head in [_literal[:_HEAD]] if len(_literal) >= _HEAD else [_literal + c for c in _FOLLOWING]:
            _BY_HEAD.setdefault(_head, []).append((_literal, _shape))
_HEADS: Final = ascii_only(START + r"(?=([A-Za-z0-9][!-~]{2}))")
# As much of a token may stand before its first long run: `dp.st.` and a name of 40.
_BEFORE: Final = 48

# From the start of a run only, and without giving back: each character is read once.
_DOTTED: Final = ascii_only(
    r"(?<![A-Za-z0-9_-])(?P<header>[A-Za-z0-9_-]{8,}+)={0,2}"
    r"\.[A-Za-z0-9_-]{4,}+={0,2}(?:\.[A-Za-z0-9_=/+-]*+){0,3}"
)
_MAX_HEADERS: Final = 4

_KEY_BEGIN: Final = ascii_only(r"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = ascii_only(r"-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")

# The standard allows more, such as / and =, which in logs end a name far more often than they stand in one.
_LOCAL_PART: Final = ascii_only(r"[A-Za-z0-9._+~!$*-]{1,64}")
_DOMAIN: Final = ascii_only(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,59})(?![A-Za-z0-9])"
)

# Every digit to 0, every capital to A, separators of grouped numbers removed.
_CLASSES: Final = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 10 + b"A" * 26)
_GROUPING: Final = b" -."
# Characters of tokens to x, so that a token's length shows.
_RUN: Final = b"x" * 16
_TOKEN: Final = bytes(120 if (chr(c).isalnum() and c < 128) or c in b"_-" else c for c in range(256))
_REST: Final = re.compile(rb"x*+")
# Between a backslash and itself nothing is escaped: `\\\\n` is a backslash and an n.
_ESCAPES: Final = ascii_only(r"\\(?:\\|[nrtbf]|u[0-9a-fA-F]{4})")


def findings(text: str) -> list[Finding]:
    """Secrets in a text by their shape, in no order, possibly overlapping."""
    return scan(text)[0]


def scan(text: str) -> tuple[list[Finding], bool]:
    """The same, and whether base64 may stand in the text: False where it was seen that none does."""
    found: list[Finding] = []
    escaped = "\\" in text
    if escaped:
        text = _ESCAPES.sub(_blanks, text)
    raw = text.encode("ascii", "replace")
    # Blanks in the place of escapes may have cut a run.
    if _further:
        _look_further(text, found)
    coded = escaped or (len(raw) >= len(LONG_RUN) and LONG_RUN in raw.translate(LETTERS))
    if not _decided:
        engine()
    if _gate is not None:
        try:
            hits = _gate(raw)
        except Exception:  # such as no memory for a scan: this text is looked at without it
            hits = None
        if hits is not None:
            if hits:
                _beyond(hits, text, raw, found)
            return found, coded
    # Where base64 finds no room, no token does.
    runs = raw.translate(_TOKEN) if coded else b""
    for literal, shape in _ALWAYS:
        if literal in text:
            _search(shape, text, found)
    if _RUN in runs:
        _tokens(text, runs, found)
        if "eyJ" in text:
            _json_tokens(text, found)
        if b".xxxxxx." in runs:
            _search(_DISCORD, text, found)
    if "PRIVATE KEY" in text:
        _private_keys(text, found)
    if "@" in text:
        _addresses(text, found)
    classes = raw.translate(_CLASSES, _GROUPING)
    if b"000000000" in classes or b"AA00" in classes:
        _numbers(text, classes, found)
    return found, coded


def choose(group: Group | None) -> None:
    """Look for the shapes of a group as well, of no group for None."""
    global _further  # noqa: PLW0603 - one choice for the process; the change is one step
    _further = group.shapes if group is not None else ()


def _look_further(text: str, found: list[Finding]) -> None:
    low = text.lower()
    for rule, words, pattern, check in _further:
        if any(word in low for word in words):
            found += [
                Finding(*match.span("value"), rule)
                for match in pattern.finditer(text)
                if check is None or check(match["value"])
            ]


def _blanks(match: re.Match[str]) -> str:
    """As many blanks as an escaped line end is long: what follows it begins there, as it does unescaped."""
    return match[0] if match[0] == "\\\\" else " " * len(match[0])


def _tokens(text: str, runs: bytes, found: list[Finding]) -> None:
    """Tokens of vendors, looked for where characters run on for long."""
    beside = ""
    end = 0
    start = runs.find(_RUN)
    while start >= 0:
        stop = start + len(_RUN)
        while runs.startswith(_RUN, stop):
            stop += len(_RUN)
        run = _REST.match(runs, stop)
        stop = run.end() if run is not None else stop
        begin = start - _BEFORE
        beside += text[end:stop] if begin <= end else " " + text[begin:stop]
        end = stop
        start = runs.find(_RUN, stop)
    for head in _BY_HEAD.keys() & set(_HEADS.findall(beside)):
        for literal, shape in _BY_HEAD[head]:
            if literal in beside:
                _search(shape, text, found)
    for literal, shape in _INNER:
        if literal in (text if literal in vendors.SCATTERED else beside):
            _search(shape, text, found)


def _search(shape: Shape, text: str, found: list[Finding]) -> None:
    group = "value" if "value" in shape.pattern.groupindex else 0
    check = shape.check
    found += [
        Finding(*match.span(group), shape.rule)
        for match in shape.pattern.finditer(text)
        if check is None or check(match)
    ]


def _json_tokens(text: str, found: list[Finding]) -> None:
    """JSON Web Tokens: the first part is a JSON object, or it is only a name with dots."""
    for match in _DOTTED.finditer(text):
        header = match["header"]
        start = header.find("eyJ")
        for _ in range(_MAX_HEADERS):
            if start < 0:
                break
            if (start == 0 or not header[start - 1].isalnum()) and _is_json(header[start:]):
                found.append(Finding(match.start() + start, match.end(), "jwt"))
                break
            start = header.find("eyJ", start + 3)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))), dict)
    except (ValueError, RecursionError):
        return False


def _private_keys(text: str, found: list[Finding]) -> None:
    place = 0
    while (begin := _KEY_BEGIN.search(text, place)) is not None:
        end = _KEY_END.search(text, begin.end())
        # A key that is cut off is secret to the end of what is there.
        place = end.end() if end is not None else len(text)
        found.append(Finding(begin.start(), place, "private-key"))


def _addresses(text: str, found: list[Finding]) -> None:
    """E-mail addresses, read from each @ to both sides: no place is looked at more than 64 times."""
    place = text.find("@")
    while place >= 0:
        local = _LOCAL_PART.match(text[max(0, place - 64) : place][::-1])
        domain = _DOMAIN.match(text, place + 1) if local is not None else None
        if local is not None and domain is not None:
            found.append(Finding(place - local.end(), domain.end(), "email"))
        place = text.find("@", place + 1)


def _numbers(text: str, classes: bytes, found: list[Finding]) -> None:
    if b"000000000000" in classes:
        for start, end in cards_in(text):
            found.append(Finding(start, end, "card-number"))
            code = cvv_after(text, start, end)
            if code is not None:
                found.append(Finding(*code, "cvv"))
    if b"000000000" in classes and _has_ssn(text):
        found += [Finding(*match.span(), "ssn") for match in SSN.finditer(text)]
    if b"AA00" in classes:
        for match in IBAN.finditer(text):
            end = iban_end(match[0])
            if end:
                found.append(Finding(match.start(), match.start() + end, "iban"))


def _has_ssn(text: str) -> bool:
    grouped = text.encode("ascii", "replace").translate(_CLASSES)
    return b"000-00-0000" in grouped or b"000 00 0000" in grouped or b"000.00.0000" in grouped


# --- the same by one pass of Hyperscan, where it is installed

_LOOKED_FOR: Final = (
    *_ALWAYS,
    *((literal, shape) for shape in TOKENS for literal in shape.literals),
    *_INNER,
)
# What decides on the rest, in this order: numbers follow those of the literals.
_SIGNS: Final = ("eyJ", "PRIVATE KEY", "@")
_PATTERNS: Final = (
    r"\.[A-Za-z0-9_-]{6}\.",
    r"[0-9](?:[ .-]?[0-9]){8}",
    r"[A-Z]{2}[0-9]{2}",
)
_EYJ, _KEY, _AT, _SIX, _NINE, _COUNTRY = range(len(_LOOKED_FOR), len(_LOOKED_FOR) + 6)

_further: tuple[Further, ...] = ()
_gate: fast.Gate | None = None
_decided = False


def engine(*, use_fast: bool = True) -> str:
    """Choose what looks for shapes, and say what it is: `hyperscan` where it is installed and may be used,
    else `standard`. The findings are the same. Without a call, the first text to be looked at chooses.
    """
    global _gate, _decided  # noqa: PLW0603 - one choice for the process; each change is one step
    _gate = fast.gate([literal for literal, _ in _LOOKED_FOR] + list(_SIGNS), _PATTERNS) if use_fast else None
    _decided = True
    return "standard" if _gate is None else "hyperscan"


def ready() -> str:
    """Choose what looks for shapes unless that is done, so that no request waits for it; say what it is."""
    if not _decided:
        return engine()
    return "standard" if _gate is None else "hyperscan"


def _beyond(hits: list[int], text: str, raw: bytes, found: list[Finding]) -> None:
    """What `findings` does behind each gate, for those that the pass has opened."""
    for hit in hits:
        if hit < _EYJ:
            _search(_LOOKED_FOR[hit][1], text, found)
    if (_EYJ in hits or _SIX in hits) and _RUN in raw.translate(_TOKEN):
        if _EYJ in hits:
            _json_tokens(text, found)
        if _SIX in hits:
            _search(_DISCORD, text, found)
    if _KEY in hits:
        _private_keys(text, found)
    if _AT in hits:
        _addresses(text, found)
    if _NINE in hits or _COUNTRY in hits:
        _numbers(text, raw.translate(_CLASSES, _GROUPING), found)
