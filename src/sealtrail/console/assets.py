"""Style and script: files of ours, under names that change with their content, so that browsers keep them."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.caller import Caller
from sealtrail.web.routes import Route

FOLDER: Final = Path(__file__).parent / "static"

TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
)


class Assets:
    """The files of `static/`, read once: what a page names is what is served until the server ends."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self._files: dict[str, tuple[bytes, str]] = {}
        self._names: dict[str, str] = {}
        for path in sorted(folder.iterdir()):
            data = path.read_bytes()
            name = f"{path.stem}.{sha256(data).hexdigest()[:16]}{path.suffix}"
            self._files[name] = (data, TYPES[path.suffix])
            self._names[path.name] = f"/static/{name}"

    def url(self, name: str) -> str:
        """Where a page finds a file of `static/`. KeyError for one that is not there."""
        return self._names[name]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(data) for data, _ in self._files.values())

    def routes(self) -> list[Route]:
        return [Route("GET", "/static/{name}", "public", self.file)]

    async def file(self, request: Request, caller: Caller) -> Response:  # noqa: ARG002 - the shape of a handler
        """GET /static/{name}: the same for everybody and for ever."""
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        data, media_type = found
        headers = {
            "Cache-Control": "public, max-age=31536000, immutable",
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
            "Cross-Origin-Resource-Policy": "same-origin",
        }
        return Response(data, headers=headers, media_type=media_type)
