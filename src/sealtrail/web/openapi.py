"""The API's own description, OpenAPI 3.1, made from the route table: it says what runs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sealtrail.web.answers import json_answer
from sealtrail.web.caller import Caller
from sealtrail.web.parameters import Parameter
from sealtrail.web.routes import Route

PATH: Final = "/api/openapi.json"

_CONVERTER: Final = re.compile(r":[a-z]+\}")

_ERROR: Final = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "hint"],
            "properties": {
                "code": {"type": "string", "description": "Stable; docs/reference/errors.md explains it."},
                "message": {"type": "string", "description": "What happened, and why."},
                "hint": {"type": "string", "description": "What to do next; may be empty."},
                "query": {"type": "string", "description": "The query or time that cannot be read."},
                "column": {"type": "integer", "description": "Where in it, from 0."},
            },
        }
    },
}
_SECURITY: Final = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key: st_ID_SECRET."},
    "basic": {"type": "http", "scheme": "basic", "description": "Any user name, and the key as password."},
    "key": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
}


def openapi_routes(routes: Sequence[Route], version: str) -> list[Route]:
    """The route that describes `routes` and itself."""

    async def described(request: Request, caller: Caller) -> Response:  # noqa: ARG001 - the shape of a handler
        return json_answer(told)

    own = Route("GET", PATH, "known", described, about="This description.")
    told = document([*routes, own], version)
    return [own]


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The OpenAPI document of every route that says what it is about; pages for people are no API."""
    paths: dict[str, dict[str, Any]] = {}
    schemas: dict[str, Any] = {"Error": _ERROR}
    for route in routes:
        if route.about:
            paths.setdefault(template(route.path), {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sealtrail",
            "version": version,
            "description": "The flight recorder for APIs: record, seal, find, prove.",
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": _SECURITY,
            "responses": {
                "Refused": {
                    "description": "Refused, with a stable code and what to do next.",
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
                }
            },
        },
        "security": [{name: []} for name in _SECURITY],
    }


def template(path: str) -> str:
    """A path of the table as OpenAPI writes it: without converters."""
    return _CONVERTER.sub("}", path)


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    name = "_".join(re.findall(r"[a-z0-9]+", f"{route.method} {template(route.path)}".lower()))
    told: dict[str, Any] = {
        "operationId": name,
        "summary": route.about,
        "x-sealtrail-needs": route.need,
        "responses": {
            "2XX": {"description": "Done.", "content": {route.gives: _content(route, schemas)}},
            "default": {"$ref": "#/components/responses/Refused"},
        },
    }
    if route.need == "public":
        told["security"] = []
    if route.parameters:
        told["parameters"] = [_parameter(one) for one in route.parameters]
    body = _body(route, schemas)
    if body:
        told["requestBody"] = {"required": True, "content": body}
    return told


def _content(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    if route.shape is not None:
        return {"schema": _schema(route.shape, schemas)}
    return {"schema": {"type": "object"}} if route.gives == "application/json" else {}


def _schema(shape: type, schemas: dict[str, Any]) -> dict[str, Any]:
    """The schema of a shape; the shapes it is made of are added to `schemas`."""
    (schema,), components = msgspec.json.schema_components(
        [shape], ref_template="#/components/schemas/{name}"
    )
    schemas.update(components)
    return dict(schema)


def _body(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    if isinstance(route.takes, tuple):
        return {kind: {} for kind in route.takes}
    return {"application/json": {"schema": _schema(route.takes, schemas)}}


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "integer" if parameter.is_number else "string"}
    if parameter.is_number:
        schema.update(minimum=parameter.least, maximum=parameter.most)
    if parameter.choices:
        schema["enum"] = list(parameter.choices)
    if parameter.where == "query" and parameter.default != "":
        schema["default"] = parameter.default
    return {
        "name": parameter.name,
        "in": parameter.where,
        "required": parameter.where == "path",
        "description": parameter.about,
        "schema": schema,
    }
