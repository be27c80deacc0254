"""Bodies as they go by: names of fields and the number of records, of what is JSON or a form.

Nothing is delayed, changed or read ahead. Of a document at most `MAX_HELD` bytes are held, until it is over;
of a longer one the first names are told and its records are counted while it passes.
"""

from __future__ import annotations

import re
from typing import Final, Protocol

from sealtrail.capture.watching.field_names import MAX_NAMES, Names, parsed
from sealtrail.capture.watching.records import Records, records_of

MAX_HELD: Final = 65_536  # bytes of one body that are held
MAX_COUNTED: Final = 4_194_304  # bytes of one answer in which records are counted
_MAX_BEGINNING: Final = 16_384  # bytes of a longer document in which names are looked for
_MAX_PARTS: Final = 1000  # of a form, as pairs of another one
_MAX_BROKEN: Final = 256  # lines that are no documents, each a dear error
_MAX_HEAD: Final = 4096  # bytes of the head of one part of a form
_MAX_BOUNDARY: Final = 256

_FORM: Final = "application/x-www-form-urlencoded"
_LINES: Final = frozenset({f"application/{name}" for name in ("x-ndjson", "ndjson", "jsonl", "x-jsonlines")})
_PARTS: Final = "multipart/form-data"
_BOUNDARY: Final = re.compile(r';\s*boundary=(?:"([^"]+)"|([^\s;"]+))', re.IGNORECASE)
_DISPOSITION: Final = b"content-disposition:"
_FIELD: Final = re.compile(rb';[ \t]*+name=(?:"((?:[^"\\\r\n]|\\[^\r\n])*+)"|([^\s;"]++))', re.IGNORECASE)


class Body(Protocol):
    """One body. `is_over` once it is known to be whole."""

    is_over: bool
    size: int

    def feed(self, data: bytes) -> None:
        """The next part of it."""

    def name(self, names: Names) -> bool:
        """Add its names; False where it is whole and not what it says it is."""

    def content(self) -> bytes | None:
        """All of it; None where it is too long to be held, or is never held."""

    def count(self) -> int | None:
        """How many records it holds, as far as it went; None where it holds no list."""


def is_encoded(encoding: str) -> bool:
    """Whether a Content-Encoding stands between a body and whoever looks at it."""
    return bool(encoding) and encoding.strip().lower() != "identity"


def body_of(mime: str) -> Body | None:
    """What looks at a body of this Content-Type; None where nothing does."""
    kind = mime.partition(";")[0].strip().lower()
    if kind == "application/json" or kind.endswith("+json"):
        return Json()
    if kind in _LINES:
        return Lines()
    if kind == _FORM:
        return Form()
    if kind == _PARTS:
        found = _BOUNDARY.search(mime)
        boundary = (found[1] or found[2]) if found else ""
        if 0 < len(boundary) <= _MAX_BOUNDARY:
            return Parts(boundary.encode("latin-1", "replace"))
    return None


class _Held:
    """A body of which the beginning is held."""

    size = 0
    is_over = False

    @property
    def is_uncounted(self) -> bool:
        """Whether there was more than is counted."""
        return self.size > MAX_COUNTED

    def __init__(self) -> None:
        self.size = 0
        self._held: list[bytes] = []
        self._is_long = False

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        if self._is_long:
            return
        # A view, or an array that its owner fills again, would not last.
        self._held.append(data if type(data) is bytes else bytes(data))
        if self.size > MAX_HELD:
            self._is_long = True
            self._held = [b"".join(self._held)[:MAX_HELD]]

    def content(self) -> bytes | None:
        return None if self._is_long else b"".join(self._held)

    def count(self) -> int | None:
        return None


class Json(_Held):
    """A JSON document."""

    def __init__(self) -> None:
        super().__init__()
        self._records: Records | None = None
        self._count: int | None = None

    def feed(self, data: bytes) -> None:
        counted = self.size
        super().feed(data)
        if self._is_long and counted < MAX_COUNTED:
            records = self._records
            if records is None:
                records = self._records = Records()
                records.feed(self._held[0])
                data = data[MAX_HELD - counted :]
                self._held = [self._held[0][:_MAX_BEGINNING]]
            records.feed(bytes(data[:MAX_COUNTED]))

    def name(self, names: Names) -> bool:
        data = b"".join(self._held)
        if not self._is_long:
            try:
                value = parsed(data)
                self._count = records_of(value)
                names.value(value)
            except RecursionError:
                pass  # deeper than a parser goes: what comes before that has names
            except ValueError:
                if self.is_over:
                    return False
            else:
                return True
        names.beginning(data[:_MAX_BEGINNING])
        return True

    def count(self) -> int | None:
        return self._count if self._records is None else self._records.count


class Lines(_Held):
    """A JSON document a line, each of them a record."""

    def __init__(self) -> None:
        super().__init__()
        self._ends = 0
        self._is_open = False

    def feed(self, data: bytes) -> None:
        super().feed(data)
        if not self.is_uncounted:
            self._ends += bytes(data).count(b"\n")
            self._is_open = bytes(data[-1:]) != b"\n"

    def name(self, names: Names) -> bool:
        lines = b"".join(self._held)[:_MAX_BEGINNING].splitlines()
        broken = 0
        for line in lines:
            if names.is_over or broken > _MAX_BROKEN:
                break
            try:
                names.value(parsed(line))
            except (ValueError, RecursionError):
                broken += 1
                names.beginning(line)
        return True

    def count(self) -> int | None:
        return self._ends + self._is_open


class Form(_Held):
    """An urlencoded form."""

    def name(self, names: Names) -> bool:
        names.form(b"".join(self._held), is_whole=not self._is_long)
        return True


def _field(head: bytes) -> bytes | None:
    """The name in the head of a part."""
    begin = head.lower().find(_DISPOSITION)
    if begin < 0:
        return None
    found = _FIELD.search(head[begin:].partition(b"\r\n")[0])
    if found is None:
        return None
    name: bytes = found[2] if found[1] is None else found[1]
    return name


class Parts:
    """A form of several parts, files among them: only what stands between two parts is looked at."""

    is_over = False

    def __init__(self, boundary: bytes) -> None:
        self.size = 0
        self._found: list[bytes] = []
        # The first one has no line before it.
        self._before = b"\r\n"
        self._mark = b"\r\n--" + boundary
        self._in_head = False
        self._seen = 0

    def feed(self, data: bytes) -> None:
        self.size += len(data)
        if len(self._found) > MAX_NAMES or self._seen > _MAX_PARTS:
            return
        data = self._before + data
        at = 0
        while True:
            if not self._in_head:
                found = data.find(self._mark, at)
                if found < 0:
                    # The mark may have begun in what is left.
                    self._before = data[max(at, len(data) - len(self._mark) + 1) :]
                    return
                at = found + len(self._mark)
                self._in_head = True
                self._seen += 1
                if self._seen > _MAX_PARTS:
                    self._before = b""
                    return
            # No further than a head may go: marks without end would each be a look at all that follows.
            end = data.find(b"\r\n\r\n", at, at + _MAX_HEAD + 4)
            if end < 0 and len(data) - at <= _MAX_HEAD:
                self._before = data[at:]
                return
            self._in_head = False
            # What follows the head begins with the line that ended it.
            field = _field(data[at:end]) if end >= 0 else None
            if field is not None:
                self._found.append(field)
                if len(self._found) > MAX_NAMES:
                    self._before = b""
                    return
            at = end + 2 if end >= 0 else at

    def name(self, names: Names) -> bool:
        for field in self._found:
            names.field(field)
        names.is_cut = names.is_cut or self._seen > _MAX_PARTS
        return True

    def count(self) -> int | None:
        return None

    def content(self) -> bytes | None:
        return None
