"""Secrets that a sign stands beside, or that are of parts of fewer than 16 characters. Pure data.

A pattern runs only where one of its literals is in the text, takes bounded runs, and starts at a boundary.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Final, NamedTuple

# What an address stands behind that is none of a database.
_NO_USERS: Final = frozenset({"acct", "im", "mailto", "npm", "sip", "sips", "xmpp"})

Check = Callable[[re.Match[str]], bool]


class Shape(NamedTuple):
    """A rule with a pattern, of which the group `value` is secret, or all; `check` has the last word."""

    rule: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Check | None = None


def _is_login(match: re.Match[str]) -> bool:
    """Whether what stands before a host is a password: a word, as in `mail:alice@host`, is none."""
    return not match["password"].isalpha() and match["user"].lower() not in _NO_USERS


def _is_basic(match: re.Match[str]) -> bool:
    text = match["value"]
    try:
        return b":" in b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        return False


def _is_credential(match: re.Match[str]) -> bool:
    """A token has a digit, or is longer than words are: not so in "the bearer authentication"."""
    value = match["value"]
    return len(value) >= 20 or any(c.isdigit() for c in value)


START: Final = r"(?<![A-Za-z0-9])"


def ascii_only(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | flags)


# What stands in a context, or of parts of fewer than 16 characters: looked for in every text.
ALWAYS: Final = (
    Shape(
        "aws-secret",
        ("aws", "AWS"),
        ascii_only(
            r"(?i:aws)[A-Za-z0-9_. -]{0,24}(?i:key|pass|pwd|token|secret)[A-Za-z_]{0,12}[\"']?\s{0,3}"
            r"[:=]{1,2}>?\s{0,3}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
    Shape(
        "azure-key",
        ("AccountKey=", "SharedAccessKey="),
        ascii_only(r"(?:Account|SharedAccess)Key=(?P<value>[A-Za-z0-9+/]{20,200}={0,2})"),
    ),
    Shape(
        "azure-sas", ("sig=",), ascii_only(r"(?<![A-Za-z0-9_-])sig=(?P<value>[A-Za-z0-9+/%]{43,128}={0,2})")
    ),
    Shape(
        "url-userinfo",
        ("@",),
        ascii_only(r":(?:\\?/){2}(?P<value>[^/\s:@\"'<>]{0,256}:[^/\s@\"'<>]{1,256})@[A-Za-z0-9\[]"),
    ),
    Shape(
        "url-userinfo",
        ("@",),
        ascii_only(
            r"(?<![A-Za-z0-9_.+:-])(?P<value>(?P<user>[A-Za-z0-9_.+-]{1,64}):"
            r"(?P<password>[^\s:@/\"'<>()\[\]{},;|]{4,128}))@"
            r"(?:(?:tcp|unix)\(|localhost\b|\d{1,3}(?:\.\d{1,3}){3}(?![A-Za-z0-9_.])"
            r"|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){0,8}:\d{2,5}(?![A-Za-z0-9_.:-])"
            r"|[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){1,8}/)"
        ),
        _is_login,
    ),
    Shape(
        "slack",
        ("xox",),
        ascii_only(START + r"xox[a-z](?:\.xox[a-z])?-(?:\d{1,20}-){0,5}[A-Za-z0-9-]{8,256}"),
    ),
    Shape(
        "slack",
        ("hooks.slack.com/",),
        ascii_only(r"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<value>[A-Za-z0-9/]{20,256})"),
    ),
    Shape(
        "webhook",
        ("/api/webhooks/",),
        ascii_only(r"discord(?:app)?\.com/api/webhooks/(?P<value>\d{10,20}/[A-Za-z0-9_-]{60,80})"),
    ),
    Shape(
        "webhook",
        (".webhook.office.com/",),
        ascii_only(r"\.webhook\.office\.com/(?P<value>[A-Za-z0-9/@-]{60,300})"),
    ),
    Shape(
        "webhook",
        ("hooks.zapier.com/",),
        ascii_only(r"hooks\.zapier\.com/hooks/catch/(?P<value>[A-Za-z0-9/]{8,80})"),
    ),
    Shape("stripe", ("whsec_",), ascii_only(START + r"whsec_[A-Za-z0-9+/]{24,128}={0,2}")),
    Shape(
        "npm",
        ("_authToken",),
        ascii_only(r"//[^\s/]{1,256}/:_authToken=\s{0,3}(?P<value>(?!\$)[^\s\"']{8,256})"),
    ),
    Shape(
        "bearer",
        ("earer", "EARER"),
        ascii_only(START + r"(?i:bearer)[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{8,4096})"),
        _is_credential,
    ),
    Shape(
        "basic",
        ("asic", "ASIC"),
        ascii_only(START + r"(?i:basic)[ \t]{1,4}(?P<value>[A-Za-z0-9+/_-]{4,1024}={0,2})"),
        _is_basic,
    ),
    Shape(
        "ssn",
        ("ssn", "SSN", "ocial security", "ocial Security", "OCIAL SECURITY"),
        ascii_only(
            START + r"(?i:ssn|social security(?: (?:number|no\.?))?)(?:\s{0,2}(?i:is\b|[:=#])){0,2}\s{0,3}"
            r"(?P<value>(?!000|666|9)\d{3}(?!00)\d\d(?!0000)\d{4})(?![A-Za-z0-9]|[.-]\d)"
        ),
    ),
    Shape(
        "cvv",
        ("cvv", "CVV", "cvc", "CVC", "ard security", "ard verification"),
        ascii_only(
            START + r"(?i:cv[vc]2?(?: code| number)?|card (?:security|verification) (?:code|value|number))"
            r"(?:\s{0,2}(?i:is\b|[:=#])){0,2}\s{0,3}(?P<value>\d{3,4})(?![A-Za-z0-9]|[.-]\d)"
        ),
    ),
    Shape(
        "password-hash",
        ("$2a$", "$2b$", "$2y$"),
        ascii_only(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}(?![A-Za-z0-9])"),
    ),
    Shape(
        "password-hash",
        ("$argon2", "$1$", "$5$", "$6$", "$y$", "$apr1$", "$scrypt$", "$pbkdf2"),
        ascii_only(
            r"\$(?:argon2(?:id|i|d)\$(?:v=\d{1,3}\$)?[a-z0-9=,]{5,64}\$[A-Za-z0-9+/.-]{8,128}\$[A-Za-z0-9+/]{16,256}"
            r"|(?:1|apr1)\$[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{22}|5\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$"
            r"[./A-Za-z0-9]{43}|6\$(?:rounds=\d{1,9}\$)?[./A-Za-z0-9]{1,16}\$[./A-Za-z0-9]{86}|y\$[./A-Za-z0-9]{1,16}"
            r"\$[./A-Za-z0-9]{1,64}\$[./A-Za-z0-9]{43}|(?:scrypt|pbkdf2[a-z0-9-]{0,16})\$[A-Za-z0-9+/.,=-]{1,40}\$"
            r"[A-Za-z0-9+/.=-]{8,128}\$[A-Za-z0-9+/.=-]{16,256})"
        ),
    ),
    Shape(
        "password-hash",
        ("pbkdf2_sha", "pbkdf2:sha", "scrypt:"),
        ascii_only(
            START + r"(?:pbkdf2_sha\d{1,3}\$\d{1,9}\$[A-Za-z0-9]{1,64}\$[A-Za-z0-9+/]{27,88}={0,2}"
            r"|(?:pbkdf2:sha\d{1,3}:\d{1,9}|scrypt:\d{1,9}:\d{1,3}:\d{1,3})\$[A-Za-z0-9]{1,64}\$[a-f0-9]{40,128})"
        ),
    ),
)
