"""What an application says of a request as a call of its API: what the route demands, what the answer holds.

Outside of a request there is nothing that it could be said of, and it does nothing.
"""

from __future__ import annotations

from typing import Any

from sealtrail.capture.context import Call, current
from sealtrail.capture.watching.field_names import MAX_NAMES
from sealtrail.event.limits import MAX_INTEGER
from sealtrail.event.model import Api


def api_of(call: Call) -> Api:
    """What is known of a request as a call of an API, made where nothing was."""
    api = call.api
    if api is None:
        api = call.api = Api()
    return api


def requires(*roles: Any, scopes: Any = ()) -> None:
    """Say what the route demands of its caller: one of these roles, and all of these scopes.

    The roles that were said last count, as those of a route do over those of its router; scopes add up. It
    does not check anything. Never raises.
    """
    call = current.get()
    if call is None:
        return
    try:
        api = api_of(call)
        if roles:
            api.required_roles = call.marks.keywords("sealtrail.required_roles", roles)
        more = call.marks.keywords("sealtrail.required_scopes", scopes)
        if more:
            api.required_scopes = tuple(dict.fromkeys((*api.required_scopes, *more)))[:MAX_NAMES]
    except Exception:  # recording is never the application's problem
        call.recorder.failed()


def responded(*, fields: Any = None, count: Any = None) -> None:
    """Say which fields the answer has, by name, and how many records. What was said last counts.

    Of a mapping the names are taken and no value. Never raises.
    """
    call = current.get()
    if call is None:
        return
    try:
        api = api_of(call)
        if fields is not None:
            api.response_fields = call.marks.keywords("sealtrail.response.fields", fields, MAX_NAMES)
        if count is not None:
            if isinstance(count, int) and not isinstance(count, bool) and 0 <= count <= MAX_INTEGER:
                api.response_count = int(count)
            else:
                call.marks.note("value.number")
    except Exception:  # recording is never the application's problem
        call.recorder.failed()


def api_version(version: Any) -> None:
    """Say which version of the API is called, such as 2024-07-01 or v2. Never raises."""
    call = current.get()
    if call is None:
        return
    try:
        api_of(call).api_version = call.marks.keyword("sealtrail.api.version", version)
    except Exception:  # recording is never the application's problem
        call.recorder.failed()
