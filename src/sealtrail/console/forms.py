"""What a page's form sends: a few short fields, and nothing else."""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl

from starlette.requests import Request

from sealtrail.errors import EventError

MAX_FORM_BYTES: Final = 64 * 1024  # far beyond a reason, and a thousand ticked alerts
MAX_FIELDS: Final = 2_000  # twice a page of ticked alerts

_TYPE: Final = "application/x-www-form-urlencoded"


class Form(dict[str, str]):
    """Fields by name, the last of a name; `every` gives all of a name."""

    def __init__(self, pairs: list[tuple[str, str]]) -> None:
        super().__init__(pairs)
        self._pairs = pairs

    def every(self, name: str) -> list[str]:
        return [value for one, value in self._pairs if one == name]


async def read_form(request: Request) -> Form:
    """The fields of a form. Raises EventError for a body that is none."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != _TYPE:
        raise EventError("body.media-type", "this takes what a page's form sends", hint=f"Send {_TYPE}.")
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_FORM_BYTES:
            raise EventError("body.too-large", f"a form has at most {MAX_FORM_BYTES:,} bytes")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            max_num_fields=MAX_FIELDS,
            encoding="utf-8",
            errors="strict",
        )
    except ValueError:
        raise EventError("body.unreadable", "the form cannot be read") from None
    return Form(pairs)
