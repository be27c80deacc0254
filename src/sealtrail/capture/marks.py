"""Foreign values on their way into an event, and what was done to them: cut, scrubbed, turned into text."""

from __future__ import annotations

from typing import Any, Final

from sealtrail import scrub
from sealtrail.capture.plain import is_plain, is_plain_text
from sealtrail.event import hostile
from sealtrail.event.model import Event

MAX_KEYWORD: Final = 256  # characters of a name or id; what is cut is named in sealtrail.truncated
MAX_TEXT: Final = 1024  # characters of free text such as a header
MAX_LIST: Final = 32  # items of a list of labels or roles
_MAX_MARKS: Final = 32

# A name may well be an e-mail address; who acted on what is the point of a record.
_KEPT_IN_NAMES: Final = frozenset({"email"})
# Cut after scrubbing, so that no secret is cut into what no rule knows.
_SLACK: Final = 1024


class Marks:
    """What goes into `sealtrail.redacted`, `sealtrail.truncated` and `sealtrail.notes`."""

    # Nearly always empty: an instance costs nothing until there is something to say.
    notes: tuple[str, ...] = ()
    redacted: tuple[str, ...] = ()
    truncated: tuple[str, ...] = ()

    def note(self, *notes: str) -> None:
        self.notes += notes

    def keyword(self, field: str, value: Any, limit: int = MAX_KEYWORD) -> str:
        """A name or id for a field. E-mail addresses stay, other secrets go."""
        if value is None:
            return ""
        if is_plain_text(value):
            return value
        made, found = scrub.text(self._text(field, value, limit), field, keep=_KEPT_IN_NAMES)
        self.redacted += found
        return self._cut(field, made, limit)

    def keywords(self, field: str, values: Any, most: int = MAX_LIST) -> tuple[str, ...]:
        """Names for a field that holds several; one text counts as a list of one."""
        if values is None:
            return ()
        if isinstance(values, str | bytes):
            values = (values,)
        try:
            items = [item for item, _ in zip(values, range(most + 1), strict=False)]
        except Exception:  # an iterable's own code may raise anything
            self.note("value.unprintable")
            return ()
        if len(items) > most:
            self.truncated += (field,)
        return tuple(self.keyword(field, item) for item in items[:most])

    def text(self, field: str, value: Any, limit: int = MAX_TEXT) -> str:
        """Free text for a field, without any secret."""
        if is_plain_text(value):
            return value
        made, found = scrub.text(self._text(field, value, limit), field)
        self.redacted += found
        return self._cut(field, made, limit)

    def query(self, field: str, value: str, limit: int) -> str:
        made, found = scrub.query(self._text(field, value, limit), field)
        self.redacted += found
        return self._cut(field, made, limit)

    def url(self, field: str, value: str, limit: int) -> str:
        made, found = scrub.url(self._text(field, value, limit), field)
        self.redacted += found
        return self._cut(field, made, limit)

    def details(self, field: str, value: Any) -> Any:
        """Any value without any secret, bounded; None stays None.

        It is a copy where anything had to be done, else the value itself, which is written before the
        application goes on.
        """
        if value is None or is_plain(value):
            return value
        made, found = scrub.details(self.plain(field, value), field)
        self.redacted += found
        return made

    def plain(self, field: str, value: Any) -> Any:
        """A bounded copy of any value, not scrubbed."""
        notes: list[str] = []
        made = hostile.plain(value, notes)
        self._note(field, notes)
        return made

    def _text(self, field: str, value: Any, limit: int) -> str:
        if type(value) is str and len(value) <= limit and value.isascii():
            return value
        notes: list[str] = []
        made = hostile.text(value, limit + _SLACK, notes)
        self._note(field, notes)
        return made

    def _cut(self, field: str, made: str, limit: int) -> str:
        if len(made) <= limit:
            return made
        self.truncated += (field,)
        return made[:limit]

    def _note(self, field: str, notes: list[str]) -> None:
        for note in notes:
            if note == hostile.CUT:
                self.truncated += (field,)
            else:
                self.note(note)

    def put(self, event: Event) -> None:
        """Write the marks into an event."""
        if self.redacted:
            event.redacted = list(dict.fromkeys(self.redacted))[:_MAX_MARKS]
        if self.truncated:
            event.truncated = list(dict.fromkeys(self.truncated))[:_MAX_MARKS]
        if self.notes:
            event.notes = list(dict.fromkeys(self.notes))[:_MAX_MARKS]
