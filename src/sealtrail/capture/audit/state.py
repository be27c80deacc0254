"""The state of a thing at one moment: a copy that later changes do not reach. Nothing here raises.

Mappings, lists, dataclasses, attrs classes, msgspec Structs, pydantic models, named tuples and the models of
SQLAlchemy and Django, whatever holds what; of other objects the public attributes, where they are the whole.
Only what is loaded is looked at: a record must not be the reason for a query.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, Final

from sealtrail.event import hostile

MAX_NODES: Final = 10_000  # values of one state; what is beyond is not compared
_MAX_DEPTH: Final = hostile.MAX_NESTING


class _Cut(str):
    """What was not looked at whole. It is neither equal to anything nor different."""

    __slots__ = ()


CUT: Final = _Cut("...")

_AS_THEY_ARE: Final = frozenset({type(None), bool, int, float, str, bytes, _Cut})
# Values whose parts say less than their text, although some have attributes.
_VALUES: Final = frozenset(
    {"datetime", "decimal", "fractions", "ipaddress", "pathlib", "pathlib._local", "re", "uuid", "zoneinfo"}
)
_NO_STATE: Final = (type, BaseException)


def snapshot(value: Any) -> Any:
    """`value` as mappings with text keys, lists, and leaves that do not change. `CUT` stands for the rest."""
    if type(value) in _AS_THEY_ARE:
        return value
    return _Copy().of(value, 0)


class _Copy:
    __slots__ = ("left",)

    def __init__(self) -> None:
        self.left = MAX_NODES

    def of(self, value: Any, depth: int) -> Any:
        kind = type(value)
        self.left -= 1
        if kind in _AS_THEY_ARE:
            return value
        if self.left < 0 or depth > _MAX_DEPTH:
            return CUT
        try:
            return self.opened(value, depth)
        except Exception:  # a value's own code may raise anything
            return hostile.text(value, hostile.MAX_TEXT, [])

    def opened(self, value: Any, depth: int) -> Any:
        if isinstance(value, Enum):
            return value.value if type(value.value) in _AS_THEY_ARE else value.name
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, bytearray | memoryview):
            return bytes(value)
        if isinstance(value, Mapping):
            return self.mapping(value.items(), depth)
        if isinstance(value, list | tuple):
            names = getattr(type(value), "_fields", None)
            if isinstance(value, tuple) and names:
                return self.mapping(zip(names, value, strict=True), depth)
            return self.sequence(value, depth)
        if isinstance(value, set | frozenset):
            # Equal sets give equal states.
            items = sorted(value, key=lambda item: hostile.text(item, hostile.MAX_TEXT, []))
            return self.sequence(items, depth)
        held = _held(value, whole=depth == 0)
        return hostile.text(value, hostile.MAX_TEXT, []) if held is None else self.mapping(held, depth)

    def sequence(self, items: Iterable[Any], depth: int) -> Any:
        made: list[Any] = []
        for item in items:
            if self.left <= 0:
                return CUT
            made.append(self.of(item, depth + 1))
        return made

    def mapping(self, items: Iterable[tuple[Any, Any]], depth: int) -> Any:
        made: dict[str, Any] = {}
        for key, item in items:
            if self.left <= 0:
                return CUT
            name = key if type(key) is str else hostile.text(key, hostile.MAX_TEXT, [])
            while name in made:
                name += "~"
            made[name] = self.of(item, depth + 1)
        return made


def _held(value: Any, *, whole: bool) -> list[tuple[str, Any]] | None:
    """Names and values of what an object is declared to hold and has; None for what is a value itself."""
    kind = type(value)
    if isinstance(value, _NO_STATE) or kind.__module__ in _VALUES:
        return None
    names = _declared(value)
    if names is None:
        if not whole and not hasattr(kind, "__pydantic_fields__"):
            return None
        # Whatever hangs on it may be an engine, an application, a lock.
        known = {**getattr(value, "__dict__", {}), **(getattr(value, "__pydantic_extra__", None) or {})}
        names = [*known, *_slots(kind)]
    else:
        known = getattr(value, "__dict__", None) or {}
    held: list[tuple[str, Any]] = []
    for name in names:
        if name.startswith("_"):
            continue
        if name in known:
            held.append((name, known[name]))
        elif not _is_mapped(value):
            item = getattr(value, name, CUT)
            if item is not CUT:
                held.append((name, item))
    return held or None


def _declared(value: Any) -> list[str] | None:
    """The names of what a class says its instances hold."""
    kind = type(value)
    mapped = getattr(value, "__dict__", {}).get("_sa_instance_state")
    if mapped is not None:
        return [str(name) for name in mapped.mapper.column_attrs.keys()]  # noqa: SIM118 - no mapping
    if hasattr(kind, "_meta") and hasattr(kind._meta, "concrete_fields"):  # noqa: SLF001 - Django's own name
        return [str(field.attname) for field in kind._meta.concrete_fields]  # noqa: SLF001 - as above
    if hasattr(kind, "__struct_fields__"):
        return list(kind.__struct_fields__)
    if hasattr(kind, "__attrs_attrs__"):
        return [str(field.name) for field in kind.__attrs_attrs__]
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return None


def _is_mapped(value: Any) -> bool:
    """What an ORM has not loaded it would load when asked."""
    return "_sa_instance_state" in getattr(value, "__dict__", {}) or hasattr(type(value), "_meta")


def _slots(kind: type) -> list[str]:
    found: list[str] = []
    for base in kind.__mro__:
        slots = vars(base).get("__slots__", ())
        found += (slots,) if isinstance(slots, str) else slots
    return found
