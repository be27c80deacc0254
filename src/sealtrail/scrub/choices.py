"""A policy as people write it: TOML or a mapping, checked before anything is scrubbed by it. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, Final, get_args

import msgspec

from sealtrail.errors import UsageError
from sealtrail.scrub.catalog import RULES
from sealtrail.scrub.groups import GROUPS
from sealtrail.scrub.names import spelled
from sealtrail.scrub.policy import Choice, Mode, Policy

_HINT: Final = (
    f"A choice is one of {', '.join(get_args(Choice))}; docs/how-to/scrubbing.md shows what a policy may say."
)
# A policy is written by a person; each pattern is tried on each field where something was found.
MAX_CHOICES: Final = 256


class _Written(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mode: Mode = "replace"
    groups: list[str] = []
    rules: dict[str, Choice] = {}
    names: dict[str, Choice] = {}
    fields: dict[str, Choice] = {}


def policy_of(
    given: str | Mapping[str, Any], source: str, digest: Callable[[str], str] | None = None
) -> Policy:
    """The policy that a TOML text or a mapping says. `source` is what errors call it.

    Raises UsageError for a name that is none, a rule or a choice that does not exist.
    """
    try:
        if isinstance(given, str):
            written = msgspec.toml.decode(given, type=_Written)
        else:
            written = msgspec.convert(given, _Written)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError("usage.setting", f"{source}: {error}", hint=_HINT) from None
    for section in (written.rules, written.names, written.fields):
        if len(section) > MAX_CHOICES:
            raise UsageError("usage.setting", f"{source}: more than {MAX_CHOICES} choices of one kind")
    for group in written.groups:
        if group not in GROUPS:
            raise UsageError(
                "usage.setting",
                f"{source}: there is no group of rules {group!r}",
                hint=f"There is {', '.join(GROUPS)}.",
            )
    for rule in written.rules:
        if rule not in RULES:
            near = get_close_matches(rule, RULES, 1)
            raise UsageError(
                "usage.setting",
                f"{source}: there is no rule {rule!r}" + (f"; is {near[0]!r} meant?" if near else ""),
                hint="docs/reference/scrubbing.md lists the rules.",
            )
    return Policy(
        written.mode,
        rules=written.rules,
        names=_names(written.names, source),
        # What says more comes first.
        fields=dict(sorted(written.fields.items(), key=lambda item: -len(item[0]))),
        digest=digest,
        groups=frozenset(written.groups),
    )


def _names(given: Mapping[str, Choice], source: str) -> dict[str, Choice]:
    names: dict[str, Choice] = {}
    for name, choice in given.items():
        key = spelled(name)
        if not key:
            raise UsageError("usage.setting", f"{source}: {name!r} has no letters to know a name by")
        if names.setdefault(key, choice) != choice:
            raise UsageError(
                "usage.setting",
                f"{source}: {name!r} is given two choices, in two spellings",
                hint="user_id, userId and user-id are one name.",
            )
    return names
