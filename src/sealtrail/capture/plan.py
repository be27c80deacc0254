"""What a door looks at of an API, and where it learns what the API's description says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sealtrail.capture import openapi
from sealtrail.capture.choices import ApiFields, chosen_fields
from sealtrail.capture.claims import Claims, claims_of
from sealtrail.capture.openapi import Description, OpenApi
from sealtrail.capture.schemes import route_of, scopes_of
from sealtrail.spool.locks import Lock

if TYPE_CHECKING:
    from sealtrail.capture.exchange import Exchange


_MAX_TOKENS: Final = 1024


class Said(NamedTuple):
    """What is said of one request's route. `roles`: one of them is demanded. `scopes`: all of them are."""

    in_spec: bool
    version: str
    is_deprecated: bool = False
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()


class Plan:
    """What one door looks at. It is false where that is nothing.

    Raises UsageError for a choice that is none, and for a description that cannot be read.
    """

    def __init__(self, fields: ApiFields = False, description: OpenApi | None = None) -> None:
        self.wanted = chosen_fields(fields)
        self._lock = Lock()
        self._tokens: dict[str, Claims] = {}
        self._ask: Callable[[], Mapping[str, Any]] | None = None
        self._description: Description | None = None
        if description is not None:
            # Applications describe themselves once all their routes are there.
            if callable(description):
                self._ask = description
            else:
                self._description = openapi.read(description)
        self.tells_routes = description is not None or "route" in self.wanted

    def __bool__(self) -> bool:
        return bool(self.wanted) or self.tells_routes

    def claims(self, call: Exchange, digest: str) -> Claims:
        """What the bearer token of a request says. It comes with each of a session, so that is remembered."""
        known = self._tokens.get(digest)
        if known is None:
            token = call.head.authorization.partition(" ")[2].strip()
            known = claims_of(token, call.recorder.pseudonyms)
            if len(self._tokens) >= _MAX_TOKENS:
                self._tokens.clear()
            self._tokens[digest] = known
        return known

    def said_of(self, call: Exchange, scope: Mapping[str, Any] | None, root: str) -> Said | None:
        """What is said of a request's route; None where nobody says anything.

        A description says more than the routes of FastAPI do. May raise whatever an application's own does.
        """
        api = self._described()
        if api is not None:
            path = call.head.path
            if not path.isascii():
                path = path.encode("latin-1", "replace").decode("utf-8", "replace")
            found = api.find(call.head.method, path, call.route, root)
            if found is None:
                return Said(in_spec=False, version=api.version)
            return Said(True, api.version, found.is_deprecated, found.roles, found.scopes)
        if scope is None or "route" not in self.wanted:
            return None
        return _said_by_fastapi(scope, call.status)

    def _described(self) -> Description | None:
        # No other request waits for the one that asks: it is told nothing.
        if self._ask is not None and self._lock.acquire(blocking=False):
            try:
                ask, self._ask = self._ask, None
                if ask is not None:
                    self._description = Description(ask())
            finally:
                self._lock.release()
        return self._description


def _said_by_fastapi(scope: Mapping[str, Any], status: int) -> Said | None:
    app = scope.get("app")
    # What FastAPI has and Starlette has not.
    if getattr(app, "openapi_url", scope) is scope:
        return None
    version = str(getattr(app, "version", ""))
    route = route_of(scope)
    if route is None and "endpoint" not in scope and status not in {404, 405}:
        return None  # a middleware has answered, before any route was looked for
    if route is None or not getattr(route, "include_in_schema", False):
        return Said(in_spec=False, version=version)
    return Said(True, version, getattr(route, "deprecated", None) is True, (), scopes_of(route))
