"""What frameworks leave in the scope of an ASGI request: the template that matched, and who is signed in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sealtrail.capture.context import NOBODY, Actor, described
from sealtrail.capture.marks import Marks

_MAX_ROUTE: Final = 1024  # characters of a path that is compared with its parameters


def template_of(scope: Mapping[str, Any], root: str, marks: Marks) -> str:
    """The template of the route that matched, empty where none did; `root` is the root_path at the start."""
    found = scope.get("path_template")  # Litestar
    if found:
        return str(found)
    route = scope.get("route")  # Starlette, FastAPI
    if route is None:
        return ""
    fastapi = scope.get("fastapi")
    if fastapi:
        # A route of an included router does not know its prefix.
        included = fastapi.get("effective_route_context")
        if included is not None and included.original_route is route:
            route = included
    path = getattr(route, "path_format", None) or getattr(route, "path", "")
    here = scope.get("root_path") or ""
    if here == root or not here.startswith(root):
        return str(path)
    mounted = _generic(here[len(root) :], scope.get("path_params") or {}, marks)
    # A mount's own template is where its applications begin.
    return f"{mounted}/{{path}}" if hasattr(route, "routes") else f"{mounted}{path}"


def _generic(path: str, parameters: Mapping[str, Any], marks: Marks) -> str:
    """The path of a mount as a template: it is known only as it came, with the values in it."""
    names = {str(value): f"{{{name}}}" for name, value in parameters.items()}
    parts = [names.get(part, part) for part in path[:_MAX_ROUTE].split("/")]
    return marks.text("http.route", "/".join(parts))


def user_of(scope: Mapping[str, Any], marks: Marks) -> Actor:
    """The user that a middleware such as Starlette's AuthenticationMiddleware has put there."""
    user = scope.get("user")
    if user is None or getattr(user, "is_authenticated", None) is not True:
        return NOBODY
    identity = _told(user, "identity") or _told(user, "username") or _told(user, "display_name")
    if not identity:
        return NOBODY
    return described(marks, identity, user_name=_told(user, "display_name"), roles=(), tenant="")


def _told(user: Any, name: str) -> Any:
    try:
        return getattr(user, name, None)
    except Exception:  # Starlette's base class raises where an application gives none
        return None
