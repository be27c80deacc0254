"""What stands in the place of a secret. Pure.

A call may bring a policy of its own. One that brings none follows the policy of the process, which `use` sets
once at the start; until then it is to replace everything. Names that a policy makes secret or innocent, and
groups, count as those of the process only.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from sealtrail.scrub import shapes
from sealtrail.scrub.names import choose, spelled

Mode = Literal["replace", "drop", "mask", "hmac"]
Choice = Literal["replace", "drop", "mask", "hmac", "keep"]

# So marked text is never scrubbed a second time.
MARK: Final = "[redacted:"

# What may stand behind the rule: the end of a number, or a key and a hash.
_WHOLE_MARK: Final = re.compile(
    r"\[redacted:[a-z0-9.-]{1,40}(?::(?:\.\.\.\d{4}|[0-9a-f]{4}:[0-9a-f]{16}))?\]", re.ASCII
)
_MAX_MARK: Final = 80

# The last digits of these identify the thing to its owner, and to nobody else.
_MASKED: Final = frozenset({"card-number", "iban", "card", "bank"})
_NOTHING: Final[Mapping[str, Choice]] = MappingProxyType({})
_HASH_BYTES: Final = 8
_KEY_ID_BYTES: Final = 2


class Policy(NamedTuple):
    """How secrets are replaced.

    replace: `[redacted:RULE]`. drop: nothing is left. mask: `[redacted:RULE:...1881]` for cards and accounts,
    else as replace. hmac: `[redacted:RULE:KEY:HASH]`, so that equal values stay equal for whoever holds the
    key, and KEY, its id, says which one that is; without a `digest` as replace.

    `fields`, `names` and `rules` choose for one field (`*` stands for any characters), for what stands under
    one name, and for what one rule finds: the first that says something wins, then `mode`. keep: it stays.
    `digest` makes `KEY:HASH` of a value, as `keyed` does. `groups` are further rules, such as hipaa.
    """

    mode: Mode = "replace"
    rules: Mapping[str, Choice] = _NOTHING
    names: Mapping[str, Choice] = _NOTHING
    fields: Mapping[str, Choice] = _NOTHING
    digest: Callable[[str], str] | None = None
    groups: frozenset[str] = frozenset()

    def replacement(self, rule: str, secret: str, field: str = "", name: str = "") -> str | None:
        """What to write for a secret that a rule found in a field, under a name; None: it stays."""
        policy = _used if self is REPLACE else self
        choice: Choice | None = None
        if policy.fields:
            choice = policy.for_field(field)
        if choice is None and policy.names and name:
            choice = policy.names.get(spelled(name))
        if choice is None:
            choice = policy.rules.get(rule, policy.mode)
        return None if choice == "keep" else policy.written(choice, rule, secret)

    def looking(self) -> Policy:
        """The same for who only wants to know whether anything would go: hashes cost more than all else."""
        policy = _used if self is REPLACE else self
        return policy if policy.digest is None else policy._replace(digest=None)

    def for_field(self, field: str) -> Choice | None:
        """What is chosen for a field, or for one that it is a part of; None where nothing is."""
        exact = self.fields.get(field)
        if exact is not None:
            return exact
        for pattern, choice in self.fields.items():
            if field_pattern(pattern).fullmatch(field) is not None:
                return choice
        return None

    def written(self, choice: Choice, rule: str, secret: str) -> str:
        if choice == "drop":
            return ""
        if choice == "mask" and rule in _MASKED and len(secret) >= 12 and secret[-4:].isdigit():
            return f"{MARK}{rule}:...{secret[-4:]}]"
        if choice == "hmac" and self.digest is not None:
            return f"{MARK}{rule}:{self.digest(secret)}]"
        return f"{MARK}{rule}]"


REPLACE: Final = Policy()
_used: Policy = REPLACE


def use(policy: Policy | None) -> None:
    """Make this the policy of the process, None for the one it begins with."""
    global _used  # noqa: PLW0603 - one choice for the process; the change is one step
    _used = REPLACE if policy is None else policy
    group = None
    if _used.groups:
        from sealtrail.scrub.groups import further

        group = further(_used.groups)
    choose(_used.names, group)
    shapes.choose(group)


def used() -> Policy:
    """The policy of the process."""
    return _used


def is_marked(value: str, place: int) -> bool:
    """True where a place is within what stands for a secret: nothing in there is looked at again."""
    begin = value.rfind(MARK, max(0, place - _MAX_MARK), place + 1)
    mark = _WHOLE_MARK.match(value, begin) if begin >= 0 else None
    return mark is not None and place < mark.end()


@lru_cache(64)
def key_id(key: bytes) -> str:
    """Four hexadecimal digits that tell keys apart and say nothing of them."""
    return hmac.digest(key, b"sealtrail key id", "sha256")[:_KEY_ID_BYTES].hex()


def keyed(key: bytes, secret: str) -> str:
    """`KEY:HASH` of a secret: the key's id, and the keyed hash, 16 hexadecimal digits."""
    return f"{key_id(key)}:{_hashed(key, secret)}"


def _hashed(key: bytes, secret: str) -> str:
    raw = secret.encode("utf-8", "backslashreplace")
    return hmac.digest(key, b"scrub\0" + raw, "sha256")[:_HASH_BYTES].hex()


@lru_cache(256)
def field_pattern(pattern: str) -> re.Pattern[str]:
    """What matches the fields that a policy means by a name: those within it, with `*` for anything."""
    return re.compile(".*".join(map(re.escape, pattern.split("*"))) + r"(?:\..*)?", re.DOTALL)
