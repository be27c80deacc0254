"""The keyed hash of a session, from the cookie that holds it or its id."""

from __future__ import annotations

from typing import Final

from sealtrail.capture.pseudonym import Pseudonyms

_MAX_COOKIE: Final = 16_384


def session_hash(pseudonyms: Pseudonyms, cookies: str, name: str) -> str:
    """Hash of the cookie called `name` in a Cookie header; empty where there is none.

    A cookie that holds the session itself, signed with its time (itsdangerous: Flask, Starlette), is hashed
    without time and signature: it is sent anew all the time, and still the same session.
    """
    for part in cookies[:_MAX_COOKIE].split(";"):
        key, _, value = part.strip().partition("=")
        if key == name and value:
            return pseudonyms.of_session(_content(value.strip('"')))
    return ""


def _content(value: str) -> str:
    content, *signed = value.rsplit(".", 2)
    return content if len(signed) == 2 and content.strip(".") else value
