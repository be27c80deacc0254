"""Free text: secrets by shape, secrets by the name before them, and both behind an encoding. Pure.

Looked behind are percent-encoding, once or twice, the escapes of JSON, and base64.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final
from urllib.parse import unquote, unquote_plus

from sealtrail.scrub.coded import hidden
from sealtrail.scrub.names import MAX_NAME, secret_name
from sealtrail.scrub.placeholders import placeholder_end
from sealtrail.scrub.policy import MARK, REPLACE, Policy, is_marked
from sealtrail.scrub.shapes import Finding, findings, scan

Notes = tuple[str, ...]
"""`FIELD:RULE` for each rule that removed something; never any of the text."""

# What is longer is cut by the caller: text that was not looked at is never kept.
MAX_TEXT: Final = 16_384

# Read backwards from the separator: blanks, a quotation mark that may be escaped, the name.
_NAME: Final = re.compile(r"\s{0,3}[\"']?\\{0,3}(?P<name>[A-Za-z0-9_.\[\]%$-]{1,64})", re.ASCII)
_NAMES: Final = re.compile(r"[=:]" + _NAME.pattern, re.ASCII)
# Letters of other languages, with their accents apart or not: contraseña is a name as any.
_WIDE_NAME: Final = re.compile(_NAME.pattern.replace("[A-Za-z0-9_", "[\\w\u0300-\u036f"))
_WIDE_NAMES: Final = re.compile(r"[=:]" + _WIDE_NAME.pattern)
_SEPARATOR: Final = re.compile(r"[=:]")
_OPEN: Final = re.compile(r">?\s{0,3}(?P<quote>\\{0,7}[\"'])?", re.ASCII)
# Brackets may stand in a password, and `${NAME:-default}` holds one; one that only closes, and with which a
# word ends, belongs to what is around.
_BARE: Final = re.compile(
    r"(?:[^\s\"'&,;<>|(){}\[\]\\]|\{[^\s\"'{}\\]{0,64}\}|\([^\s\"'()\\]{0,64}\)|\[[^\s\"'\[\]\\]{0,64}\]|[({\[]|[)}\]](?=[A-Za-z0-9]))++"
)
_LINE: Final = re.compile(r"[^\r\n\"']+")
_SKIPPED: Final = frozenset({"null", "none", "true", "false", "undefined", "nil"})
_TO_LINE_END: Final = frozenset({"authorization", "session"})

# Two backslashes stay as they are: what stands after them is not escaped.
_ESCAPE: Final = re.compile(r"(?<!\\)\\(?:(?P<sign>/)|u(?P<code>[0-9a-fA-F]{4}))")

# Honest addresses have fewer parts; with more, one pass over the decoded text has to do.
_MAX_PIECES: Final = 64
_PIECES: Final = re.compile(r"([\s&?;,\"'<>/#]+)")


def text(
    value: str, field: str = "message", policy: Policy = REPLACE, keep: Collection[str] = ()
) -> tuple[str, Notes]:
    """Free text without its secrets, and notes. `keep` names rules whose findings stay, such as email."""
    if len(value) > MAX_TEXT:
        value = value[:MAX_TEXT]
    found, coded = scan(value)
    named = ("=" in value or ":" in value) and _has_names(value)
    if not (found or coded or named or "%" in value or "\\" in value):
        return value, ()
    rules: list[str] = []
    result = _replaced(value, found, rules, policy, keep, field) if found else value
    if found or named:
        result = _named(result, rules, policy, field)
    if "%" in result or "\\" in result:
        result = _behind_escapes(result, rules, policy, keep, field)
    result = _behind_base64(result, rules, policy, keep, field)
    return (result, notes(field, rules)) if rules else (value, ())


def notes(field: str, rules: list[str]) -> Notes:
    """One note per rule, in the order of the first finding."""
    return tuple(f"{field}:{rule}" for rule in dict.fromkeys(rules))


def decoded(value: str, *, plus: bool = False) -> str:
    """Percent-decoded, twice where there is something to decode twice, and without the escapes of JSON."""
    decode = unquote_plus if plus else unquote
    for _ in range(2):
        if "%" not in value and not (plus and "+" in value):
            break
        value = decode(value, errors="replace")
    return _ESCAPE.sub(_unescaped, value) if "\\" in value else value


def _unescaped(match: re.Match[str]) -> str:
    return chr(int(match["code"], 16)) if match["code"] else match["sign"]


def rules_in(value: str, keep: Collection[str] = (), policy: Policy = REPLACE, field: str = "") -> list[str]:
    """Ids of the rules that would remove something from a text that is not percent-encoded."""
    found, coded = scan(value)
    rules: list[str] = []
    named = ("=" in value or ":" in value) and _has_names(value)
    if not (found or coded or named):
        return rules
    policy = policy.looking()
    result = _replaced(value, found, rules, policy, keep, field) if found else value
    if found or named:
        result = _named(result, rules, policy, field)
    if coded or found:
        _behind_base64(result, rules, policy, keep, field)
    return rules


def _once(value: str, rules: list[str], policy: Policy, keep: Collection[str], field: str) -> str:
    found = findings(value)
    if found:
        value = _replaced(value, found, rules, policy, keep, field)
    return _named(value, rules, policy, field)


def _named(value: str, rules: list[str], policy: Policy, field: str) -> str:
    if ("=" in value or ":" in value) and _has_names(value):
        return _by_name(value, rules, policy, field)
    return value


def _has_names(value: str) -> bool:
    """Whether a secret name stands before any separator: all in one pass, from the end to the beginning."""
    names = _NAMES if value.isascii() else _WIDE_NAMES
    return any(secret_name(name[::-1]) for name in set(names.findall(value[::-1])))


def _replaced(
    value: str, found: list[Finding], rules: list[str], policy: Policy, keep: Collection[str], field: str
) -> str:
    parts: list[str] = []
    place = 0
    marked = MARK in value
    for start, end, rule in sorted(found, key=lambda f: (f.start, -f.end)):
        if (
            end <= place
            or rule in keep
            or (marked and (value.startswith(MARK, start) or is_marked(value, start)))
        ):
            continue
        made = policy.replacement(rule, value[start:end], field)
        if made is None:
            continue
        parts += (value[place : max(start, place)], made)
        rules.append(rule)
        place = end
    return "".join((*parts, value[place:])) if parts else value


def _by_name(value: str, rules: list[str], policy: Policy, field: str) -> str:
    parts: list[str] = []
    done = 0
    marked = MARK in value
    before = _NAME if value.isascii() else _WIDE_NAME
    for separator in _SEPARATOR.finditer(value):
        place = separator.start()
        if place < done or value[place - 1 : place] in "=:/":
            continue
        match = before.match(value[max(0, place - 72) : place][::-1])
        name = match["name"][::-1] if match is not None else ""
        rule = secret_name(name)
        if not rule or match is None:
            continue
        if marked and (is_marked(value, place) or is_marked(value, place - 1 - match.start("name"))):
            continue
        start, end = _value_span(value, place + 1, rule)
        made = policy.replacement(rule, value[start:end], field, name) if end > start else None
        if made is not None:
            parts += (value[done:start], made)
            rules.append(rule)
            done = end
    return "".join((*parts, value[done:])) if parts else value


def _value_span(value: str, start: int, rule: str) -> tuple[int, int]:
    """Where the value after a separator stands; an empty span where there is nothing to hide."""
    match = _OPEN.match(value, start)
    start = match.end() if match is not None else start
    quote = match["quote"] if match is not None else None
    none = placeholder_end(value, start)
    if none and (quote is None or value.startswith(quote, none)):
        return 0, 0
    if quote is not None:
        end = value.find(quote, start)
        while end > 0 and value[end - 1] == "\\":
            end = value.find(quote, end + 1)
        end = len(value) if end < 0 else end
    elif value[start : start + 1] in ("[", "{", "("):
        if value.startswith(MARK, start):
            return 0, 0
        close = value.find({"[": "]", "{": "}", "(": ")"}[value[start]], start)
        end = len(value) if close < 0 else close + 1
    else:
        bare = (_LINE if rule in _TO_LINE_END else _BARE).match(value, start)
        end = bare.end() if bare is not None else start
        # A name is short and holds no separator: what does is a value, and is looked at once.
        if (
            value[end - 1 : end] in {":", "="}
            and end - start <= MAX_NAME
            and _SEPARATOR.search(value, start, end - 1) is None
            and secret_name(value[start : end - 1])
        ):
            return 0, 0  # nothing, and then the name of the next value
    secret = value[start:end]
    if secret.startswith(MARK) or secret.lower() in _SKIPPED:
        return 0, 0
    if len(secret) < 4 and secret.isdigit() and rule in {"password", "session", "token"}:
        return 0, 0  # "pass: 3, fail: 0" counts something
    return start, end


def _behind_base64(value: str, rules: list[str], policy: Policy, keep: Collection[str], field: str) -> str:
    found = hidden(value)
    if not found:
        return value
    plain: list[str] = []
    look = policy.looking()
    _once("\n".join(item.text for item in found), plain, look, keep, field)
    if not plain:
        return value
    parts: list[str] = []
    place = 0
    # Honest texts hold few of them; where there are many, all go that could be it.
    many = len(found) > _MAX_PIECES
    for start, end, text in found:
        inner: list[str] = []
        if many:
            inner = plain[:1]
        else:
            _once(text, inner, look, keep, field)
        made = policy.replacement(inner[0], value[start:end], field) if inner else None
        if made is not None:
            parts += (value[place:start], made)
            rules += inner
            place = end
    return "".join((*parts, value[place:]))


def _behind_escapes(value: str, rules: list[str], policy: Policy, keep: Collection[str], field: str) -> str:
    plain = decoded(value)
    if plain == value or not rules_in(plain, keep, policy, field):
        return value
    pieces = _PIECES.split(value)
    if len(pieces) > _MAX_PIECES:
        return _once(plain, rules, policy, keep, field)
    for place, piece in enumerate(pieces):
        if "%" in piece or "\\" in piece:
            hidden = rules_in(decoded(piece), keep, policy, field)
            made = policy.replacement(hidden[0], piece, field) if hidden else None
            if made is not None:
                pieces[place] = made
                rules += hidden
    value = "".join(pieces)
    plain = decoded(value)
    if rules_in(plain, keep, policy, field):
        # It spans the pieces: then the encoding is given up for the secret's sake.
        value = _once(plain, rules, policy, keep, field)
    return value
