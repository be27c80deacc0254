"""What a door looks at of an API, and where it learns what the API's description says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sealtrail.capture.choices import ApiFields, OpenApi, chosen_fields
from sealtrail.capture.head import as_text
from sealtrail.capture.identity.schemes import route_of, scopes_of
from sealtrail.capture.marks import Marks
from sealtrail.capture.watching import openapi
from sealtrail.capture.watching.claims import NOTHING, Claims, claims_of
from sealtrail.capture.watching.openapi import Description, Operation
from sealtrail.capture.watching.secret_names import declare
from sealtrail.spool.locks import Lock

if TYPE_CHECKING:
    from sealtrail.capture.exchange import Exchange


_MAX_KNOWN: Final = 1024  # tokens, and routes


class Said(NamedTuple):
    """What is said of one request's route. `roles`: one of them is demanded. `scopes`: all of them are.

    `parameters` are the names that its query may have; None where nobody says.
    """

    in_spec: bool
    version: str = ""
    is_deprecated: bool = False
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    parameters: frozenset[str] | None = None


class Plan:
    """What one door looks at. It is false where that is nothing.

    Raises UsageError for a choice that is none, and for a description that cannot be read.
    """

    def __init__(self, fields: ApiFields = False, description: OpenApi | None = None) -> None:
        self.wanted = chosen_fields(fields)
        self._lock = Lock()
        self._tokens: dict[str, Claims] = {}
        self._operations: dict[Operation | None, Said] = {}
        self._routes: dict[tuple[int, int], tuple[Any, Any, Said]] = {}
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
            marks = Marks()
            known = _cleaned(claims_of(token, call.recorder.pseudonyms), marks)
            if marks.redacted or marks.truncated or marks.notes:
                # With what was done to it, each time.
                call.redacted += marks.redacted
                call.truncated += marks.truncated
                call.note(*marks.notes)
                return known
            if len(self._tokens) >= _MAX_KNOWN:
                self._tokens.clear()
            self._tokens[digest] = known
        return known

    def note_keys(self, call: Exchange) -> None:
        """Keep out of a request's record what the description says is an API key in its query."""
        api = self._described()
        if api is not None and api.secret_names:
            declare(call, api.secret_names)

    def said_of(self, call: Exchange, scope: Mapping[str, Any] | None, root: str) -> Said | None:
        """What is said of a request's route; None where nobody says anything.

        A description says more than the routes of FastAPI do. May raise whatever an application's own does.
        """
        api = self._described()
        if api is not None:
            return self._said(api, api.find(call.head.method, as_text(call.head.path), call.route, root))
        if scope is None or "route" not in self.wanted:
            return None
        return self._said_by_fastapi(scope, call.status)

    def _said(self, api: Description, found: Operation | None) -> Said:
        known = self._operations.get(found)
        if known is None:
            known = Said(False) if found is None else Said(True, "", *found)
            known = self._operations[found] = _clean(known._replace(version=api.version))
        return known

    def _said_by_fastapi(self, scope: Mapping[str, Any], status: int) -> Said | None:
        app, route = scope.get("app"), route_of(scope)
        known = self._routes.get((id(app), id(route)))
        if known is not None and known[0] is app and known[1] is route:
            return known[2]
        # What FastAPI has and Starlette has not.
        if getattr(app, "openapi_url", scope) is scope:
            return None
        if route is None and "endpoint" not in scope and status not in {404, 405}:
            return None  # a middleware has answered, before any route was looked for
        version = str(getattr(app, "version", ""))
        if route is None:
            return _clean(Said(False, version))
        if getattr(route, "include_in_schema", False):
            said = Said(True, version, getattr(route, "deprecated", None) is True, (), scopes_of(route))
        else:
            said = Said(False, version)
        if len(self._routes) >= _MAX_KNOWN:
            self._routes.clear()
        said = _clean(said)
        self._routes[id(app), id(route)] = app, route, said
        return said

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


def _clean(said: Said) -> Said:
    """Without secrets, and as long as a name may be. The application wrote it: nobody needs to be told."""
    marks = Marks()
    return said._replace(
        version=marks.keyword("sealtrail.api.version", said.version),
        roles=marks.keywords("sealtrail.required_roles", said.roles),
        scopes=marks.keywords("sealtrail.required_scopes", said.scopes),
    )


def _cleaned(said: Claims, marks: Marks) -> Claims:
    if said is NOTHING:
        return said
    return said._replace(
        issuer=marks.keyword("sealtrail.token.issuer", said.issuer),
        audience=marks.keywords("sealtrail.token.audience", said.audience),
        scopes=marks.keywords("sealtrail.token.scopes", said.scopes),
        algorithm=marks.keyword("sealtrail.token.algorithm", said.algorithm),
        key_id=marks.keyword("sealtrail.token.key_id", said.key_id),
    )
