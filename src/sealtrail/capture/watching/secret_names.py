"""API keys under names that only the route of FastAPI which asks for them knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sealtrail.capture.identity.schemes import Scheme, api_key, route_of, schemes_of

if TYPE_CHECKING:
    from sealtrail.capture.exchange import Exchange

_MAX_KNOWN: Final = 4096

# By the id of a route, with the route itself: another one may get the same id only once this one is gone.
_known: Final[dict[int, tuple[Any, list[Scheme]]]] = {}


def note_keys(call: Exchange, scope: Mapping[str, Any]) -> None:
    """Keep the keys of a query out of the record, but for their hash.

    A request that no route has taken may have been meant for any.
    """
    schemes = [scheme for scheme in _keys_of(scope) if scheme.place == "query"]
    recorder = call.recorder
    if not schemes and ("route" in scope or not recorder.secret_names):
        return
    declare(call, frozenset(scheme.name.casefold() for scheme in schemes))
    if "route" not in scope:
        call.secret_names |= recorder.secret_names
    _present(call, scope, schemes)


def declare(call: Exchange, names: frozenset[str]) -> None:
    """Keep what stands in the query under these names, in small letters, out of a request's record."""
    recorder = call.recorder
    if not names <= recorder.secret_names:
        # Whoever writes the same name on a path that nobody serves has sent a secret as well.
        recorder.secret_names |= names
    call.secret_names |= names
    call.is_plain = False


def present_key(call: Exchange, scope: Mapping[str, Any]) -> None:
    """Have the key that the route asks for, wherever it stands, hashed as what the client presented."""
    _present(call, scope, _keys_of(scope))


def _present(call: Exchange, scope: Mapping[str, Any], schemes: list[Scheme]) -> None:
    head = call.head
    if schemes and not head.authorization and not head.api_key:
        head.api_key = api_key(scope, schemes)


def _keys_of(scope: Mapping[str, Any]) -> list[Scheme]:
    route = route_of(scope)
    known = _known.get(id(route))
    if known is not None and known[0] is route:
        return known[1]
    schemes = [scheme for scheme in schemes_of(scope) if scheme.kind == "api-key"]
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[id(route)] = route, schemes
    return schemes
