"""Passwords that are among the first to be guessed, however long they are. Pure.

A list of leaked passwords would be megabytes, and of little use: most are shorter than ours may be. What
people do to a short one until it is long enough is add words, count, walk along the keyboard and repeat.
So each of those counts as one character here, and enough have to be left.
"""

from __future__ import annotations

import re
import unicodedata
from itertools import pairwise
from typing import Final

MIN_LEFT: Final = 8  # characters of a password, each common word, sequence and repetition counted as one

_WORDS: Final = """
    sealtrail admin administrator root user guest test default system server login master manager console
    audit password passwort passphrase passwd secret topsecret private letmein welcome hello changeme change
    iloveyou loveyou trustno
    whatever nothing computer internet samsung google facebook microsoft apple
    monkey dragon football baseball basketball princess sunshine superman batman starwars pokemon shadow
    michael jordan jennifer charlie freedom flower butterfly summer winter spring autumn january february
    march april june july august september october november december monday friday correcthorsebatterystaple
    1q2w3e 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y q1w2e3 q1w2e3r4 q1w2e3r4t5 1qaz 2wsx 3edc 4rfv 5tgb zaq1 xsw2
    qaz wsx edc rfv tgb
"""
_ROWS: Final = ("qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "qsdfghjklm", "zxcvbnm", "yxcvbnm")
_STEPS: Final = frozenset(
    step for row in _ROWS for before, after in pairwise(row) for step in ((before, after), (after, before))
)
_LOOKS: Final = str.maketrans("0134578@$!", "oleastbasi")
_GAPS: Final = re.compile(r"[\s._-]+")
_SHORTEST_NAME: Final = 3  # a shorter one is in too many words
_WORD: Final = "\0"


def guessable(password: str, name: str = "") -> bool:
    """Whether a password of the person `name` is made of what is guessed first."""
    text = unicodedata.normalize("NFKC", password).casefold()
    words = set(_WORDS.split())
    words |= {part for part in (name, *re.split(r"[._@+-]", name)) if len(part) >= _SHORTEST_NAME}
    pattern = re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))
    looks = (text, text.translate(_LOOKS), _GAPS.sub("", text))
    return any(_left(pattern.sub(_WORD, _unit(look))) < MIN_LEFT for look in looks)


def _unit(text: str) -> str:
    """What a text repeats; the text where it repeats nothing. `abcabcab` repeats `abc`."""
    for length in range(1, len(text) // 2 + 1):
        unit = text[:length]
        if (unit * (len(text) // length + 1)).startswith(text):
            return unit
    return text


def _left(text: str) -> int:
    """How many characters cannot be told from the one before."""
    return sum(not _follows(before, after) for before, after in pairwise(f"\n{text}"))


def _follows(before: str, after: str) -> bool:
    if before == after or (before, after) in _STEPS:
        return True
    both = before + after
    return both in {"90", "09"} or (abs(ord(before) - ord(after)) == 1 and both.isascii() and both.isalnum())
