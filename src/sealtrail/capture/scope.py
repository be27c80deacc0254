"""What frameworks leave in the scope of an ASGI request: the template that matched, and who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sealtrail.capture.context import NOBODY, Actor, described
from sealtrail.capture.head import as_octets
from sealtrail.capture.identity.person import person_of
from sealtrail.capture.marks import Marks

_MAX_ROUTE: Final = 1024  # characters of a path that is compared with its parameters


def template_of(scope: Mapping[str, Any], path: str, marks: Marks) -> str:
    """The template of the route that matched, empty where none did; `path` is a head's, of the request."""
    found = scope.get("path_template")  # Litestar
    if found:
        return mount_of(scope, path, marks) + str(found)
    route = scope.get("route")  # Starlette, FastAPI
    if route is None:
        return ""
    fastapi = scope.get("fastapi")
    if fastapi:
        # A route of an included router does not know its prefix.
        included = fastapi.get("effective_route_context")
        if included is not None and included.original_route is route:
            route = included
    template = getattr(route, "path_format", None) or getattr(route, "path", "")
    if not scope.get("root_path"):
        return str(template)
    mounted = mount_of(scope, path, marks)
    # A mount's own template is where its applications begin.
    return f"{mounted}/{{path}}" if mounted and hasattr(route, "routes") else f"{mounted}{template}"


def mount_of(scope: Mapping[str, Any], path: str, marks: Marks) -> str:
    """The path that an application is mounted at, as a template: it is known only as it came.

    Empty where the path that came does not begin with it: then a proxy has taken it off.
    """
    here = (scope.get("root_path") or "").rstrip("/")
    if not here or not path.startswith(as_octets(here)):
        return ""
    names = {str(value): f"{{{name}}}" for name, value in (scope.get("path_params") or {}).items()}
    parts = [names.get(part, part) for part in here[:_MAX_ROUTE].split("/")]
    return marks.text("http.route", "/".join(parts))


def user_of(scope: Mapping[str, Any], marks: Marks) -> Actor:
    """The user that a middleware such as Starlette's AuthenticationMiddleware has put there.

    Litestar's need not say of itself that it is signed in, nor must `request.state.user`.
    """
    user = scope.get("user")
    if user is None:
        state = scope.get("state")
        user = state.get("user") if isinstance(state, dict) else None
        return NOBODY if user is None else person_of(user, marks)
    if "litestar_app" in scope:
        found = person_of(user, marks)
        # Where the user is of the application's own making, its token may say who it is.
        return person_of(_told(scope.get("auth"), "sub"), marks) if found is NOBODY else found
    if getattr(user, "is_authenticated", None) is not True:
        return NOBODY
    identity = _told(user, "identity") or getattr(user, "__dict__", {}).get("id")
    identity = identity or _told(user, "username") or _told(user, "display_name")
    if not identity:
        return NOBODY
    roles = person_of(user, marks).roles
    return described(marks, identity, user_name=_told(user, "display_name"), roles=roles, tenant="")


def _told(user: Any, name: str) -> Any:
    try:
        return getattr(user, name, None)
    except Exception:  # Starlette's base class raises where an application gives none
        return None
