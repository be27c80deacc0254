"""What of a body is recorded, where that was chosen or the application says so: scrubbed, bounded, as a text.

Nothing of a body is kept unless somebody asked for it: a record of access is no copy of the data.
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from sealtrail.capture.context import Call, current
from sealtrail.capture.watching.api import api_of
from sealtrail.capture.watching.field_names import parsed

Side = Literal["request", "response"]

MAX_BODY: Final = 8192  # characters of one body, once it is scrubbed
_FIELDS: Final[dict[Side, str]] = {
    "request": "http.request.body.content",
    "response": "http.response.body.content",
}


def bodies(*, request: Any = None, response: Any = None) -> None:
    """Record these as the bodies of the current request and of its answer, or the parts of them that matter.

    A text, or any value, which becomes JSON; the last ones count. Secrets go as they do from details. Outside
    of a request nothing happens. Never raises.
    """
    call = current.get()
    if call is None:
        return
    try:
        if request is not None:
            api_of(call).request_body = _text(call, "request", request)
        if response is not None:
            api_of(call).response_body = _text(call, "response", response)
    except Exception:  # recording is never the application's problem
        call.recorder.failed()


def keep(call: Call, side: Side, content: bytes, *, is_form: bool) -> None:
    """Record a body that went by, unless the application has said what of it is to be recorded."""
    name = f"{side}_body"
    api = api_of(call)
    if getattr(api, name):
        return
    field = _FIELDS[side]
    if is_form:
        made = call.marks.query(field, content.decode("utf-8", "backslashreplace"), MAX_BODY)
    else:
        try:
            value = parsed(content)
        except (ValueError, RecursionError):
            return  # what it is cannot be told, so neither can what is secret in it
        made = _text(call, side, value)
    setattr(api, name, made)


def too_long(call: Call, side: Side) -> None:
    """Say that a body is not recorded because it was not held."""
    call.truncated += (_FIELDS[side],)


def _text(call: Call, side: Side, value: Any) -> str:
    field, marks = _FIELDS[side], call.marks
    if isinstance(value, str):
        return marks.text(field, value, MAX_BODY)
    made = msgspec.json.encode(marks.details(field, value)).decode()
    if len(made) > MAX_BODY:
        marks.truncated += (field,)
    return made[:MAX_BODY]
