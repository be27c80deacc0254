"""Nested JSON values: what stands under a secret name goes whole, the rest is read leaf by leaf. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sealtrail.scrub.free import Notes, text
from sealtrail.scrub.names import secret_name
from sealtrail.scrub.policy import MARK, REPLACE, Policy

_MAX_NOTES: Final = 32
_MAX_KEY: Final = 64
# The shortest card number; shorter numbers have no shape that tells them from counters.
_CARD_FROM: Final = 10**11
# Lists of headers, parameters, form fields and settings say under one key what stands under another.
_VALUES: Final = frozenset({"value", "Value", "values", "Values"})
_NAMES: Final = tuple(
    spelled
    for name in ("name", "key", "field", "parameter", "header", "attribute", "label")
    for spelled in (name, name.capitalize())
)


def value(name: str, item: Any, field: str, policy: Policy = REPLACE) -> tuple[Any, Notes]:
    """One value and the name it goes by; `field` is what notes speak of."""
    found: list[str] = []
    result = _named(name, item, field, policy, found)
    return result, tuple(dict.fromkeys(found[:_MAX_NOTES]))


def details(
    item: Any, field: str = "sealtrail.details", policy: Policy = REPLACE, keep: Collection[str] = ()
) -> tuple[Any, Notes]:
    """A copy of JSON values (mappings, lists, texts, numbers) without secrets."""
    found: list[str] = []
    result = _walk(item, field, policy, found, keep)
    return result, tuple(dict.fromkeys(found[:_MAX_NOTES]))


def paired(item: Mapping[Any, Any]) -> str:
    """The secret name that a mapping gives its value, `{"name": "password", "value": ...}`; else empty."""
    if _VALUES.isdisjoint(item):
        return ""
    for key in _NAMES:
        name = item.get(key)
        if isinstance(name, str) and secret_name(name):
            return name
    return ""


def _named(
    name: str, item: Any, path: str, policy: Policy, found: list[str], keep: Collection[str] = ()
) -> Any:
    rule = secret_name(name)
    if not rule or item is None or isinstance(item, bool) or item in ("", [], {}):
        return _walk(item, path, policy, found, keep)
    if isinstance(item, str) and item.startswith(MARK):
        return item
    made = policy.replacement(rule, item if isinstance(item, str) else repr(item), path, name)
    if made is None:
        return _walk(item, path, policy, found, keep)
    found.append(f"{path}:{rule}")
    return made


def _walk(item: Any, path: str, policy: Policy, found: list[str], keep: Collection[str]) -> Any:
    if isinstance(item, str):
        cleaned, more = text(item, path, policy, keep)
        found += more
        return cleaned
    if isinstance(item, dict):
        result: dict[str, Any] = {}
        called = paired(item)
        for key, inner in item.items():
            name, more = text(str(key), f"{path}.*", policy, keep)
            found += more
            meant = called if called and key in _VALUES else key
            result[name] = _named(meant, inner, f"{path}.{name[:_MAX_KEY]}", policy, found, keep)
        return result
    if isinstance(item, list | tuple):
        return [_walk(inner, path, policy, found, keep) for inner in item]
    if isinstance(item, int) and not isinstance(item, bool) and item >= _CARD_FROM:
        cleaned, more = text(str(item), path, policy, keep)
        found += more
        return cleaned if more else item
    return item
