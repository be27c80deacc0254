"""A request target as an application may come to see it: what attackers wrap is unwrapped. Pure.

Servers decode once; proxies, frameworks and databases once more. A rule that looks at the target as it came
misses `%2527`, and one that looks at it decoded once misses it as well.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote

ROUNDS: Final = 3  # of decoding: what was wrapped more often reaches nobody as an attack
MAX_DECODED: Final = 16_384  # characters that are looked at: nobody's query is longer in earnest

PLAIN: Final = re.compile(r"[0-9A-Za-z/_.?=&-]*")
"""Ordinary targets, most of them: there is nothing to unwrap, and no attack that needs another character."""

_UNICODE: Final = re.compile(r"%u([0-9a-f]{4})", re.ASCII | re.IGNORECASE)
# In SQL a comment stands for a space, and `/*!50000` begins what is run nevertheless.
_COMMENT: Final = re.compile(r"/\*!\d{0,6}|/\*[^*/!]{0,64}\*/|\*/")
_SPACE: Final = re.compile(r"[\s\x00]+")


def decoded(target: str) -> str:
    """Percent-encoding off, up to three times; `+` in a query, comments and runs of white space as one space.

    `%uXXXX` and what was overlong or no UTF-8 is decoded as far as it can be.
    """
    text = target[:MAX_DECODED]
    if PLAIN.fullmatch(text) is not None:
        return text
    path, mark, query = text.partition("?")
    if "+" in query:
        text = f"{path}{mark}{query.replace('+', ' ')}"
    for _ in range(ROUNDS):
        if "%" not in text:
            break
        before, text = text, unquote(_UNICODE.sub(_letter, text), errors="replace")
        if text == before:
            break
    if "*" in text:
        text = _COMMENT.sub(" ", text)
    return _SPACE.sub(" ", text)


def _letter(found: re.Match[str]) -> str:
    number = int(found[1], 16)
    if 0xFF01 <= number <= 0xFF5E:  # full-width forms, which databases fold to the letters they look like
        number -= 0xFEE0
    return "\ufffd" if 0xD800 <= number <= 0xDFFF else chr(number)
