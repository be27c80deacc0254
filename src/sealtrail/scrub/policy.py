"""What stands in the place of a secret. Pure."""

from __future__ import annotations

import hmac
from typing import Final, Literal, NamedTuple

Mode = Literal["replace", "drop", "mask", "hmac"]

# So marked text is never scrubbed a second time.
MARK: Final = "[redacted:"

# The last characters of these identify the thing to its owner, and to nobody else.
_MASKED: Final = frozenset({"card-number", "iban", "card", "bank"})


class Policy(NamedTuple):
    """How secrets are replaced.

    replace: `[redacted:RULE]`. drop: nothing is left. mask: `[redacted:RULE:...1881]` for cards and accounts,
    else as replace. hmac: `[redacted:RULE:HASH]`, so that equal values stay equal for whoever holds the key.
    """

    mode: Mode = "replace"
    key: bytes = b""

    def replacement(self, rule: str, secret: str) -> str:
        if self.mode == "drop":
            return ""
        if self.mode == "mask" and rule in _MASKED and len(secret) >= 12:
            return f"{MARK}{rule}:...{secret[-4:]}]"
        if self.mode == "hmac" and self.key:
            digest = hmac.digest(self.key, secret.encode("utf-8", "backslashreplace"), "sha256")
            return f"{MARK}{rule}:{digest[:8].hex()}]"
        return f"{MARK}{rule}]"


REPLACE: Final = Policy()
