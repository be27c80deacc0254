"""What an application logs: the value itself where nothing has to go, else a copy without the secrets.

Nothing here raises, and nothing that the application holds is changed.
"""

from __future__ import annotations

import traceback
from collections.abc import Collection
from functools import lru_cache
from types import TracebackType
from typing import Any, Final

from sealtrail import scrub
from sealtrail.event import hostile
from sealtrail.scrub import Notes

ExceptionInfo = tuple[type[BaseException], BaseException, TracebackType | None]

_PLAIN: Final = frozenset({bool, float, type(None)})
_MAX_NAME: Final = 256
# Part of the value was not looked at: then only the copy may be kept.
_UNSEEN: Final = frozenset({hostile.CUT, "value.deep", "value.unprintable"})
# No shape of a secret is shorter, unless it has something besides letters and digits.
_TOO_SHORT: Final = 12
# The shortest card number has one digit more.
_SMALL: Final = 10**11
LOST: Final = "[could not be scrubbed]"


def clean_value(name: str, value: Any, keep: Collection[str] = ()) -> tuple[Any, Notes]:
    """What may be logged of a value under a name; `keep` names rules whose findings stay, such as email."""
    kind = type(value)
    if kind in _PLAIN or (kind is int and -_SMALL < value < _SMALL and not _is_secret(name)):
        return value, ()
    if (
        kind is str
        and len(value) < _TOO_SHORT
        and value.isalnum()
        and value.isascii()
        and not _is_secret(name)
    ):
        return value, ()
    try:
        short = hostile.text(name, _MAX_NAME, [])
        if type(value) is str and not scrub.secret_name(short):
            return scrub.long_text(value, short, keep=keep)
        odd: list[str] = []
        plain = value if type(value) is str else hostile.plain(value, odd)
        made, found = scrub.details({short: plain}, "log", keep=keep)
        if (
            found
            or not _UNSEEN.isdisjoint(odd)
            or ("value.object" in odd and clean_text(repr(value), keep)[1])
        ):
            return made.popitem()[1], found
    except Exception:  # a subclass of text may do anything
        return LOST, ("log:unprintable",)
    return value, ()


def _is_secret(name: Any) -> bool:
    return type(name) is not str or bool(scrub.secret_name(name[:_MAX_NAME]))


def clean_text(value: Any, keep: Collection[str] = ()) -> tuple[str, Notes]:
    """Free text of any length without its secrets."""
    try:
        text = value if type(value) is str else hostile.text(value, scrub.MAX_TEXT, [])
        return scrub.long_text(text, keep=keep)
    except Exception:
        return LOST, ("log:unprintable",)


def clean_label(value: Any, keep: frozenset[str] = frozenset()) -> str:
    """What names something in every entry, such as a logger or a key: looked at once, and remembered."""
    if type(value) is str and len(value) <= _MAX_NAME:
        return _label(value, keep)
    return "" if value is None else hostile.text(clean_text(value, keep)[0], scrub.MAX_TEXT, [])


def forget() -> None:
    """Look at every label anew: what is clean has changed."""
    _label.cache_clear()


@lru_cache(1024)
def _label(value: str, keep: frozenset[str]) -> str:
    made = clean_text(value, keep)[0]
    return made if made.isascii() else hostile.text(made, _MAX_NAME, [])


def exception_of(info: Any) -> ExceptionInfo | None:
    """What `exc_info` of a log entry stands for: an exception, a triple of one, or nothing."""
    if isinstance(info, BaseException):
        return type(info), info, info.__traceback__
    if isinstance(info, tuple) and len(info) == 3 and isinstance(info[1], BaseException):
        trace = info[2] if isinstance(info[2], TracebackType) else None
        return type(info[1]), info[1], trace
    return None


def printed(info: ExceptionInfo) -> str:
    """An exception as the interpreter prints it."""
    try:
        return "".join(traceback.format_exception(*info)).rstrip("\n")
    except Exception:  # chained exceptions are the application's objects
        return f"{info[0].__name__}: [could not be printed]"
