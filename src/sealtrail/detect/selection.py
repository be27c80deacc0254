"""One selection of a Sigma rule, by way of pySigma, to our tree. Pure.

pySigma applies the modifiers. What version 1.5.1 would do wrongly without a word is refused here, or done by
us; every refusal names the line.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from sealtrail.detect.document import Document, refusal
from sealtrail.detect.taxonomy import KEYWORDS, translate
from sealtrail.detect.tree import (
    Cidr,
    Compare,
    Comparison,
    Exists,
    Glob,
    Node,
    Not,
    Null,
    Number,
    Part,
    Ref,
    Regex,
    Text,
    TextOp,
    TimePart,
    Truth,
    both,
    either,
)
from sealtrail.errors import RuleError

# pySigma's name for what the specification also calls utf16le.
_RENAMED: Final = {"utf16le": "wide"}
_ANCHORS: Final = frozenset({"contains", "startswith", "endswith"})
_BASE64: Final = frozenset({"base64", "base64offset"})
_WILD: Final = re.compile(r"[*?]")

_MULTI: Final = 0  # `*`
_SINGLE: Final = 1  # `?`


def selection(document: Document, name: str) -> Node:
    """The tree of one named selection. Raises RuleError."""
    path = ("detection", name)
    return _definition(document, document.value["detection"][name], path)


def _definition(document: Document, value: Any, path: tuple[str | int, ...]) -> Node:
    if isinstance(value, dict):
        if not value:
            raise _refused(document, path, "the selection is empty")
        return both([_item(document, str(key), item, (*path, str(key))) for key, item in value.items()])
    if isinstance(value, list):
        if not value:
            raise _refused(document, path, "the selection is empty")
        if not any(isinstance(item, dict | list) for item in value):
            return _item(document, None, value, path)
        return either([_definition(document, item, (*path, place)) for place, item in enumerate(value)])
    return _item(document, None, value, path)


def _item(document: Document, key: str | None, value: Any, path: tuple[str | int, ...]) -> Node:
    from sigma.conditions import ConditionOR
    from sigma.exceptions import SigmaError
    from sigma.rule.detection import SigmaDetectionItem

    field, modifiers = _key(key)
    values = value if isinstance(value, list) else [value]
    why = _pitfall(field, modifiers, values)
    if why:
        raise _refused(document, path, why)
    try:
        item: Any = SigmaDetectionItem.from_mapping(
            None if key is None else "|".join((field or "", *modifiers)), value
        )
        nodes = [leaf(field, one) for one in item.value]
    except RuleError as error:
        raise refusal(document, error.what, *path, code=error.code, hint=error.hint) from None
    except (SigmaError, ValueError, TypeError, IndexError, re.error, RecursionError) as error:
        raise refusal(document, f"`{key}`: {error}", *path) from None
    node = either(nodes) if item.value_linking is ConditionOR else both(nodes)
    return Not(node) if item.negated else node


def _key(key: str | None) -> tuple[str | None, list[str]]:
    if key is None:
        return None, []
    field, *modifiers = key.split("|")
    return (translate(field) if field else None), [_RENAMED.get(m, m) for m in modifiers]


def _pitfall(field: str | None, modifiers: Sequence[str], values: Sequence[Any]) -> str:
    """Why this item must not be left to pySigma 1.5.1; empty when it may."""
    if not values:
        return "the list of values is empty: nothing would ever match"
    if any(isinstance(value, dict | list) for value in values):
        return "a value is a list or a mapping where a text or number is expected"
    if "expand" in modifiers:
        return "`expand` needs a list that is kept outside the rule"
    if "re" in modifiers and _ANCHORS.intersection(modifiers):
        return "`re` is found anywhere in the text: anchor it with ^ and $ instead"
    texts = [value for value in values if isinstance(value, str)]
    if "re" in modifiers:
        if not all(texts) or len(texts) != len(values):
            return "`re` needs regular expressions, none of them empty"
        return next((why for text in texts if (why := _explosive(text))), "")
    if _BASE64.intersection(modifiers):
        if any(_WILD.search(text) for text in texts):
            return "a base64 value cannot contain `*` or `?`"
        if "base64offset" in modifiers and not all(text.isascii() for text in texts):
            return "base64offset is exact for ASCII text only"
        if "utf16" in modifiers:
            return "utf16 with base64 would begin with the wrong byte order mark: use wide or utf16be"
    if field is None and any(value is None for value in values):
        return "null must be bound to a field"
    return ""


def _explosive(pattern: str) -> str:
    """Why a regular expression can take for ever on a hostile text: a repeat within a repeat."""
    depth_has_repeat = [False]
    escaped = in_set = False
    for place, char in enumerate(pattern):
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = True
        elif in_set:
            in_set = char != "]"
        elif char == "[":
            in_set = True
        elif char == "(":
            depth_has_repeat.append(False)
        elif char == ")" and len(depth_has_repeat) > 1:
            inner = depth_has_repeat.pop()
            repeated = pattern[place + 1 : place + 2] in ("+", "*") or bool(
                re.match(r"\{\d*,(?:\}|\d{2,})", pattern[place + 1 :])
            )
            if inner and repeated:
                return f"the regular expression repeats a repeat at column {place + 1}: it can run for ever"
            depth_has_repeat[-1] = depth_has_repeat[-1] or inner or repeated
        elif char in "+*" or (char == "{" and re.match(r"\{\d*,\}", pattern[place:])):
            depth_has_repeat[-1] = True
    return ""


def compile_regex(pattern: str, flags: str) -> re.Pattern[str]:
    """A rule's regular expression with its flags, of `i`, `m`, `s`. Raises re.error."""
    wanted = re.NOFLAG
    for flag in flags:
        wanted |= re.RegexFlag[flag.upper()]
    return re.compile(pattern, wanted)


def leaf(field: str | None, value: Any) -> Node:
    """One pySigma value, bound to a field or a keyword, as a node. Raises RuleError."""
    from sigma import types

    name = field if field is not None else KEYWORDS
    match value:
        case types.SigmaExpansion():
            return either([leaf(field, one) for one in value.values])
        case types.SigmaString():
            return _text(name, value, keyword=field is None)
        case types.SigmaTimestampPart():
            return Part(name, _part(value), int(value.number))
        case types.SigmaNumber():
            return Number(name, value.number) if field else Text(name, "contains", (str(value.number),))
        case types.SigmaBool():
            return (
                Truth(name, value.boolean) if field else Text(name, "contains", (str(value.boolean).lower(),))
            )
        case types.SigmaNull():
            return Null(name)
        case types.SigmaExists():
            return Exists(name) if value.exists else Null(name)
        case types.SigmaRegularExpression():
            flags = "".join(
                sorted({"D": "s"}.get(flag.name[0], flag.name[0].lower()) for flag in value.flags)
            )
            pattern = str(value.regexp)
            compile_regex(pattern, flags)
            return Regex(name, pattern, flags)
        case types.SigmaCIDRExpression():
            return Cidr(name, str(value.network))
        case types.SigmaCompareExpression():
            part = value.number
            return Compare(
                name,
                _comparison(value.op.name),
                part.number,
                _part(part) if isinstance(part, types.SigmaTimestampPart) else None,
            )
        case types.SigmaFieldReference():
            how: TextOp = "is"
            if value.starts_with:
                how = "contains" if value.ends_with else "startswith"
            elif value.ends_with:
                how = "endswith"
            return Ref(name, how, translate(value.field))
    raise RuleError("rule.unsupported", f"values of type {type(value).__name__} are not run")


_PARTS: Final[dict[str, TimePart]] = {
    "MINUTE": "minute",
    "HOUR": "hour",
    "DAY": "day",
    "WEEK": "week",
    "MONTH": "month",
    "YEAR": "year",
}
_COMPARISONS: Final[dict[str, Comparison]] = {
    "LT": "lt",
    "LTE": "lte",
    "GT": "gt",
    "GTE": "gte",
    "NEQ": "neq",
}


def _part(value: Any) -> TimePart:
    return _PARTS[value.timestamp_part.name]


def _comparison(name: str) -> Comparison:
    return _COMPARISONS[name]


def _text(name: str, value: Any, *, keyword: bool) -> Node:
    from sigma import types

    cased = isinstance(value, types.SigmaCasedString)
    parts: list[str | int] = []
    for part in value.s:
        if isinstance(part, str):
            parts.append(part if cased else part.casefold())
        elif part is types.SpecialChars.WILDCARD_MULTI:
            parts.append(_MULTI)
        elif part is types.SpecialChars.WILDCARD_SINGLE:
            parts.append(_SINGLE)
        else:
            raise RuleError("rule.unsupported", "placeholders need a list that is kept outside the rule")
    if keyword:
        parts = [_MULTI, *parts, _MULTI]
    parts = [part for at, part in enumerate(parts) if part != _MULTI or parts[at - 1 : at] != [_MULTI]]
    literals = [part for part in parts if isinstance(part, str)]
    if parts == [_MULTI]:
        return Exists(name)
    if len(literals) == len(parts):
        return Text(name, "is", ("".join(literals),), cased)
    if len(literals) == 1:
        for op, shape in _SHAPES.items():
            if parts == [literals[0] if part is None else part for part in shape]:
                return Text(name, op, (literals[0],), cased)
    return Glob(name, _glob(parts), cased)


_SHAPES: Final[dict[TextOp, tuple[int | None, ...]]] = {
    "contains": (_MULTI, None, _MULTI),
    "startswith": (None, _MULTI),
    "endswith": (_MULTI, None),
}


def _glob(parts: Sequence[str | int]) -> str:
    """A regular expression for `fullmatch`. The first place a middle part fits is always good enough, so
    each is atomic: a hostile text costs one pass a part, whatever the pattern.
    """
    segments: list[str] = [""]
    for part in parts:
        if part == _MULTI:
            segments.append("")
        else:
            segments[-1] += re.escape(part) if isinstance(part, str) else "."
    if len(segments) == 1:
        return f"(?s:{segments[0]})"
    first, *middle, last = segments
    return f"(?s:{first}{''.join(f'(?>.*?{segment})' for segment in middle)}.*{last})"


def _refused(document: Document, path: tuple[str | int, ...], why: str) -> RuleError:
    code = "rule.unsupported" if "expand" in why else "rule.syntax"
    return refusal(document, f"`{path[-1]}`: {why}", *path, code=code)
