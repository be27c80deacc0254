"""Whose a statement is that Django is about to run: an object's, of which a signal tells, or nobody's.

Who calls it says so for certain. What a signal announced may never come: a listener or a value that is
refused ends a save half way, and the next statement on that table is another's.
"""

from __future__ import annotations

from types import CodeType, FrameType
from typing import Any, Final, NamedTuple

from django.db.models import Model, QuerySet
from django.db.models.deletion import Collector
from django.db.models.fields import related_descriptors
from django.dispatch import Signal

_SAVES: Final = Model._save_table.__code__  # noqa: SLF001 - all saves end there
_DELETES: Final = Collector.delete.__code__
# Whatever is below these in the stack did not write this statement: they, or a listener, did.
_OTHERS: Final[frozenset[CodeType]] = frozenset(
    {Signal.send.__code__, Signal.send_robust.__code__, QuerySet.update.__code__}
)
_PAIRS: Final = related_descriptors.__file__
_PAIRING: Final = frozenset({"_add_items", "_remove_items", "clear"})


class Origin(NamedTuple):
    """`kind` is save (of `instance`), delete, pairs (of a many-to-many relation) or other."""

    kind: str
    instance: Any = None


def of(frame: FrameType | None) -> Origin:
    """Whose statement is run beneath this frame. A deletion of pairs is theirs."""
    found = Origin("other")
    while frame is not None:
        code = frame.f_code
        if code is _SAVES:
            return Origin("save", frame.f_locals["self"])
        if code is _DELETES:
            found = Origin("delete")
        elif code in _OTHERS:
            return found
        elif code.co_name in _PAIRING and code.co_filename == _PAIRS:
            return Origin("pairs")
        frame = frame.f_back
    return found
