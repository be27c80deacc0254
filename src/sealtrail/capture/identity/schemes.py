"""What FastAPI's routes ask for: the security dependencies of the route that matched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qs

_MAX_DEPTH: Final = 12
_MAX_SEEN: Final = 200
_MAX_TEXT: Final = 8192
_PASSWORD_FORMS: Final = frozenset({"OAuth2PasswordRequestForm", "OAuth2PasswordRequestFormStrict"})


class Scheme(NamedTuple):
    """One way to authenticate. `place` and `name` say where an API key stands: header, query or cookie."""

    kind: str
    place: str = ""
    name: str = ""


def route_of(scope: Mapping[str, Any]) -> Any:
    """The route that matched, with what the routers above it ask for; None where none did."""
    route = scope.get("route")
    included = (scope.get("fastapi") or {}).get("effective_route_context")
    return included if included is not None and getattr(included, "original_route", None) is route else route


def schemes_of(scope: Mapping[str, Any]) -> list[Scheme]:
    """What the matched route asks for; a form of a user's name and password counts as `password`."""
    dependant = getattr(route_of(scope), "dependant", None)
    return [] if dependant is None else list(dict.fromkeys(_asked(dependant)))


def scopes_of(route: Any) -> tuple[str, ...]:
    """The scopes that a route's dependencies ask for by `Security(..., scopes=[...])`."""
    dependant = getattr(route, "dependant", None)
    found: dict[str, None] = {}
    for here in () if dependant is None else _dependencies(dependant):
        # Under older names as well.
        for name in ("own_oauth_scopes", "security_scopes"):
            found |= dict.fromkeys(map(_text, getattr(here, name, None) or ()))
        for requirement in getattr(here, "security_requirements", None) or ():
            found |= dict.fromkeys(map(_text, getattr(requirement, "scopes", None) or ()))
    return tuple(found)


def _dependencies(dependant: Any) -> Iterator[Any]:
    waiting = [(dependant, 0)]
    for _ in range(_MAX_SEEN):
        if not waiting:
            return
        here, depth = waiting.pop()
        yield here
        if depth < _MAX_DEPTH:
            waiting += [(each, depth + 1) for each in getattr(here, "dependencies", ())]


def _asked(dependant: Any) -> Iterator[Scheme]:
    for here in _dependencies(dependant):
        call = getattr(here, "call", None)
        model = getattr(call, "model", None)
        if getattr(call, "__name__", "") in _PASSWORD_FORMS:
            yield Scheme("password")
        elif model is not None and hasattr(call, "scheme_name"):
            yield _scheme(model)


def _scheme(model: Any) -> Scheme:
    """By the description that FastAPI writes into its OpenAPI document."""
    kind = _text(getattr(model, "type_", ""))
    if kind == "apiKey":
        return Scheme("api-key", _text(getattr(model, "in_", "")), _text(getattr(model, "name", "")))
    if kind == "http":
        return Scheme(_text(getattr(model, "scheme", "")).lower())
    return Scheme("bearer" if kind in {"oauth2", "openIdConnect"} else kind)


def _text(value: Any) -> str:
    return str(getattr(value, "value", value))


def api_key(scope: Mapping[str, Any], schemes: list[Scheme]) -> str:
    """The API key that was presented where the route asks for one; empty where there is none."""
    for scheme in schemes:
        if scheme.kind != "api-key":
            continue
        if scheme.place == "header":
            found = header(scope, scheme.name.lower().encode("latin-1", "replace"))
        elif scheme.place == "query":
            query = (scope.get("query_string") or b"")[:_MAX_TEXT].decode("latin-1")
            found = parse_qs(query, max_num_fields=100).get(scheme.name, [""])[0]
        else:
            try:
                cookies = SimpleCookie(header(scope, b"cookie")[:_MAX_TEXT])
            except CookieError:
                continue
            found = cookies[scheme.name].value if scheme.name in cookies else ""
        if found:
            return found
    return ""


def header(scope: Mapping[str, Any], name: bytes) -> str:
    """The first header of a name, which is in small letters; empty where there is none."""
    for key, value in scope.get("headers") or ():
        if key == name:
            return str(value.decode("latin-1"))
    return ""
