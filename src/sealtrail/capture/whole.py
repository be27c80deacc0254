"""Fields that a policy chooses for: they go whole, whatever is in them, just before the event is written.

What scrubbing found there has gone before, by the same choice: no secret waits for this.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from sealtrail.errors import UsageError
from sealtrail.event import hostile
from sealtrail.event.fields import FIELDS, Field
from sealtrail.event.model import Event
from sealtrail.event.validate import RESERVED_PREFIX
from sealtrail.scrub.policy import MARK, Choice, Policy, field_pattern, is_marked

RULE: Final = "field"

# An event without these is none, or is another: the chain, the order and the collector go by them.
_NEEDED: Final = frozenset(
    {
        *("@timestamp", "event.id", "event.kind", "event.category", "event.type", "event.action"),
        *("event.outcome", "event.start", "event.duration", "http.request.id", "trace.id", "span.id"),
        *("parent.id", "http.request.method", "service.name", "host.hostname", "process.pid"),
        *("sealtrail.kind", "sealtrail.emitter", "sealtrail.seq", "sealtrail.redacted", "sealtrail.notes"),
        *("sealtrail.truncated", "sealtrail.own", "sealtrail.intent", "ecs.version"),
    }
)
_TEXTS: Final = frozenset({"keyword", "text"})
_MAX_TEXT: Final = 8192
_MAX_PATH: Final = 128
# An application's own fields are not known: a name that is this near to one of ours is that one misspelt.
_NEAR: Final = 0.85
_DETAILS: Final = "sealtrail.details"
_CHANGE: Final = "sealtrail.change"
_PATHS: Final = (f"{_DETAILS}.", f"{_CHANGE}.")


def is_chosen(policy: Policy) -> bool:
    """Whether the policy lets any field go whole."""
    return any(choice != "keep" for choice in policy.fields.values())


def checked(policy: Policy, source: str) -> Policy:
    """The policy, if each field that it names may be there, and go in that way. Raises UsageError."""
    for name, choice in policy.fields.items():
        _check_name(name, source)
        known = FIELDS.get(name)
        if choice == "keep" or known is None:
            continue
        if name in _NEEDED:
            raise UsageError("usage.setting", f"{source}: no event can do without {name!r}")
        if choice != "drop" and known.type not in {*_TEXTS, "keywords", "json"}:
            raise UsageError(
                "usage.setting",
                f"{source}: {name!r} cannot hold the text that {choice} puts there",
                hint=f"It holds a value of the type {known.type}: it can be dropped.",
            )
    return policy


def _check_name(name: str, source: str) -> None:
    """A name that is misspelt would choose for nothing, and let stay what somebody wanted gone."""
    from difflib import get_close_matches

    pattern = field_pattern(name)
    if name.startswith(_PATHS) or any(pattern.fullmatch(known) is not None for known in FIELDS):
        return
    is_ours = name.startswith(RESERVED_PREFIX)
    if not is_ours and "*" in name:
        return
    near = get_close_matches(name, FIELDS, 1, 0.6 if is_ours else _NEAR)
    if is_ours or near:
        raise UsageError(
            "usage.setting",
            f"{source}: there is no field {name!r}" + (f"; is {near[0]!r} meant?" if near else ""),
            hint="docs/reference/fields.md lists them. One of your own with a name so near is written with "
            "a `*` at its end.",
        )


def apply(event: Event, policy: Policy) -> None:
    """Let the chosen fields of an event go."""
    redacted: list[str] = []
    for attribute, name in zip(event.__struct_fields__, event.__struct_encode_fields__, strict=True):
        value = getattr(event, attribute)
        field = FIELDS.get(name)
        if field is None or name in _NEEDED or not (value or value == 0):
            continue
        if name == _DETAILS:
            made = _walk(value, name, policy, redacted)
        elif name == _CHANGE:
            made = [_change(one, policy, redacted) for one in value]
        else:
            made = _one(value, field, policy, redacted)
        if made is not value:
            setattr(event, attribute, made)
    if redacted:
        event.redacted = list(dict.fromkeys((*event.redacted, *redacted)))


def apply_to_extra(given: Mapping[str, Any], policy: Policy, event: Event) -> dict[str, Any]:
    """The caller's own fields without what is chosen of them."""
    redacted: list[str] = []
    made = {name: _walk(value, name, policy, redacted) for name, value in given.items()}
    if redacted:
        event.redacted = list(dict.fromkeys((*event.redacted, *redacted)))
    return made


def _one(value: Any, field: Field, policy: Policy, redacted: list[str]) -> Any:
    choice = policy.for_field(field.name)
    if choice is None or choice == "keep":
        return value
    redacted.append(f"{field.name}:{RULE}")
    if field.type == "keywords":
        return [] if choice == "drop" else [_gone(item, choice, policy) for item in value]
    if field.type in _TEXTS:
        return _gone(value, choice, policy)
    return "" if isinstance(value, str) else None


def _walk(value: Any, path: str, policy: Policy, redacted: list[str]) -> Any:
    choice = policy.for_field(path) if type(path) is str else None
    if choice == "keep" or value is None:
        return value
    if choice is not None and not isinstance(value, dict | list | tuple):
        redacted.append(f"{path[:_MAX_PATH]}:{RULE}")
        return _gone(value, choice, policy)
    if isinstance(value, dict):
        return {key: _walk(item, f"{path}.{key}", policy, redacted) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_walk(item, path, policy, redacted) for item in value]
    return value


def _change(change: Any, policy: Policy, redacted: list[str]) -> Any:
    path = f"{_CHANGE}.{change.get('path', '')}"
    return {
        key: item if key == "path" else _walk(item, path, policy, redacted) for key, item in change.items()
    }


def _gone(value: Any, choice: Choice, policy: Policy) -> str:
    text = value if isinstance(value, str) else _shown(value)
    # Replaced by what scrubbing found already: the same choice made it.
    if is_marked(text, len(text) - 1) and text.startswith(MARK) and text.count(MARK) == 1:
        return text if choice != "drop" else ""
    return policy.written(choice, RULE, text)


def _shown(value: Any) -> str:
    try:
        return msgspec.json.encode(value).decode()
    except Exception:  # a value of the application's own
        return hostile.text(value, _MAX_TEXT, [])
