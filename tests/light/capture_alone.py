"""Capture without anything of the server: WSGI and ASGI applications record requests, a sign-in and an act.

A script and no test, because it runs where no test runner is installed: with the standard library, msgspec
and uuid-utils. `.ci/run` runs it against the built package in an environment of its own (`--installed`),
tests/light/test_capture_alone.py against the sources. Ends with 0 and a line, or with an AssertionError.
"""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import io
import json
import os
import stat
import sys
import tempfile
from pathlib import Path
from wsgiref.util import setup_testing_defaults

OURS = {"sealtrail", "msgspec", "uuid_utils"}
BRINGS = {"sealtrail", "msgspec", "uuid-utils", "pip", "setuptools", "wheel"}
SECRET = "correct-horse-battery-staple"  # planted, to be found nowhere


def modules() -> set[str]:
    """Top-level modules in this process that are not of the standard library."""
    return (
        {name.split(".")[0] for name in sys.modules} - sys.stdlib_module_names - {"__main__", "sitecustomize"}
    )


def call(app, path: str, query: str = "") -> tuple[str, list[tuple[str, str]], bytes]:
    environ = {
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "REQUEST_URI": f"{path}?{query}",
        "REMOTE_ADDR": "203.0.113.9",
    }
    setup_testing_defaults(environ)
    answer = []
    environ["wsgi.errors"] = io.StringIO()
    body = app(environ, lambda status, headers, _=None: answer.append((status, headers)))
    text = b"".join(body)
    if hasattr(body, "close"):
        body.close()
    return (*answer[0], text)


def ask(app, path: str, query: str) -> list[dict]:
    sent = []

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "query_string": query.encode(), "headers": []}
    asyncio.run(app(scope, None, send))
    return sent


def main(spool: Path) -> None:
    os.environ["SEALTRAIL_SPOOL"] = str(spool)
    before = modules()

    import sealtrail
    from sealtrail.asgi import SealtrailMiddleware as SealtrailAsgi
    from sealtrail.event import canonical, check, decode, is_canonical, kind_of
    from sealtrail.wsgi import SealtrailMiddleware

    def shop(environ, start_response):
        sealtrail.login_succeeded(user_id="u1", method="password")
        sealtrail.audit("user.role.update", target=("user", "42"), change=[("role", "viewer", "admin")])
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"hello"

    async def page(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    status, headers, body = call(SealtrailMiddleware(shop, service="shop"), "/roles", f"password={SECRET}")
    assert (status, body) == ("200 OK", b"hello")
    assert "x-request-id" in {name.lower() for name, _ in headers}
    sent = ask(SealtrailAsgi(page, service="shop"), "/roles", f"password={SECRET}")
    assert b"x-request-id" in dict(sent[0]["headers"])

    segments = sorted(spool.glob("*.ndjson"))
    assert len(segments) == 1, segments
    assert stat.S_IMODE(segments[0].stat().st_mode) == 0o640
    lines = segments[0].read_bytes().splitlines()
    kinds = []
    for number, line in enumerate(lines):
        fields = decode(line)
        check(fields)
        assert is_canonical(line, fields)
        assert canonical(fields) == line
        assert json.loads(line) == fields
        assert fields["sealtrail.seq"] == number
        assert fields["service.name"] == "shop"
        kinds.append(kind_of(fields))
    assert sorted(kinds) == ["audit", "authentication", "request", "request"], kinds
    for path in spool.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path

    brought = modules() - before
    assert brought <= OURS, f"capture imported {sorted(brought - OURS)}"

    if "--installed" in sys.argv:
        there = {dist.name.lower().replace("_", "-") for dist in importlib.metadata.distributions()}
        assert there <= BRINGS, there - BRINGS
        for heavy in ("click", "cryptography", "django", "duckdb", "flask", "pyarrow", "sigma", "starlette"):
            assert importlib.util.find_spec(heavy) is None, heavy
        assert importlib.metadata.version("sealtrail")
        assert (Path(sealtrail.__file__).parent / "py.typed").is_file()
    print(f"capture alone: {len(lines)} events recorded with {', '.join(sorted(brought))}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder) / "spool")
