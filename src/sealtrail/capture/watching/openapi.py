"""What an API's description says of a request: which operation it is, its version, and what it demands.

OpenAPI 3 and Swagger 2, as JSON or YAML. A description is the application's own and trusted as that; the
requests that are looked up in it are not.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from sealtrail.capture.watching.parameters import items, names_of
from sealtrail.errors import UsageError

_METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
_YAML: Final = frozenset({".yaml", ".yml"})
_MAX_PARTS: Final = 64  # of a path that is looked up
_MAX_ROUTES: Final = 4096
_SCOPED: Final = frozenset({"oauth2", "openIdConnect"})
_PARAMETER: Final = re.compile(r"\{[^{}]*\}")
# As Flask, Django, Starlette and Express write it; a converter before or after the name does not matter.
_TEMPLATED: Final = re.compile(r"\{[^{}]*\}|<[^<>]*>|(?<=/):\w+")
_VARIABLE: Final = re.compile(r"\{([^{}]*)\}")


class Operation(NamedTuple):
    """One method of one path. `roles`: one of them is demanded. `scopes`: all of them are.

    `parameters` are the names that a query may have; None where that may be any.
    """

    is_deprecated: bool
    roles: tuple[str, ...]
    scopes: tuple[str, ...]
    parameters: frozenset[str] | None = frozenset()


class Description:
    """A document, made ready to look requests up in. Raises UsageError for what is no description."""

    def __init__(self, document: Any) -> None:
        paths = document.get("paths") if isinstance(document, Mapping) else None
        if not isinstance(document, Mapping) or not isinstance(paths, Mapping):
            raise UsageError(
                "usage.setting",
                "openapi is no description of an API: it has no paths",
                hint="Give a document of OpenAPI 3 or Swagger 2, the path of one, or a function for it.",
            )
        self.version = _text(_within(document, "info").get("version"))
        self._document = document
        self._schemes = _schemes(document)
        self._keys = _keys(document)
        self.secret_names = frozenset(name.casefold() for name in self._keys)
        self._bases = (*_bases(document), "")
        self._generic: dict[str, str] = {}
        self._by_template: dict[str, dict[str, Operation]] = {}
        self._root = _Node()
        for template, item in paths.items():
            if isinstance(template, str) and isinstance(item, Mapping):
                operations = self._operations(self._resolved(item))
                self._by_template[_generic(template)] = operations
                self._root.add(template.split("/"), operations)

    def find(self, method: str, path: str, route: str = "", root: str = "") -> Operation | None:
        """The operation of a request by its path, or the template of its route; None where there is none.

        `root` is what the server took off the path, as a mount or behind a proxy.
        """
        for base in (root, *self._bases) if root else self._bases:
            found = None
            if route and _is_below(route, base):
                found = self._by_template.get(self._template(route[len(base) :]))
            if found is None and _is_below(path, base):
                parts = path[len(base) :].split("/", _MAX_PARTS)
                found = self._root.find(parts, 0) if len(parts) <= _MAX_PARTS else None
            if found is not None:
                operation = found.get(method.lower())
                if operation is None and method in {"HEAD", "OPTIONS"}:
                    # Of what is described, and described nowhere itself.
                    operation = found.get("get") or next(iter(found.values()), None)
                return operation
        return None

    def _template(self, route: str) -> str:
        known = self._generic.get(route)
        if known is None:
            known = _generic(route)
            # Routes are the application's, but those of mounts hold what clients sent.
            if len(self._generic) >= _MAX_ROUTES:
                self._generic.clear()
            self._generic[route] = known
        return known

    def _operations(self, item: Mapping[str, Any]) -> dict[str, Operation]:
        return {
            method: self._operation(item, item[method])
            for method in _METHODS
            if isinstance(item.get(method), Mapping)
        }

    def _operation(self, item: Mapping[str, Any], described: Mapping[str, Any]) -> Operation:
        security = described.get("security", self._document.get("security"))
        alternatives = [each for each in security if isinstance(each, Mapping)] if _is_list(security) else []
        roles, scopes = zip(*map(self._demanded, alternatives), strict=True) if alternatives else ((), ())
        given = (*items(item, "parameters"), *items(described, "parameters"))
        parameters = names_of(given, self._resolved, self._keys)
        return Operation(described.get("deprecated") is True, _common(roles), _common(scopes), parameters)

    def _demanded(self, requirement: Mapping[str, Any]) -> tuple[list[str], list[str]]:
        """Roles and scopes of one way in. Since 3.1 other schemes than OAuth name roles."""
        roles: list[str] = []
        scopes: list[str] = []
        for scheme, names in requirement.items():
            if _is_list(names):
                kind = self._schemes.get(scheme, "")
                (scopes if kind in _SCOPED else roles).extend(map(_text, names))
        return roles, scopes

    def _resolved(self, item: Mapping[str, Any]) -> Mapping[str, Any]:
        """A path item, a parameter or a schema, through one reference within the document."""
        reference = item.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            return item
        found: Any = self._document
        for part in reference[2:].split("/"):
            found = _within(found, part.replace("~1", "/").replace("~0", "~"))
        return {**found, **item}


class _Node:
    """What may follow a part of a path: parts as they are, parts with a parameter, and what ends here."""

    __slots__ = ("ends", "literal", "patterns")

    def __init__(self) -> None:
        self.literal: dict[str, _Node] = {}
        self.patterns: list[tuple[str, list[str], _Node]] = []
        self.ends: dict[str, Operation] | None = None

    def add(self, parts: Iterable[str], operations: dict[str, Operation]) -> None:
        node = self
        for part in parts:
            node = node._below(part)
        node.ends = operations

    def _below(self, part: str) -> _Node:
        if _PARAMETER.search(part) is None:
            return self.literal.setdefault(part, _Node())
        shape = _PARAMETER.sub("{}", part)
        for known, _, node in self.patterns:
            if known == shape:
                return node
        node = _Node()
        self.patterns.append((shape, _PARAMETER.split(part), node))
        # The more of a part is given, the sooner it is tried.
        self.patterns.sort(key=lambda each: -len(each[0]))
        return node

    def find(self, parts: list[str], at: int) -> dict[str, Operation] | None:
        if at == len(parts):
            return self.ends
        part = parts[at]
        node = self.literal.get(part)
        found = node.find(parts, at + 1) if node is not None else None
        if found is not None:
            return found
        for _, texts, below in self.patterns:
            if _fits(part, texts):
                found = below.find(parts, at + 1)
                if found is not None:
                    return found
        return None


def read(given: str | os.PathLike[str] | Mapping[str, Any]) -> Description:
    """A description from a file, or of a document. Raises UsageError for what cannot be read."""
    if isinstance(given, Mapping):
        return Description(given)
    path = Path(given)
    try:
        written = path.read_bytes()
        document = _yaml(written) if path.suffix.lower() in _YAML else json.loads(written)
    except ImportError:
        raise UsageError(
            "usage.setting",
            f"openapi: {path} is YAML, and there is no PyYAML to read it",
            hint="Install PyYAML beside the application, or convert the file to JSON.",
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(
            "usage.setting",
            f"openapi: {path} cannot be read: {error}",
            hint="It has to be a JSON file, or one of YAML that is called so (.yaml, .yml).",
        ) from None
    return Description(document)


def _yaml(written: bytes) -> Any:
    # It is no dependency of ours: an application that has it can use it.
    import msgspec.yaml

    return msgspec.yaml.decode(written)


def _fits(part: str, texts: list[str]) -> bool:
    """Whether a part of a path is these texts with something between each two of them.

    By search and not by a pattern, which a part that a client made up could keep busy for long.
    """
    first, *between, last = texts
    at, end = len(first), len(part) - len(last)
    if not part.startswith(first) or not part.endswith(last):
        return False
    for text in between:
        found = part.find(text, at + 1, end)
        if found < 0:
            return False
        at = found + len(text)
    return at < end


def _schemes(document: Mapping[str, Any]) -> dict[str, str]:
    """The kind of each security scheme by its name."""
    found = _security_schemes(document)
    return {str(name): _text(_within(found, name).get("type")) for name in found}


def _security_schemes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    return _within(_within(document, "components"), "securitySchemes") or _within(
        document, "securityDefinitions"
    )


def _keys(document: Mapping[str, Any]) -> frozenset[str]:
    """Under which names API keys stand in a query."""
    found = _security_schemes(document)
    schemes = [_within(found, name) for name in found]
    return frozenset(
        _text(scheme.get("name"))
        for scheme in schemes
        if scheme.get("type") == "apiKey" and scheme.get("in") == "query" and _text(scheme.get("name"))
    )


def _bases(document: Mapping[str, Any]) -> list[str]:
    """What stands before the paths, longest first."""
    found = [_text(document.get("basePath"))]
    servers = document.get("servers")
    if isinstance(servers, list | tuple):
        found += [_path_of(server) for server in servers if isinstance(server, Mapping)]
    bases = {base.rstrip("/") for base in found}
    return sorted(bases - {""}, key=lambda base: -len(base))


def _path_of(server: Mapping[str, Any]) -> str:
    variables = _within(server, "variables")

    def default(match: re.Match[str]) -> str:
        return _text(_within(variables, match[1]).get("default"))

    try:
        return urlsplit(_VARIABLE.sub(default, _text(server.get("url")))).path
    except ValueError:
        return ""


def _common(demands: Iterable[list[str]]) -> tuple[str, ...]:
    """What every one of several ways in demands."""
    first, *others = map(list, demands) if demands else [[]]
    return tuple(dict.fromkeys(each for each in first if all(each in other for other in others)))


def _generic(template: str) -> str:
    return _TEMPLATED.sub("{}", template)


def _is_below(path: str, base: str) -> bool:
    return path.startswith(base) and path[len(base) : len(base) + 1] in {"/", ""}


def _within(value: Any, name: Any) -> Mapping[str, Any]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _is_list(value: Any) -> bool:
    return isinstance(value, list | tuple)


def _text(value: Any) -> str:
    # YAML takes the version 2026-11-24 for a date.
    return str(value) if isinstance(value, str | int | float | date) else ""
