"""The line of an ordinary request, put together of parts that were encoded before.

Most requests resemble one another: the same callers, routes and answers. What repeats is cleaned, encoded and
remembered as a part of a line; what differs each time, such as ids and times, needs no escaping. A request
with anything to clean, to note or to explain is no ordinary one: `exchange.record` makes its event field by
field. Both give the same bytes, which tests/capture/test_ordinary.py holds them to.

Whatever is remembered was chosen by clients, so it is clean, short, and bounded in number.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from time import perf_counter_ns
from typing import TYPE_CHECKING, Any, Final, TypeVar

from sealtrail import scrub
from sealtrail.capture.context import NO_OBJECT, NOBODY, Actor
from sealtrail.capture.ids import written
from sealtrail.event.codec import encode
from sealtrail.event.model import Api, Request

if TYPE_CHECKING:
    from sealtrail.capture.exchange import Exchange

METHODS: Final = frozenset(
    {"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "QUERY"}
)
CATEGORY: Final = ("web", "api")
ALLOWED: Final = ("access", "allowed")
DENIED: Final = ("access", "denied")

MAX_HEADER: Final = 1024  # characters of a header or a route; longer ones are cut
MAX_SHORT: Final = 256  # characters of a host, a media type
MAX_TARGET: Final = 1024  # characters; a longer target is made field by field

# Of each kind of part.
_MAX_KNOWN: Final = 2048

# A target of characters that JSON does not escape, with segments in which no secret's shape finds room.
_PLAIN_PATH: Final = re.compile(r"(?:/[A-Za-z0-9_.~-]{0,10})*+", re.ASCII)
_UNESCAPED: Final = re.compile(r"[ !#-\[\]-~]*", re.ASCII)

K = TypeVar("K")
V = TypeVar("V")


class _Parts(dict[K, V | None]):
    """Parts of lines by what they say. A key that makes no ordinary part gives None, and is not kept."""

    def __init__(self, make: Callable[[K], V | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: K) -> V | None:
        made = self._make(key)
        if made is not None:
            if len(self) >= _MAX_KNOWN:
                self.clear()
            self[key] = made
        return made


# What every event says first, and how many bytes of a line it is, without the brace that closes it.
_FIRST: Final = ("", "", "request", "event", CATEGORY, ALLOWED, "http.request", "")
_BEFORE: Final = len(encode(Request(*_FIRST))) - 1


def _part(**fields: Any) -> str:
    """The named fields of a request as they stand in its line, with the comma before them."""
    return encode(Request(*_FIRST, **fields))[_BEFORE:-1].decode()


def _is_clean(text: str, limit: int) -> bool:
    return not text or (len(text) <= limit and text.isascii() and scrub.is_clean(text))


def _answer(key: tuple[int, str]) -> tuple[str, str] | None:
    """From the event's id to the start of the request; status and media type, up to the number of bytes."""
    status, mime = key
    kind = media_type(mime)
    if _by_field or status <= 0 or not _is_clean(kind, MAX_SHORT):
        return None
    allowed = DENIED if status in {401, 403} else ALLOWED
    outcome = "success" if status < 400 else "failure"
    first = ("", "", "request", "event", CATEGORY, allowed, "http.request", outcome)
    opening = encode(Request(*first, start="-")).decode()
    opening = opening[opening.index('","sealtrail.kind"') : -len('-"}')]
    return opening, _part(status=status, response_mime=kind.lower(), response_bytes=0)[:-1]


def _actor(actor: Actor) -> str:
    return _part(
        user_id=actor.user_id,
        user_name=actor.user_name,
        user_roles=actor.roles,
        effective_id=actor.effective_id,
        tenant=actor.tenant,
    )


def _client(key: tuple[str, str, str]) -> str | None:
    client, source, agent = key
    if not _is_clean(agent, MAX_HEADER):
        return None
    return _part(client_ip=client, source_ip=source, user_agent=agent)


def _site(key: tuple[str, str, str, str, str]) -> tuple[str, str] | None:
    """What stands before the target, and after it."""
    method, scheme, host, version, mime = key
    domain = without_port(host)
    kind = media_type(mime)
    if method not in METHODS or len(scheme) > 16 or not _is_clean(domain, MAX_SHORT):
        return None
    if not _is_clean(kind, MAX_SHORT) or not _is_clean(version, 16):
        return None
    return _part(method=method, scheme=scheme, domain=domain), _part(
        version=version, request_mime=kind.lower()
    )


def _query(query: str) -> str | None:
    if _UNESCAPED.fullmatch(query) is None or not scrub.is_clean_query(query):
        return None
    return _part(query=query)


def _route(route: str) -> str | None:
    return _part(route=route) if len(route) <= MAX_HEADER else None


def _referrer(referrer: str) -> str | None:
    return _part(referrer=referrer) if _is_clean(referrer, MAX_HEADER) else None


def _object(key: tuple[str, str, str]) -> str:
    kind, identity, owner = key
    return _part(object_type=kind, object_id=identity, object_owner=owner)


def part_of(api: Api) -> str:
    """What is known of a call of an API. It may differ each time, and is not remembered."""
    part = encode(api)[1:-1].decode()
    return f",{part}" if part else ""


def _is_plain(path: str) -> bool:
    """The same of a path with longer segments, such as ids."""
    return _UNESCAPED.fullmatch(path) is not None and scrub.is_clean(path)


def media_type(mime: str) -> str:
    """What stands before the parameters, as it came: in lower case no rule knows a secret any more."""
    return mime.partition(";")[0].strip()


def without_port(host: str) -> str:
    """A host alone. What stands before an @ would be a name and a password, which no host has."""
    host = host.rpartition("@")[2]
    name, _, port = host.rpartition(":")
    return name if port.isdigit() and name else host


_answers: Final = _Parts(_answer)
_actors: Final = _Parts(_actor)
_NOBODY: Final = _actor(NOBODY)
_clients: Final = _Parts(_client)
_sites: Final = _Parts(_site)
_queries: Final = _Parts(_query)
_routes: Final = _Parts(_route)
_referrers: Final = _Parts(_referrer)
_objects: Final = _Parts(_object)


_by_field = False


def forget(*, by_field: bool = False) -> None:
    """Make every part anew: what is clean has changed. `by_field`: no request is an ordinary one."""
    global _by_field  # noqa: PLW0603 - one choice for the process
    _by_field = by_field
    for parts in (_answers, _actors, _clients, _sites, _queries, _routes, _referrers, _objects):
        parts.clear()


def line(call: Exchange) -> bytes | None:
    """The line of an exchange that ended, without the closing brace; None where it is no ordinary one."""
    head = call.head
    target, path, query = head.target, head.path, head.query
    ended = call.ended
    if (
        call.error_type
        or call.notes
        or call.redacted
        or call.truncated
        or not (ended or call.is_whole)
        or not target
        or len(target) > MAX_TARGET
        or target != (f"{path}?{query}" if query else path)
        or (_PLAIN_PATH.fullmatch(path) is None and not _is_plain(path))
    ):
        return None
    answer = _answers[call.status, call.mime]
    client = _clients[call.client_ip, call.source_ip, head.user_agent]
    site = _sites[
        head.method,
        call.scheme() if head.forwarded_proto else head.scheme,
        head.host,
        head.version,
        head.mime,
    ]
    asked = _queries[query] if query else ""
    route = _routes[call.route] if call.route else ""
    referrer = _referrers[head.referrer] if head.referrer else ""
    if answer is None or client is None or site is None or asked is None or route is None or referrer is None:
        return None
    acting = call.acting() if call.asks else call.actor
    actor = _NOBODY if acting is NOBODY else _actors[acting]
    if call.notes or call.redacted or call.truncated:
        return None  # noted while the actor was looked up
    auth = f',"sealtrail.session.hash":"{call.session_hash}"' if call.session_hash else ""
    if head.authorization or head.api_key:
        scheme, digest = call.credential()
        auth = f'{auth},"sealtrail.auth.scheme":"{scheme}","sealtrail.auth.token_hash":"{digest}"'
    length = head.length
    received = int(length[:15]) if length and length.isdecimal() else call.received
    size = f',"http.request.body.bytes":{received}' if received is not None else ""
    parent = f',"parent.id":"{call.parent_id}"' if call.parent_id else ""
    took = (ended or perf_counter_ns()) - call.began
    # The end by the clock that nobody sets: the two never contradict the duration.
    start, end = written(call.started), written(call.started + took * 1e-9)
    return (
        f'{{"@timestamp":"{end}","event.id":"{call.id}{answer[0]}{start}"'
        f',"event.duration":{took}{actor}{auth}{client},"http.request.id":"{call.request_id}"'
        f',"trace.id":"{call.trace_id}","span.id":"{call.span_id}"{parent}{site[0]}'
        f',"url.original":"{target}","url.path":"{path}"{asked}{route}{site[1]}{size}{referrer}'
        f"{answer[1]}{0 if head.method == 'HEAD' else call.sent}"
        f"{'' if call.object is NO_OBJECT else _objects[call.object]}"
        f"{'' if call.api is None else part_of(call.api)}"
    ).encode()
