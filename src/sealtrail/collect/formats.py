"""The formats a file can be read as, and how `auto` chooses among them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sealtrail.collect.accesslog import combined, common
from sealtrail.collect.foreign import read_object
from sealtrail.errors import EventError, UsageError
from sealtrail.event import Fields

Parser = Callable[[bytes], Fields]
"""One line without its end, to fields. Raises EventError, whose path is a column or a `$.path`."""

PARSERS: Final[Mapping[str, Parser]] = MappingProxyType(
    {"combined": combined, "common": common, "ndjson": read_object}
)
AUTO: Final = "auto"

# Enough to outvote a torn first line, few enough to stay within what is read for the file's identity.
SAMPLE_LINES: Final = 20


def parser(name: str) -> Parser:
    """The parser of a named format; `auto` judges every line by itself."""
    if name == AUTO:
        return any_format
    try:
        return PARSERS[name]
    except KeyError:
        raise UsageError(
            "usage.argument",
            f"there is no format {name!r}",
            hint=f"Formats are {AUTO}, {', '.join(sorted(PARSERS))}.",
        ) from None


def detect(lines: Sequence[bytes]) -> str:
    """The one format these lines have, else `auto`: then every line is judged by itself.

    No line has two of the formats, so the choice only decides how a misfit is explained: by the format the
    file clearly has (the only one that fits, and at least every other line does), or by all of them.
    """
    sample = [line for line in lines if line.strip()][:SAMPLE_LINES]
    fits = {name: sum(_fits(parse, line) for line in sample) for name, parse in PARSERS.items()}
    found = [name for name, count in fits.items() if count]
    return found[0] if len(found) == 1 and 2 * fits[found[0]] >= len(sample) else AUTO


def any_format(line: bytes) -> Fields:
    """Fields of a line in whichever format it has. The error of a misfit names what each format missed."""
    missed: list[str] = []
    path = "$"
    # Whoever writes objects means an object: the path and code of that error say more than a column.
    if line.lstrip(b"\0\xef\xbb\xbf \t").startswith(b"{"):
        return read_object(line)
    for name, parse in (("combined", combined), ("common", common)):
        try:
            return parse(line)
        except EventError as error:
            missed.append(f"{error.what} for {name}")
            path = error.path
    missed.append("expected `{` for ndjson")
    raise EventError(
        "event.unreadable-line", f"the line has no format we read: {'; '.join(missed)}", path=path
    )


def _fits(parse: Parser, line: bytes) -> bool:
    try:
        parse(line)
    except EventError:
        return False
    return True
