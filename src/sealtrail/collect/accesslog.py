r"""Apache and nginx access lines, `common` and `combined`. Pure: a line in, fields or an error out.

What a server writes between quotation marks is not what the client sent: a quotation mark, a backslash and
every byte that does not print stand there escaped (`\"`, `\\`, `\n`, `\xNN`). They are turned back into the
bytes the client sent. Those are read as UTF-8; where they are not UTF-8, as Latin-1, which loses nothing and
is noted.

A request that is not METHOD TARGET PROTOCOL (a TLS handshake on the plain port, a scanner's garbage, `-`
where the client never spoke) is still an event: it is often the one that matters.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import unquote_to_bytes

from sealtrail.errors import EventError
from sealtrail.event import Fields
from sealtrail.event.entry import stamp
from sealtrail.event.fields import ECS_VERSION, SCHEMA_VERSION
from sealtrail.event.limits import MAX_INTEGER

# Possessive, so that a hostile line costs one pass.
_QUOTED: Final = rb'[^"\\]*+(?:\\.[^"\\]*+)*+'

_CLOCK: Final = rb":(?P<hour>\d\d):(?P<minute>\d\d):(?P<second>\d\d)"
_OFFSET: Final = rb"(?P<sign>[+-])(?P<ahead>\d\d)(?P<minutes>\d\d)"

# (what is read, what a reader of the error is told). One expression for speed; the parts find the column.
_COMMON_PARTS: Final = (
    (rb"(?P<host>\S++) ", "an address or a host name, and a space"),
    (rb"\S++ ", "an identity, usually `-`, and a space"),
    (
        rb"(?P<user>.*?) (?=\[\d\d/[A-Za-z]{3}/\d{4}:)",
        "a user or `-`, then a time such as [17/May/2015:10:05:03 +0000]",
    ),
    (
        rb"\[(?P<day>\d\d)/(?P<month>[A-Za-z]{3})/(?P<year>\d{4})" + _CLOCK + rb" " + _OFFSET + rb"\] ",
        "a time such as [17/May/2015:10:05:03 +0000], and a space",
    ),
    (rb'"(?P<request>' + _QUOTED + rb')" ', "the request in quotation marks, and a space"),
    (rb"(?P<status>\d{3}|-) ", "a status of three digits or `-`, and a space"),
    (rb"(?P<size>\d{1,16}+|-)", "a number of bytes or `-`"),
)
# The last value may lack its closing mark: a server that is cut off in mid-line, or cuts long lines itself.
_COMBINED_PARTS: Final = (
    *_COMMON_PARTS,
    (rb' "(?P<referrer>' + _QUOTED + rb')"', "a space and the referrer in quotation marks"),
    (rb' "(?P<agent>' + _QUOTED + rb')(?P<closed>"|\Z)', "a space and the user agent in quotation marks"),
    (rb"(?P<rest>(?: .*)?)\Z", "the end of the line, or a space before further values"),
)
_END: Final = ((rb"\s*\Z", "the end of the line"),)


def _whole(parts: tuple[tuple[bytes, str], ...]) -> re.Pattern[bytes]:
    return re.compile(b"".join(part for part, _ in parts), re.DOTALL)


def _steps(parts: tuple[tuple[bytes, str], ...]) -> tuple[tuple[re.Pattern[bytes], str], ...]:
    return tuple((re.compile(part, re.DOTALL), expected) for part, expected in parts)


_COMMON: Final = _whole(_COMMON_PARTS + _END)
_COMMON_STEPS: Final = _steps(_COMMON_PARTS + _END)
_COMBINED: Final = _whole(_COMBINED_PARTS)
_COMBINED_STEPS: Final = _steps(_COMBINED_PARTS)

_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        (b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"), 1
    )
}
_LONGEST_ADDRESS: Final = 64
_OLDEST: Final = datetime(1970, 1, 1, tzinfo=UTC)

# RFC 9110 and PATCH. Names of methods are case-sensitive.
METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_PROTOCOL: Final = re.compile(r"HTTP/(\d(?:\.\d)?)")
_ABSOLUTE: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,20})://([^/?#]*)(.*)", re.DOTALL)
_PORT: Final = re.compile(r":\d*\Z")

_ESCAPE: Final = re.compile(rb"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_PLAIN_ESCAPES: Final = {
    b'"': b'"',
    b"\\": b"\\",
    b"n": b"\n",
    b"t": b"\t",
    b"r": b"\r",
    b"b": b"\b",
    b"f": b"\f",
    b"v": b"\v",
}

_NONE: Final = (b"-", b"")


def common(line: bytes) -> Fields:
    """Fields of a line in the common log format. Raises EventError `event.unreadable-line`."""
    return _parse(line, _COMMON, _COMMON_STEPS)


def combined(line: bytes) -> Fields:
    """Fields of a line in the combined log format; values after the user agent are kept as details."""
    return _parse(line, _COMBINED, _COMBINED_STEPS)


def _parse(line: bytes, whole: re.Pattern[bytes], steps: tuple[tuple[re.Pattern[bytes], str], ...]) -> Fields:
    notes: list[str] = []
    text = line.lstrip(b"\0")
    if len(text) != len(line):
        # A log that was truncated under its writer begins with a hole; the line behind it is good.
        notes.append("line.nul")
    found = whole.match(text)
    if found is None:
        raise _misfit(text, steps, len(line) - len(text))
    got = found.groupdict()
    fields: Fields = {
        "@timestamp": _time(got, found.start("day") + len(line) - len(text)),
        "sealtrail.kind": "request",
        "event.kind": "event",
        "event.category": ["web"],
        "event.type": ["access"],
        "event.action": "http.request",
        "ecs.version": ECS_VERSION,
        "sealtrail.schema": SCHEMA_VERSION,
        "sealtrail.import": True,
    }
    host = _text(got["host"], "client", notes)
    # What is remembered is bounded: an address is short, and names come from whoever owns them.
    name, address = _address(host) if len(host) <= _LONGEST_ADDRESS else ("client.address", host)
    fields[name] = address
    _status(got["status"], fields)
    if got["user"] not in _NONE and got["user"] != b'""':
        if got["status"] == b"401":
            # Only tried, not proved: people type passwords there, so the text does not enter the record.
            fields["sealtrail.redacted"] = ["user.name:attempted"]
        else:
            fields["user.name"] = _text(got["user"], "user.name", notes)
    if got["request"] in _NONE:
        notes.append("request.missing")
    else:
        _request(_text(got["request"], "url.original", notes), fields, notes)
    # CLF writes `-` rather than 0 where no body was sent.
    size = 0 if got["size"] == b"-" else int(got["size"])
    if size > MAX_INTEGER:
        raise _fault(found.start("size") + len(line) - len(text), "expected at most 2^53 bytes")
    fields["http.response.body.bytes"] = size
    if "referrer" in got:
        _combined_values(got, fields, notes)
    if notes:
        fields["sealtrail.notes"] = notes
    return fields


def _combined_values(got: dict[str, bytes], fields: Fields, notes: list[str]) -> None:
    if got["referrer"] not in _NONE:
        fields["http.request.referrer"] = _text(got["referrer"], "http.request.referrer", notes)
    if got["agent"] not in _NONE:
        fields["user_agent.original"] = _text(got["agent"], "user_agent.original", notes)
    if not got["closed"]:
        notes.append("line.unterminated")
    if got["rest"].strip():
        fields["sealtrail.details"] = {"rest": _text(got["rest"].strip(), "sealtrail.details", notes)}
        notes.append("line.rest")


def _misfit(line: bytes, steps: tuple[tuple[re.Pattern[bytes], str], ...], shift: int) -> EventError:
    at = 0
    for pattern, expected in steps:
        found = pattern.match(line, at)
        if found is None:
            return _fault(at + shift, f"expected {expected}")
        at = found.end()
    # The parts fit one by one where the whole does not: a user's name that looks like a time.
    return _fault(shift, "the line does not have the format")


def _fault(at: int, what: str) -> EventError:
    return EventError("event.unreadable-line", what, path=f"column {at + 1}")


def _time(got: dict[str, bytes], at: int) -> str:
    try:
        local = datetime(
            int(got["year"]),
            _MONTHS[got["month"]],
            int(got["day"]),
            int(got["hour"]),
            int(got["minute"]),
            int(got["second"]),
            tzinfo=UTC,
        )
        ahead, minutes = int(got["ahead"]), int(got["minutes"])
        if ahead > 23 or minutes > 59:
            raise ValueError("offset")  # noqa: TRY301
        offset = timedelta(hours=ahead, minutes=minutes)
        moment = local - offset if got["sign"] == b"+" else local + offset
        if moment < _OLDEST:
            raise ValueError("before 1970")  # noqa: TRY301
    except (ValueError, KeyError, OverflowError):
        raise _fault(at, "expected a time that exists, 1970 or later") from None
    return stamp(moment)


@lru_cache(maxsize=4096)
def _address(host: str) -> tuple[str, str]:
    """ECS: an address goes to client.ip; a name that the server looked up goes to client.address."""
    try:
        address = ip_address(host)
    except ValueError:
        return "client.address", host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return "client.ip", str(address)


def _status(raw: bytes, fields: Fields) -> None:
    status = int(raw) if raw.isdigit() else 0
    if status == 0:  # `-` and nginx's 000: no response was begun
        fields["event.outcome"] = "unknown"
        return
    fields["event.outcome"] = "failure" if status >= 400 else "success"
    fields["http.response.status_code"] = status


def _request(text: str, fields: Fields, notes: list[str]) -> None:
    """METHOD TARGET PROTOCOL. What is not that is kept whole as url.original, with a note."""
    method, _, tail = text.partition(" ")
    target, _, last = tail.rpartition(" ")
    protocol = _PROTOCOL.fullmatch(last)
    target = target.strip(" ")
    if protocol is not None and target and _TOKEN.fullmatch(method):
        fields["http.version"] = protocol[1]
    elif protocol is None and method in METHODS and tail.startswith("/") and " " not in tail:
        target = tail  # HTTP/0.9 names no protocol
        fields["http.version"] = "0.9"
    else:
        fields["url.original"] = text
        notes.append("request.malformed")
        return
    if method in METHODS:
        fields["http.request.method"] = method
    else:
        fields["http.request.method"] = "_OTHER"
        fields["http.request.method_original"] = method
    if " " in target:
        notes.append("url.space")
    _target(method, target, fields, notes)


def _target(method: str, target: str, fields: Fields, notes: list[str]) -> None:
    fields["url.original"] = target
    if method == "CONNECT":
        fields["url.domain"] = _domain(target)
        return
    if target == "*":
        return
    local = target
    absolute = None if target.startswith("/") else _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        fields["url.scheme"] = absolute[1].lower()
        fields["url.domain"] = _domain(absolute[2])
        local = absolute[3] or "/"
    path, mark, query = local.partition("?")
    if mark:
        fields["url.query"] = query
    if "%" in path:
        path = _decoded(unquote_to_bytes(path), "url.path", notes)
    fields["url.path"] = path


def _domain(authority: str) -> str:
    return _PORT.sub("", authority.rpartition("@")[2]).lower()


def _text(raw: bytes, name: str, notes: list[str]) -> str:
    if b"\\" in raw:
        raw = _ESCAPE.sub(_unescape, raw)
    return _decoded(raw, name, notes)


def _unescape(found: re.Match[bytes]) -> bytes:
    escape = found[1]
    if len(escape) == 3:
        return bytes((int(escape[1:], 16),))
    return _PLAIN_ESCAPES.get(escape, found[0])


def _decoded(raw: bytes, name: str, notes: list[str]) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        notes.append(f"{name}:latin-1")
        return raw.decode("latin-1")
