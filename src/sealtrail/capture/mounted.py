"""Applications within applications: routes with the place they are mounted at, and one record a request.

Where several doors stand one in another, the outermost one makes the record. What only an inner one can
know, such as Flask's route, it tells the request that is current.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sealtrail.capture import context
from sealtrail.capture.context import Call
from sealtrail.capture.head import as_text

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse

    from sealtrail.capture.wsgi import Route

# Adapters for ASGI that do not close a WSGI application's body, as all servers must.
_CARELESS: Final = frozenset({"asgiref.wsgi", "starlette.middleware.wsgi"})


def werkzeug_route(environ: dict[str, Any]) -> str:
    """The template of the rule that Flask has matched, empty for none. Werkzeug keeps its request there."""
    rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
    if rule is None:
        return ""
    mount = environ.get("SCRIPT_NAME")
    return below(mount, rule.rule) if mount else str(rule.rule)


def below(mount: str, rule: str) -> str:
    """A template with the path its application is mounted at; `mount` holds bytes as Latin-1.

    A prefix that a proxy took off and named is not in the path that came, nor in the route.
    """
    call = context.current.get()
    if call is None:
        return rule
    head = getattr(call, "head", None)
    if head is None or not head.path.startswith(mount):
        return rule
    text = as_text(mount).rstrip("/")
    return call.marks.text("http.route", text) + rule


def encloses(call: Call, environ: dict[str, Any]) -> bool:
    """Whether the current request is the one that an adapter for ASGI has made a WSGI request of.

    Adapters hand on the context, and nothing else that all have in common. A request that the application
    makes of itself, within one it serves, differs.
    """
    head = getattr(call, "head", None)
    return (
        head is not None
        and call.asks
        and head.method == environ.get("REQUEST_METHOD")
        and head.query == (environ.get("QUERY_STRING") or "")
        and head.host == (environ.get("HTTP_HOST") or "")
        and head.path.endswith(environ.get("PATH_INFO") or "")
    )


def closes(start_response: Any) -> bool:
    """Whether the server behind a start_response closes the bodies it draws."""
    return type(getattr(start_response, "__self__", None)).__module__ not in _CARELESS


def telling(start_response: StartResponse, environ: dict[str, Any], route: Route) -> StartResponse:
    """A start_response that tells the request that is being recorded what the inner door knows."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None, /) -> Any:
        call = context.current.get()
        if call is not None and not call.route:
            try:
                call.route = route(environ)
            except Exception:  # the application's response matters more than our record of it
                call.recorder.failed()
        return (
            start_response(status, headers) if exc_info is None else start_response(status, headers, exc_info)
        )

    return start
