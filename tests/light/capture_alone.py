"""Capture without anything of the server: a WSGI application records a request, a sign-in and an act.

A script and no test, because it runs where no test runner is installed: with the standard library, msgspec
and uuid-utils. `.ci/run` runs it against the built package in an environment of its own (`--installed`),
tests/light/test_capture_alone.py against the sources. Ends with 0 and a line, or with an AssertionError.
"""

from __future__ import annotations

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


def main(spool: Path) -> None:
    os.environ["SEALTRAIL_SPOOL"] = str(spool)
    before = modules()

    import sealtrail
    from sealtrail.event import canonical, check, decode, is_canonical, kind_of
    from sealtrail.wsgi import SealtrailMiddleware

    def shop(environ, start_response):
        sealtrail.login_succeeded(user_id="u1", method="password")
        sealtrail.audit("user.role.update", target=("user", "42"), change=[("role", "viewer", "admin")])
        start_response("200 OK", [("Content-Type", "text/plain")])
        yield b"hello"

    status, headers, body = call(SealtrailMiddleware(shop, service="shop"), "/roles", f"password={SECRET}")
    assert (status, body) == ("200 OK", b"hello")
    assert "x-request-id" in {name.lower() for name, _ in headers}

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
    assert sorted(kinds) == ["audit", "authentication", "request"], kinds
    for path in spool.rglob("*"):
        assert not path.is_file() or SECRET.encode() not in path.read_bytes(), path

    brought = modules() - before
    assert brought <= OURS, f"capture imported {sorted(brought - OURS)}"

    if "--installed" in sys.argv:
        there = {dist.name.lower().replace("_", "-") for dist in importlib.metadata.distributions()}
        assert there <= BRINGS, there - BRINGS
        for heavy in ("click", "cryptography", "duckdb", "flask", "pyarrow", "sigma", "starlette"):
            assert importlib.util.find_spec(heavy) is None, heavy
        assert importlib.metadata.version("sealtrail")
        assert (Path(sealtrail.__file__).parent / "py.typed").is_file()
    print(f"capture alone: {len(lines)} events recorded with {', '.join(sorted(brought))}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        main(Path(folder) / "spool")
