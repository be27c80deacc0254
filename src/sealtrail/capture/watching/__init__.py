"""A request and its answer as one call of an API, looked at as they go by, where that is asked for.

Nothing of it is imported where it is not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sealtrail.capture.choices import ApiFields, OpenApi

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from sealtrail.capture.asgi import Application
    from sealtrail.capture.watching.plan import Plan


def planned(fields: ApiFields, description: OpenApi | None) -> Plan | None:
    """What a door looks at, None where that is nothing. Raises UsageError as `Plan` does."""
    if fields is False and description is None:
        return None
    from sealtrail.capture.watching.plan import Plan

    return Plan(fields, description) or None


def wsgi_watched(app: WSGIApplication, plan: Plan | None) -> WSGIApplication:
    """A WSGI application, watched where there is a plan."""
    if plan is None:
        return app
    from sealtrail.capture.watching.watch_wsgi import WsgiWatch

    return WsgiWatch(app, plan)


def asgi_watched(app: Application, plan: Plan | None) -> Application:
    """An ASGI application, watched where there is a plan."""
    if plan is None:
        return app
    from sealtrail.capture.watching.watch_asgi import AsgiWatch

    return AsgiWatch(app, plan)
