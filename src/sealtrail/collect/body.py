"""A request's body to the pieces that should each be one event. Pure, and bounded whatever the body is.

Errors are EventErrors with a `body.*` code; `web.answers` has the HTTP status of each.
"""

from __future__ import annotations

import zlib
from typing import Final

import msgspec
import zstandard

from sealtrail.errors import EventError

# None, because many a small client sends none; all are read as NDJSON or, where it begins with `[`, an array.
MEDIA_TYPES: Final = frozenset(
    {
        "",
        "application/json",
        "application/jsonl",
        "application/jsonlines",
        "application/ndjson",
        "application/octet-stream",
        "application/x-jsonlines",
        "application/x-ndjson",
        "text/plain",
    }
)
_CHARSETS: Final = frozenset({"", "utf-8", "utf8", "us-ascii"})

# A zstd frame may ask its reader for a window of gigabytes; RFC 8878 recommends support of 8 MiB.
_ZSTD_WINDOW: Final = 8 * 1024 * 1024

# What is left after each compressed member is copied, so a body of many tiny ones would cost its square.
_MEMBERS: Final = 64

_TYPE_HINT: Final = "Use application/x-ndjson for one object a line, application/json for an array; UTF-8."
# What curl says of --data where nobody says otherwise; read as it is meant, it would be one event or none.
_FORM: Final = "application/x-www-form-urlencoded"
_FORM_HINT: Final = (
    "Say what it is: `curl --data-binary @FILE -H 'Content-Type: application/x-ndjson'`; "
    "-d alone sends a form, without its line ends."
)

_BOM: Final = b"\xef\xbb\xbf"

Piece = tuple[int, bytes]
"""Its number from 1 (the line, or the place in the array) and its bytes."""


def pieces(body: bytes, *, content_type: str = "", content_encoding: str = "", limit: int) -> list[Piece]:
    """The non-blank lines of a body, or the elements of its one array. `limit` is in decompressed bytes."""
    _check_type(content_type)
    data = decompressed(body, content_encoding, limit).removeprefix(_BOM)
    start = data[:4096].lstrip()[:1] or data.lstrip()[:1]
    if start == b"[":
        return _elements(data)
    if start == b"{" and _media_type(content_type) == "application/json":
        whole = _one_object(data)
        if whole is not None:
            return [(1, whole)]
    lines = enumerate(data.split(b"\n"), 1)
    return [(number, line.rstrip(b"\r")) for number, line in lines if line and not line.isspace()]


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """The body without its Content-Encoding. Never holds more than `limit` bytes and one buffer."""
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        data = body
    elif name in {"gzip", "x-gzip"}:
        data = _gunzip(body, limit)
    elif name == "zstd":
        data = _unzstd(body, limit)
    else:
        raise EventError(
            "body.media-type",
            f"Content-Encoding {encoding[:60]!r} is not read here",
            hint="Use gzip, zstd or none.",
        )
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _gunzip(body: bytes, limit: int) -> bytes:
    """All members, one after the other, as RFC 1952 has it."""
    parts: list[bytes] = []
    size = 0
    rest = body
    for _ in range(_MEMBERS):
        if not rest:
            break
        member = zlib.decompressobj(wbits=31)
        try:
            part = member.decompress(rest, limit + 1 - size)
        except zlib.error as error:
            raise _broken("gzip", str(error)) from None
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        if not member.eof:
            raise _broken("gzip", "it ends too early")
        rest = member.unused_data
    if rest:
        raise _broken("gzip", f"it has more than {_MEMBERS} members")
    return b"".join(parts)


def _unzstd(body: bytes, limit: int) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
        body, read_across_frames=True
    )
    try:
        data = reader.read(limit + 1)
    except zstandard.ZstdError as error:
        raise _broken("zstd", str(error)) from None
    if len(data) <= limit:
        _check_frames(body)
    return data


def _check_frames(body: bytes) -> None:
    """Refuse a frame that is cut: reading one gives what it had and no error. Its content is known to fit."""
    rest = body
    for _ in range(_MEMBERS):
        if not rest:
            return
        frame = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
        try:
            frame.decompress(rest)
        except zstandard.ZstdError as error:
            raise _broken("zstd", str(error)) from None
        if not frame.eof:
            raise _broken("zstd", "it ends too early")
        rest = frame.unused_data
    if rest:
        raise _broken("zstd", f"it has more than {_MEMBERS} frames")


def _elements(data: bytes) -> list[Piece]:
    """Each element's own bytes, so that it is judged as it was written."""
    try:
        return [(place, bytes(raw)) for place, raw in enumerate(_array(data), 1)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EventError(
            "body.unreadable",
            f"the body begins with `[` and is not one JSON array: {error}",
            hint="Send one JSON array, or one object a line.",
        ) from None


def _one_object(data: bytes) -> bytes | None:
    """The body, where it is a single object, possibly printed over many lines."""
    try:
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return data.strip()


_array: Final = msgspec.json.Decoder(list[msgspec.Raw]).decode


def _check_type(content_type: str) -> None:
    if _media_type(content_type) not in MEDIA_TYPES or _charset(content_type) not in _CHARSETS:
        raise EventError(
            "body.media-type",
            f"Content-Type {content_type[:60]!r} is not read here",
            hint=_FORM_HINT if _media_type(content_type) == _FORM else _TYPE_HINT,
        )


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _charset(content_type: str) -> str:
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            return value.strip().strip('"').lower()
    return ""


def _too_large(limit: int) -> EventError:
    return EventError(
        "body.too-large",
        f"the body has more than {limit:,} bytes",
        hint="Send smaller batches, or raise body-bytes under [intake] in settings.toml.",
    )


def _broken(name: str, why: str) -> EventError:
    return EventError("body.unreadable", f"the body is not whole {name} data: {why}")
