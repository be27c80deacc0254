"""Calls by httpx: `client = watch(httpx.Client())`, or `httpx.Client(transport=Transport())`."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Final, TypeVar, cast
from weakref import WeakKeyDictionary

import httpx

from sealtrail.capture import recorder
from sealtrail.outgoing.call import Outgoing
from sealtrail.outgoing.hosts import Hosts
from sealtrail.outgoing.peer import Peer, peer_of

C = TypeVar("C", httpx.Client, httpx.AsyncClient)


class Transport(httpx.BaseTransport):
    """Around another transport, by default httpx's own: each request through it is an event.

    `propagate_to`: hosts that are told of the trace, `*.example.com` for all below one; all where it is left
    out. Nothing here raises but what the other transport does.
    """

    def __init__(
        self, transport: httpx.BaseTransport | None = None, *, propagate_to: Iterable[str] | None = None
    ) -> None:
        self._transport = httpx.HTTPTransport() if transport is None else transport
        self._hosts = Hosts(propagate_to)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        call = _begun(request, self._hosts)
        if call is None:
            return self._transport.handle_request(request)
        try:
            response = self._transport.handle_request(request)
        except BaseException as error:
            _broken(call, error)
            raise
        return _answered(call, response)

    def close(self) -> None:
        self._transport.close()


class AsyncTransport(httpx.AsyncBaseTransport):
    """The same for asynchronous clients."""

    def __init__(
        self, transport: httpx.AsyncBaseTransport | None = None, *, propagate_to: Iterable[str] | None = None
    ) -> None:
        self._transport = httpx.AsyncHTTPTransport() if transport is None else transport
        self._hosts = Hosts(propagate_to)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        call = _begun(request, self._hosts)
        if call is None:
            return await self._transport.handle_async_request(request)
        try:
            response = await self._transport.handle_async_request(request)
        except BaseException as error:
            _broken(call, error)
            raise
        return _answered(call, response)

    async def aclose(self) -> None:
        await self._transport.aclose()


def watch(client: C, *, propagate_to: Iterable[str] | None = None) -> C:
    """Record what a client sends, through whichever transports and proxies it has; returns the client.

    A second call for the same client changes nothing. Raises UsageError for `propagate_to` that is one text.
    """
    hosts = Hosts(propagate_to)
    inner = cast("Any", client)
    wrapper: Any = Transport if isinstance(inner, httpx.Client) else AsyncTransport

    def wrapped(transport: Any) -> Any:
        # None among the mounts means: as if there were no mount.
        if transport is None or isinstance(transport, wrapper):
            return transport
        made = wrapper(transport)
        made._hosts = hosts  # noqa: SLF001 - what can be iterated once was
        return made

    # httpx has no other way to what it makes of its arguments `proxy`, `verify` and `mounts`.
    inner._transport = wrapped(inner._transport)  # noqa: SLF001
    inner._mounts = {pattern: wrapped(one) for pattern, one in inner._mounts.items()}  # noqa: SLF001
    return client


def event_hooks(*, propagate_to: Iterable[str] | None = None) -> dict[str, list[Callable[..., Any]]]:
    """Hooks for `httpx.Client(event_hooks=...)`, where transports are somebody else's.

    They see the head of a response alone: no calls that fail, and no bytes. A client that has them must not
    be watched as well.
    """
    hosts = Hosts(propagate_to)

    def sent(request: httpx.Request) -> None:
        call = _begun(request, hosts)
        if call is not None:
            request.extensions[_KEY] = call

    def answered(response: httpx.Response) -> None:
        call = response.request.extensions.pop(_KEY, None)
        if call is not None:
            _headed(call, response)
            call.finish()

    return {"request": [sent], "response": [answered]}


def async_event_hooks(*, propagate_to: Iterable[str] | None = None) -> dict[str, list[Callable[..., Any]]]:
    """The same for `httpx.AsyncClient(event_hooks=...)`."""
    plain = event_hooks(propagate_to=propagate_to)

    async def sent(request: httpx.Request) -> None:
        plain["request"][0](request)

    async def answered(response: httpx.Response) -> None:
        plain["response"][0](response)

    return {"request": [sent], "response": [answered]}


_KEY: Final = "sealtrail.call"
_ADDED: Final = "sealtrail.headers"
_peers: WeakKeyDictionary[Any, Peer] = WeakKeyDictionary()


def _begun(request: httpx.Request, hosts: Hosts) -> Outgoing | None:
    """The call, its headers in the request; None where that failed, for no fault of the application."""
    try:
        url = request.url
        call = Outgoing(request.method, url.scheme, url.host, url.port, url.raw_path.decode("latin-1"))
        # httpx copies the headers of a request to the one a redirect leads to, which may go to another host.
        for name, value in request.extensions.pop(_ADDED, {}).items():
            if request.headers.get(name) == value:
                del request.headers[name]
        added = call.headers(dict(request.headers.items()), hosts)
        if added:
            request.headers.update(added)
            request.extensions[_ADDED] = added
    except Exception:
        recorder.default().failed()
        return None
    return call


def _broken(call: Outgoing, error: BaseException) -> None:
    call.failed(error)
    call.finish()


def _headed(call: Outgoing, response: httpx.Response) -> None:
    try:
        version = response.extensions.get("http_version", b"")
        call.answered(response.status_code, response.headers, version.decode("latin-1").removeprefix("HTTP/"))
        stream = response.extensions.get("network_stream")
        if stream is not None:
            call.peer = _peer(stream)
    except Exception:
        call.recorder.failed()


def _answered(call: Outgoing, response: httpx.Response) -> httpx.Response:
    _headed(call, response)
    if response.is_closed:
        call.finish(response.num_bytes_downloaded)
    elif isinstance(response.stream, httpx.SyncByteStream):
        response.stream = _Body(call, response.stream)
    elif isinstance(response.stream, httpx.AsyncByteStream):
        response.stream = _AsyncBody(call, response.stream)
    return response


def _peer(stream: Any) -> Peer:
    """Who is at the other end of a connection; looked at once for each that can be remembered."""
    try:
        known = _peers.get(stream)
    except TypeError:
        known = None
    if known is not None:
        return known
    address = stream.get_extra_info("server_addr")
    found = peer_of(str(address[0]) if address else "", stream.get_extra_info("ssl_object"))
    with contextlib.suppress(TypeError):
        _peers[stream] = found
    return found


class _Body(httpx.SyncByteStream):
    """The body on its way in: each part is counted as it is drawn."""

    def __init__(self, call: Outgoing, stream: httpx.SyncByteStream) -> None:
        self._call = call
        self._stream = stream
        self._size = 0
        call.whole = False

    def __iter__(self) -> Iterator[bytes]:
        try:
            for part in self._stream:
                self._size += len(part)
                yield part
        except GeneratorExit:
            raise
        except BaseException as error:
            self._call.failed(error)
            self._call.finish(self._size)
            raise
        self._call.whole = True

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._call.finish(self._size)


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, call: Outgoing, stream: httpx.AsyncByteStream) -> None:
        self._call = call
        self._stream = stream
        self._size = 0
        call.whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for part in self._stream:
                self._size += len(part)
                yield part
        except GeneratorExit:
            raise
        except BaseException as error:
            self._call.failed(error)
            self._call.finish(self._size)
            raise
        self._call.whole = True

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._call.finish(self._size)
