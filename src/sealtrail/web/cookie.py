"""The cookie that says who is signed in."""

from __future__ import annotations

from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response

from sealtrail.accounts.sessions import Session
from sealtrail.web.caller import Caller, Sessions

# A browser takes a `__Host-` cookie only over https, for this host alone, and no subdomain can overwrite it.
SECURE_NAME: Final = "__Host-sealtrail-session"
PLAIN_NAME: Final = "sealtrail-session"  # over plain http, which is how one looks at the own machine


def token_of(request: Request) -> str:
    """The session token a browser sent; empty where it sent none."""
    return request.cookies.get(_name(request), "")


def put(response: Response, request: Request, token: str) -> None:
    """Give the browser a session: until it is closed, for no script, and not with requests of other sites."""
    response.set_cookie(
        _name(request), token, path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


def take(response: Response, request: Request) -> None:
    """Have the browser forget it."""
    response.delete_cookie(
        _name(request), path="/", secure=_secure(request), httponly=True, samesite="strict"
    )


class Who(Protocol):
    """Finds the session of a token. `again`: the request was asked about before."""

    def __call__(self, token: str, *, again: bool = False) -> Session | None: ...


def sessions(who: Who) -> Sessions:
    """What a Doorkeeper asks for a request without a key."""

    def caller(request: Request) -> Caller | None:
        token = token_of(request)
        # One request is one sign of life. A tail asks again at every beat, whoever looks at it.
        again = getattr(request.state, "looked", False)
        request.state.looked = True
        session = who(token, again=again) if token else None
        return None if session is None else Caller(session.name, session.role, "session")

    return caller


def _name(request: Request) -> str:
    return SECURE_NAME if _secure(request) else PLAIN_NAME


def _secure(request: Request) -> bool:
    return request.url.scheme == "https"
