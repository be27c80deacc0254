"""Calls by urllib3: `watch(urllib3.PoolManager())`, or a pool. Each attempt of a retry is an event.

What goes over a wire is known to the connection, what it is for to the pool. So both are given a subclass:
the pool's says in a context variable what is asked for, the connection's records what comes of it.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import urllib3

from sealtrail.capture import recorder
from sealtrail.outgoing.call import Outgoing
from sealtrail.outgoing.hosts import Hosts
from sealtrail.outgoing.peer import NOBODY, Peer, peer_of

M = TypeVar("M", bound="urllib3.PoolManager | urllib3.HTTPConnectionPool")


def watch(manager: M, *, propagate_to: Iterable[str] | None = None) -> M:
    """Record what a PoolManager, ProxyManager or pool sends; returns it. Connections that are open already
    are not seen. A second call changes nothing. `propagate_to` as for httpx.
    """
    return watched(manager, Hosts(propagate_to))


def watched(manager: M, hosts: Hosts) -> M:
    """The same for hosts that are read already."""
    if isinstance(manager, urllib3.HTTPConnectionPool):
        if not isinstance(manager, _Pool):
            manager.__class__ = _watched_pool(type(manager), hosts)
        return manager
    inner = cast("Any", manager)
    inner.pool_classes_by_scheme = {
        scheme: kind if issubclass(kind, _Pool) else _watched_pool(kind, hosts)
        for scheme, kind in inner.pool_classes_by_scheme.items()
    }
    for key in inner.pools.keys():  # noqa: SIM118 - this container cannot be iterated
        pool = inner.pools.get(key)
        if pool is not None and not isinstance(pool, _Pool):
            pool.__class__ = _watched_pool(type(pool), hosts)
    return manager


class _Asked(NamedTuple):
    """What the pool is about to send. `url` is whole where a proxy is asked for it."""

    method: str
    scheme: str
    host: str
    port: int | None
    url: str
    proxied: bool


_asked: ContextVar[_Asked | None] = ContextVar("sealtrail_asked", default=None)
# The other side may answer a request that it did not want to read: urllib3 then reads the answer.
_STILL_ANSWERED: Final = frozenset({errno.EPIPE, errno.ECONNRESET, getattr(errno, "EPROTOTYPE", -1)})


class _Pool:
    """In front of a class of pools."""

    def urlopen(self, method: str, url: str, *args: Any, **kwargs: Any) -> Any:
        pool = cast("Any", self)
        token = _asked.set(_Asked(method, pool.scheme, pool.host, pool.port, url, pool.proxy is not None))
        try:
            return super().urlopen(method, url, *args, **kwargs)  # type: ignore[misc]  # of the pool it fronts
        finally:
            _asked.reset(token)


class _Connection:
    """In front of a class of connections."""

    sealtrail_hosts: Hosts
    sealtrail_call: Outgoing | None = None
    sealtrail_peer: Peer = NOBODY

    def connect(self) -> None:
        call = self._begun()
        try:
            super().connect()  # type: ignore[misc]  # of the connection it fronts
        except BaseException as error:
            self._broken(call, error)
            raise
        try:
            self.sealtrail_peer = _peer(self)
        except Exception:
            recorder.default().failed()

    def request(self, method: str, url: str, body: Any = None, headers: Any = None, **kwargs: Any) -> None:
        call = self._begun()
        if call is not None:
            headers = _with_ours(call, headers, body, self.sealtrail_hosts)
        try:
            super().request(method, url, body, headers, **kwargs)  # type: ignore[misc]
        except BaseException as error:
            if not (isinstance(error, OSError) and error.errno in _STILL_ANSWERED):
                self._broken(call, error)
            raise

    def getresponse(self) -> Any:
        call = self.sealtrail_call
        try:
            response = super().getresponse()  # type: ignore[misc]
        except BaseException as error:
            self._broken(call, error)
            raise
        self.sealtrail_call = None
        if call is not None:
            try:
                _answered(call, response, self.sealtrail_peer)
            except Exception:
                call.recorder.failed()
        return response

    def _begun(self) -> Outgoing | None:
        """The call that is under way; a new one if the pool has asked for one."""
        asked = _asked.get()
        if asked is None or self.sealtrail_call is not None:
            return self.sealtrail_call
        try:
            scheme, host, port, target = asked.scheme, asked.host, asked.port, asked.url
            if not target.startswith("/"):
                # To a proxy that is asked for the whole.
                parts = urlsplit(target)
                scheme, host, port = parts.scheme or scheme, parts.hostname or host, parts.port
                target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
            call = self.sealtrail_call = Outgoing(asked.method, scheme, host, port, target)
            call.proxied = asked.proxied
        except Exception:
            recorder.default().failed()
            return None
        return call

    def _broken(self, call: Outgoing | None, error: BaseException) -> None:
        self.sealtrail_call = None
        if call is not None:
            call.failed(error)
            call.finish()


class _Body:
    """In front of a class of responses: it is over once its bytes are read, or it is given up."""

    sealtrail_call: Outgoing
    sealtrail_chunks = 0
    # urllib3 gives a connection back before it has counted what it read last.
    sealtrail_reading = False

    def read(self, *args: Any, **kwargs: Any) -> Any:
        with _reading(self):
            return super().read(*args, **kwargs)  # type: ignore[misc]  # of the response it fronts

    def read1(self, *args: Any, **kwargs: Any) -> Any:
        with _reading(self):
            return super().read1(*args, **kwargs)  # type: ignore[misc]

    def read_chunked(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        with _reading(self):
            yield from super().read_chunked(*args, **kwargs)  # type: ignore[misc]

    def _handle_chunk(self, *args: Any) -> Any:
        made = super()._handle_chunk(*args)  # type: ignore[misc]
        self.sealtrail_chunks += len(made)  # of which urllib3 itself keeps no count
        return made

    def release_conn(self) -> None:
        _over(self)
        super().release_conn()  # type: ignore[misc]

    def close(self) -> None:
        _over(self)
        super().close()  # type: ignore[misc]


@contextmanager
def _reading(response: _Body) -> Iterator[None]:
    before, response.sealtrail_reading = response.sealtrail_reading, True
    try:
        yield
    except GeneratorExit:
        raise
    except BaseException as error:
        response.sealtrail_call.failed(error)
        raise
    finally:
        response.sealtrail_reading = before
        if cast("Any", response).closed or response.sealtrail_call.is_broken:
            _over(response)


def _over(response: _Body) -> None:
    if response.sealtrail_reading:
        return
    call = response.sealtrail_call
    try:
        there = cast("Any", response)
        left = there.length_remaining
        call.whole = not left if left is not None else there.closed
        call.finish(max(there.tell(), response.sealtrail_chunks))
    except Exception:
        call.recorder.failed()


def _with_ours(call: Outgoing, headers: Any, body: Any, hosts: Hosts) -> Any:
    """The headers to send: the caller's own, as they are, where there is nothing to add."""
    try:
        given: Mapping[Any, Any] = headers if headers is not None else {}
        sent = {_text(name).lower(): _text(value) for name, value in given.items()}
        added = call.headers(sent, hosts)
        if call.length is None and isinstance(body, bytes | bytearray | str):
            call.length = len(body) if not isinstance(body, str) else len(body.encode())
        if not added:
            return headers
        made = given.copy() if isinstance(given, urllib3.HTTPHeaderDict) else dict(given)
        made.update(added)
    except Exception:
        call.recorder.failed()
        return headers
    return made


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _answered(call: Outgoing, response: Any, peer: Peer) -> None:
    call.peer = peer
    version = response.version
    call.answered(response.status, response.headers, f"{version // 10}.{version % 10}" if version else "")
    if response.closed:
        call.finish(response.tell())
        return
    call.whole = False
    response.sealtrail_call = call
    response.__class__ = _watched_body(type(response))


def _peer(connection: Any) -> Peer:
    sock = connection.sock
    address = "" if connection.proxy is not None else str(sock.getpeername()[0])
    return peer_of(
        address,
        sock if callable(getattr(sock, "getpeercert", None)) else None,
        verified=connection.is_verified,
    )


# One subclass for each class and each list of hosts; applications have few of either.
_bodies: dict[type, type] = {}


def _watched_body(kind: type) -> type:
    made = _bodies.get(kind)
    if made is None:
        made = _bodies[kind] = _named(kind, type(kind.__name__, (_Body, kind), {}))
    return made


def _watched_pool(kind: type, hosts: Hosts) -> type:
    connection = cast("Any", kind).ConnectionCls
    watched = _named(
        connection, type(connection.__name__, (_Connection, connection), {"sealtrail_hosts": hosts})
    )
    return _named(kind, type(kind.__name__, (_Pool, kind), {"ConnectionCls": watched}))


def _named(kind: type, made: type) -> type:
    """What is printed of an object stays what it was."""
    made.__module__, made.__qualname__ = kind.__module__, kind.__qualname__
    return made
