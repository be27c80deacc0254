"""Is a value secret because of its name? Names are split into words, and rules speak of words. Pure.

`accessToken`, `ACCESS-TOKEN`, `user[access_token]` and `accesstoken` are the same three or two words, while
`monkey`, `tokenize` and `password_changed_at` are not: a name that runs words together counts only when it
can be cut into words we know from its first to its last letter.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from unicodedata import normalize
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from sealtrail.scrub.groups import Group

# Longer names carry no meaning at their far end, and hostile ones cost time.
MAX_NAME: Final = 128
_MAX_RUN: Final = 40
_MAX_KNOWN: Final = 4096
_MAX_KNOWN_NAME: Final = 64

_WORD: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", re.ASCII)
_ACCENTS: Final = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_MARK: Final = re.compile(r"\[redacted:[^\[\]]{1,80}\]")
_UP_TO_LAST: Final = re.compile(r".*[.\[]", re.DOTALL)
_NUMERIC_WORDS: Final = (
    (re.compile(r"2fa", re.IGNORECASE), "_twofa_"),
    (re.compile(r"oauth2", re.IGNORECASE), "_oauth_"),
)

# Secret wherever it stands, unless a word of `_DESCRIBING` follows or one of `_ASKING` precedes.
_ALWAYS: Final = {
    "password": "password",
    "passwd": "password",
    "passphrase": "password",
    "passcode": "password",
    "passwort": "password",
    "kennwort": "password",
    "contrasena": "password",
    "contrasenya": "password",
    "senha": "password",
    "wachtwoord": "password",
    "motdepasse": "password",
    "keypass": "password",
    "pwd": "password",
    "pw": "password",
    "pass": "password",
    "secret": "secret",
    "secrets": "secret",
    "credential": "credential",
    "credentials": "credential",
    "cred": "credential",
    "creds": "credential",
    "salt": "secret",
    "otp": "otp",
    "totp": "otp",
    "twofa": "otp",
    "jwt": "token",
    "apikey": "api-key",
    "apitoken": "token",
    "csrf": "csrf",
    "xsrf": "csrf",
    "csrftoken": "csrf",
    "cookie": "session",
    "cookies": "session",
    "jsessionid": "session",
    "phpsessid": "session",
    "sessionid": "session",
    "sessid": "session",
    "cvv": "card",
    "cvc": "card",
    "cvn": "card",
    "ssn": "ssn",
    "iban": "bank",
    "dob": "birth",
    "mrn": "medical-record",
    "medicare": "health-id",
    "medicaid": "health-id",
    "aadhaar": "national-id",
    "nino": "national-id",
    "privkey": "private-key",
    "token": "token",
    "pin": "pin",
    "authorization": "authorization",
    "bearer": "token",
    "assertion": "assertion",
    "routing": "bank",
}

# What makes a secret word a statement about the secret rather than the secret.
_DESCRIBING_TEXT: Final = """
    accepted age algorithm area at banner attempts budget changed class consent count created enabled
    endpoint expired expires expiry expiration format help hint id ids index is izer language last length
    len level lifetime limit list max method min model mode must name names needed ok only options policy
    present provider rate ratio required rejected requests reset rotated rules scheme score seen size status
    strength table type types updated url usage used valid validity verified version
"""
_DESCRIBING: Final = frozenset(_DESCRIBING_TEXT.split())
_ASKING_TEXT: Final = """
    audio cached completion count has input is max min no num output per prompt reasoning requires text
    shipping total use uses used
"""
_ASKING: Final = frozenset(_ASKING_TEXT.split())

# Secret only in this company: words that must stand side by side, in this order.
_TOGETHER: Final = (
    ("key", "api", "api-key"),
    ("key", "access", "api-key"),
    ("key", "private", "private-key"),
    ("key", "secret", "secret"),
    ("key", "encryption", "private-key"),
    ("key", "signing", "private-key"),
    ("key", "master", "private-key"),
    ("key", "shared", "secret"),
    ("key", "auth", "api-key"),
    ("key", "account", "api-key"),
    ("key", "storage", "api-key"),
    ("key", "service", "api-key"),
    ("key", "ssh", "private-key"),
    ("key", "license", "api-key"),
    ("key", "subscription", "api-key"),
    ("key", "client", "api-key"),
    ("key", "app", "api-key"),
    ("key", "application", "api-key"),
    ("key", "consumer", "api-key"),
    ("key", "functions", "api-key"),
    ("key", "db", "api-key"),
    ("key", "database", "api-key"),
    ("key", "priv", "private-key"),
    ("key", "hmac", "private-key"),
    ("key", "tls", "private-key"),
    ("key", "ssl", "private-key"),
    ("key", "pgp", "private-key"),
    ("key", "gpg", "private-key"),
    ("key", "certificate", "private-key"),
    ("keys", "api", "api-key"),
    ("keys", "access", "api-key"),
    ("keys", "private", "private-key"),
    ("tokens", "access", "token"),
    ("tokens", "refresh", "token"),
    ("tokens", "auth", "token"),
    ("tokens", "api", "token"),
    ("id", "session", "session"),
    ("session", "laravel", "session"),
    ("session", "aiohttp", "session"),
    ("session", "user", "session"),
    ("session", "gitlab", "session"),
    ("sid", "connect", "session"),
    ("key", "session", "session"),
    ("code", "security", "card"),
    ("value", "verification", "card"),
    ("answer", "security", "answer"),
    ("code", "time", "otp"),
    ("passe", "de", "password"),
    ("code", "auth", "code"),
    ("code", "authorization", "code"),
    ("code", "verification", "code"),
    ("code", "recovery", "code"),
    ("code", "backup", "code"),
    ("codes", "recovery", "code"),
    ("codes", "backup", "code"),
    ("code", "access", "code"),
    ("code", "reset", "code"),
    ("code", "sms", "code"),
    ("code", "mfa", "otp"),
    ("code", "factor", "otp"),
    ("verifier", "code", "code"),
    ("response", "saml", "assertion"),
    ("string", "connection", "connection"),
    ("card", "credit", "card"),
    ("card", "debit", "card"),
    ("num", "card", "card"),
    ("number", "card", "card"),
    ("no", "card", "card"),
    ("num", "cc", "card"),
    ("number", "cc", "card"),
    ("no", "cc", "card"),
    ("acc", "bank", "bank"),
    ("account", "bank", "bank"),
    ("num", "acc", "bank"),
    ("number", "acc", "bank"),
    ("num", "account", "bank"),
    ("number", "account", "bank"),
    ("no", "account", "bank"),
    ("number", "bank", "bank"),
    ("code", "sort", "bank"),
    ("security", "social", "ssn"),
    ("id", "tax", "tax-id"),
    ("id", "national", "national-id"),
    ("number", "insurance", "health-id"),
    ("no", "insurance", "health-id"),
    ("id", "insurance", "health-id"),
    ("plan", "health", "health-id"),
    ("number", "beneficiary", "health-id"),
    ("number", "patient", "medical-record"),
    ("number", "record", "medical-record"),
    ("number", "pan", "card"),
    ("number", "passport", "passport"),
    ("no", "passport", "passport"),
    ("license", "driver", "license"),
    ("license", "drivers", "license"),
    ("date", "birth", "birth"),
    ("birth", "of", "birth"),
    ("record", "medical", "medical-record"),
)
_BY_LAST: Final[dict[str, dict[str, str]]] = {}
for _last, _before, _rule in _TOGETHER:
    _BY_LAST.setdefault(_last, {})[_before] = _rule

# Secret when the name is nothing else, or ends in it.
_ALONE: Final = {
    "session": "session",
    "sid": "session",
    "auth": "authorization",
    "pan": "card",
    "signature": "signature",
    "sig": "signature",
}
_AT_END: Final = {"signature": "signature", "sig": "signature"}

# Words that names which run together are cut into, besides those above.
_PLAIN_TEXT: Final = """
    admin app aws azure basic billing card client confirm confirmation current customer data database db
    device email first form gcp github gitlab google hash header home key last login mail member mysql
    my new nick num number oauth old one openai order original payment pg postgres proxy redis refresh
    register remember repeat retype root second slack smtp social stripe temp test the time two user
    username value verify web webhook x your factor code acc account security bank credit debit cc api
    access private auth session
"""
_PLAIN: Final = frozenset(_PLAIN_TEXT.split())
_WORDS: Final = frozenset(_ALWAYS) | _PLAIN | {word for pair in _TOGETHER for word in pair[:2]}
_LONGEST: Final = max(map(len, _WORDS))

_known: dict[str, str] = {}
# What the policy of the process says of names, as `policy.spelled` writes them.
_chosen: Mapping[str, str] = {}
_group: Group | None = None

# Rule of a name that a policy alone makes secret.
CHOSEN: Final = "name"


def choose(names: Mapping[str, str], group: Group | None) -> None:
    """Follow a policy: `keep` makes a name innocent; all else, and a group, make it one of a secret."""
    global _chosen, _group
    _chosen, _group = names, group
    _known.clear()


def secret_name(name: str) -> str:
    """Id of the rule that makes a value under this name secret; empty for an innocent name."""
    rule = _known.get(name)
    if rule is None:
        rule = _judge(name)
        # Names come from clients, so what is remembered is bounded.
        if len(_known) < _MAX_KNOWN and len(name) <= _MAX_KNOWN_NAME:
            _known[name] = rule
    return rule


@lru_cache(1024)
def spelled(name: str) -> str:
    """A name as policies know it: the words of its last part, however they are put together."""
    return "-".join(words(_UP_TO_LAST.sub("", name[:MAX_NAME].rstrip("]"))))


def words(name: str) -> list[str]:
    """The words of a name in lower case: `X-apiToken2` gives x, api, token."""
    text = name[:MAX_NAME]
    for _ in range(2):
        if "%" not in text and "+" not in text:
            break
        text = unquote_plus(text)
    if not text.isascii():
        # contraseña is its word, also in pieces or in full width.
        text = _ACCENTS.sub("", normalize("NFKD", text))[:MAX_NAME]
    for pattern, replacement in _NUMERIC_WORDS:
        text = pattern.sub(replacement, text)
    found: list[str] = []
    for match in _WORD.finditer(text):
        word = match[0].lower()
        found += _cut(word) if word not in _WORDS and len(word) <= _MAX_RUN else (word,)
    return found


def _cut(run: str) -> tuple[str, ...]:
    """A run of letters as known words, fewest first; as it is where some letters would be left over."""
    best: list[tuple[str, ...] | None] = [()] + [None] * len(run)
    for end in range(1, len(run) + 1):
        for start in range(max(0, end - _LONGEST), end):
            before = best[start]
            if before is not None and run[start:end] in _WORDS:
                shortest = best[end]
                if shortest is None or len(before) + 1 < len(shortest):
                    best[end] = (*before, run[start:end])
    return best[-1] or (run,)


def _judge(name: str) -> str:
    # What stands for a secret says nothing of the value beside it.
    name = _MARK.sub("", name)
    choice = _chosen.get(spelled(name)) if _chosen else None
    if choice is None:
        return _rule_of(name) or _rule_of_group(name)
    return "" if choice == "keep" else _rule_of(name) or CHOSEN


def _rule_of_group(name: str) -> str:
    if _group is None:
        return ""
    # Its patterns take longer to be made than all else here, and few policies ask for them.
    from sealtrail.scrub.groups import rule_of_words

    return rule_of_words(words(name), _group)


def _rule_of(name: str) -> str:
    found = words(name)
    if not found:
        return ""
    last = len(found) - 1
    for place, word in enumerate(found):
        rule = _ALWAYS.get(word, "")
        before = found[place - 1] if place else ""
        if not rule:
            rule = _BY_LAST.get(word, {}).get(before, "")
        if not rule and place == last:
            rule = _AT_END.get(word, "")
        if not rule and last == 0:
            rule = _ALONE.get(word, "")
        if not rule:
            continue
        if place < last and found[place + 1] in _DESCRIBING:
            continue
        if before in _ASKING:
            continue
        return rule
    return ""


def by_rule() -> dict[str, tuple[str, ...]]:
    """Each rule with the words that make a name one of its own: alone, or `a b` side by side."""
    found: dict[str, list[str]] = {}
    for words_of in (_ALWAYS, _ALONE, _AT_END):
        for word, rule in words_of.items():
            found.setdefault(rule, []).append(word)
    for last, before, rule in _TOGETHER:
        found.setdefault(rule, []).append(f"{before} {last}")
    return {rule: tuple(dict.fromkeys(texts)) for rule, texts in found.items()}
