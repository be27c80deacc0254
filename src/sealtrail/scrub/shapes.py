"""Values that are secret whatever their name: each shape has a literal that must be there first. Pure.

A clean text costs one search per literal and one translation. A pattern runs only where its literal was
found, takes bounded runs, and starts at a boundary, so that hostile text costs little more than clean text.
"""

from __future__ import annotations

import binascii
import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Callable
from typing import Final, NamedTuple

from sealtrail.scrub.numbers import CARD, IBAN, SSN, iban_end, is_card


class Finding(NamedTuple):
    """A secret in a text: [start, end) and the id of the rule that found it."""

    start: int
    end: int
    rule: str


Check = Callable[[re.Match[str]], bool]


class _Shape(NamedTuple):
    rule: str
    literals: tuple[str, ...]
    pattern: re.Pattern[str]
    check: Check | None = None


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


def _is_short(shape: _Shape) -> bool:
    return shape.rule in _SHORT or shape.literals in {("whsec_",), ("_authToken",)}


_B: Final = r"(?<![A-Za-z0-9])"
_E: Final = r"(?![A-Za-z0-9])"


def _re(pattern: str, flags: int = 0) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII | flags)


_SHAPES: Final = (
    _Shape("aws-key", ("AKIA", "ASIA", "ABIA", "ACCA"), _re(_B + r"A(?:KI|SI|BI|CC)A[A-Z0-9]{16}" + _E)),
    _Shape("aws-key", ("A3T",), _re(_B + r"A3T[A-Z0-9]{17}" + _E)),
    _Shape(
        "aws-secret",
        ("aws", "AWS"),
        _re(
            r"(?i:aws)[A-Za-z0-9_. -]{0,24}(?i:key|pass|pwd|token|secret)[A-Za-z_]{0,12}[\"']?\s{0,3}"
            r"[:=]{1,2}>?\s{0,3}[\"']?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
    _Shape(
        "azure-key",
        ("AccountKey=", "SharedAccessKey="),
        _re(r"(?:Account|SharedAccess)Key=(?P<value>[A-Za-z0-9+/]{20,200}={0,2})"),
    ),
    _Shape(
        "url-userinfo", ("@",), _re(r"://(?P<value>[^/\s:@\"'<>]{0,256}:[^/\s@\"'<>]{1,256})@[A-Za-z0-9\[]")
    ),
    _Shape("github", ("ghp_", "gho_", "ghu_", "ghs_", "ghr_"), _re(_B + r"gh[pousr]_[A-Za-z0-9]{36,255}")),
    _Shape("github", ("github_pat_",), _re(_B + r"github_pat_[A-Za-z0-9_]{22,255}")),
    _Shape(
        "gitlab",
        ("gl",),
        _re(
            _B + r"gl(?:(?:pat|dt|ft|rt|cbt|feat|ffct)-(?:[A-Za-z0-9_-]{20,64}(?![A-Za-z0-9_-]))"
            r"|soat-[A-Za-z0-9_-]{20,50}(?![A-Za-z0-9_-])|imt-[A-Za-z0-9_-]{25}(?![A-Za-z0-9_-])"
            r"|ptt-[A-Za-z0-9_-]{40}(?![A-Za-z0-9_-])|agent-[A-Za-z0-9_-]{50,100}(?![A-Za-z0-9_-])"
            r"|oas-[A-Za-z0-9_-]{64}(?![A-Za-z0-9_-]))"
        ),
    ),
    _Shape("gitlab", ("GR1348941",), _re(_B + r"GR1348941[A-Za-z0-9_-]{20,50}(?![A-Za-z0-9_-])")),
    _Shape("slack", ("xox",), _re(_B + r"xox[a-z](?:\.xox[a-z])?-(?:\d{1,20}-){0,5}[A-Za-z0-9-]{8,256}")),
    _Shape("slack", ("xapp-",), _re(_B + r"xapp-\d-[A-Z0-9]{1,32}-\d{1,20}-[a-f0-9]{8,128}")),
    _Shape(
        "slack",
        ("hooks.slack.com/",),
        _re(r"hooks\.slack\.com/(?:services|workflows)/(?P<value>[A-Za-z0-9/]{20,256})"),
    ),
    _Shape(
        "stripe", ("k_live_", "k_test_", "k_prod_"), _re(_B + r"[sr]k_(?:live|test|prod)_[A-Za-z0-9]{10,255}")
    ),
    _Shape("stripe", ("whsec_",), _re(_B + r"whsec_[A-Za-z0-9+/]{24,128}={0,2}")),
    _Shape("google", ("AIza",), _re(_B + r"AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])")),
    _Shape("google", ("ya29.",), _re(_B + r"ya29\.[A-Za-z0-9_-]{20,1024}")),
    _Shape("google", ("GOCSPX-",), _re(_B + r"GOCSPX-[A-Za-z0-9_-]{20,64}")),
    _Shape("npm", ("npm_",), _re(_B + r"npm_[A-Za-z0-9]{36}" + _E)),
    _Shape(
        "npm", ("_authToken",), _re(r"//[^\s/]{1,256}/:_authToken=\s{0,3}(?P<value>(?!\$)[^\s\"']{8,256})")
    ),
    _Shape("sendgrid", ("SG.",), _re(_B + r"SG\.[A-Za-z0-9_-]{16,32}\.[A-Za-z0-9_-]{16,64}")),
    _Shape("openai", ("T3BlbkFJ",), _re(_B + r"sk-[A-Za-z0-9_-]{16,160}T3BlbkFJ[A-Za-z0-9_-]{16,160}")),
    _Shape("anthropic", ("sk-ant-",), _re(_B + r"sk-ant-[A-Za-z0-9_-]{20,200}")),
    _Shape("vault", ("hvs.", "hvb.", "hvr."), _re(_B + r"hv[sbr]\.[A-Za-z0-9_-]{20,256}")),
    _Shape("pypi", ("pypi-AgE",), _re(_B + r"pypi-AgE[A-Za-z0-9_-]{82,1024}")),
    _Shape("square", ("sq0csp-", "sq0atp-"), _re(_B + r"sq0(?:csp|atp)-[A-Za-z0-9_\\-]{22,64}")),
    _Shape("mailchimp", ("-us",), _re(_B + r"[0-9a-f]{32}-us\d{1,2}" + _E)),
    _Shape("telegram", (":AA",), _re(_B + r"\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])")),
    _Shape("twilio", ("SK", "AC"), _re(_B + r"(?:SK|AC)[a-z0-9]{32}" + _E)),
    _Shape(
        "digitalocean", ("do_v1_", "oo_v1_", "or_v1_", "op_v1_"), _re(_B + r"do[opr]_v1_[a-f0-9]{64}" + _E)
    ),
    _Shape(
        "shopify",
        ("shpat_", "shpca_", "shppa_", "shpss_"),
        _re(_B + r"shp(?:at|ca|pa|ss)_[A-Fa-f0-9]{32}" + _E),
    ),
    _Shape("huggingface", ("hf_",), _re(_B + r"hf_[A-Za-z0-9]{34}" + _E)),
    _Shape("docker", ("dckr_pat_",), _re(_B + r"dckr_pat_[A-Za-z0-9_-]{20,64}")),
    _Shape("age", ("AGE-SECRET-KEY-1",), _re(r"AGE-SECRET-KEY-1[0-9A-Z]{58}")),
    _Shape(
        "bearer",
        ("earer", "EARER"),
        _re(_B + r"(?i:bearer)[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{8,4096})"),
        _is_credential,
    ),
    _Shape(
        "basic",
        ("asic ", "ASIC "),
        _re(_B + r"(?i:basic)[ \t]{1,4}(?P<value>[A-Za-z0-9+/_-]{4,1024}={0,2})"),
        _is_basic,
    ),
    _Shape(
        "discord", (), _re(_B + r"[A-Za-z]?[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,38}")
    ),
)
# These can be made of parts of fewer than 16 characters; the others are only looked for beside a longer run.
_SHORT: Final = frozenset({"aws-secret", "azure-key", "url-userinfo", "slack", "bearer", "basic"})
_ALWAYS: Final = tuple((text, shape) for shape in _SHAPES for text in shape.literals if _is_short(shape))
_IN_RUNS: Final = tuple((text, shape) for shape in _SHAPES for text in shape.literals if not _is_short(shape))
_DISCORD: Final = _SHAPES[-1]

# From the start of a run only, and without giving back: each character is read once.
_DOTTED: Final = _re(
    r"(?<![A-Za-z0-9_-])(?P<header>[A-Za-z0-9_-]{8,}+)={0,2}"
    r"\.[A-Za-z0-9_-]{4,}+={0,2}(?:\.[A-Za-z0-9_=/+-]*+){0,3}"
)
_MAX_HEADERS: Final = 4

_KEY_BEGIN: Final = _re(r"-----BEGIN[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END: Final = _re(r"-----END[ A-Z0-9]{0,40}PRIVATE KEY(?: BLOCK)?-----")

# The standard allows more, such as / and =, which in logs end a name far more often than they stand in one.
_LOCAL_PART: Final = _re(r"[A-Za-z0-9._+~!$*-]{1,64}")
_DOMAIN: Final = _re(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})\.){1,8}(?:[A-Za-z]{2,24}|xn--[A-Za-z0-9-]{2,59})(?![A-Za-z0-9])"
)

# Every digit to 0, every capital to A, separators of grouped numbers removed.
_CLASSES: Final = bytes.maketrans(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ", b"0" * 10 + b"A" * 26)
_GROUPING: Final = b" -."
# Characters of tokens to x, so that a token's length shows.
_RUN: Final = b"x" * 16
_TOKEN: Final = bytes(120 if (chr(c).isalnum() and c < 128) or c in b"_-" else c for c in range(256))


def findings(text: str) -> list[Finding]:
    """Secrets in a text by their shape, in no order, possibly overlapping."""
    found: list[Finding] = []
    raw = text.encode("ascii", "replace")
    runs = raw.translate(_TOKEN)
    for literal, shape in _ALWAYS:
        if literal in text:
            _search(shape, text, found)
    if _RUN in runs:
        for literal, shape in _IN_RUNS:
            if literal in text:
                _search(shape, text, found)
        if "eyJ" in text:
            _json_tokens(text, found)
        if b".xxxxxx." in runs:
            _search(_DISCORD, text, found)
    if "PRIVATE KEY" in text:
        _private_keys(text, found)
    if "@" in text:
        _addresses(text, found)
    classes = raw.translate(_CLASSES, _GROUPING)
    if b"000000000" in classes or b"AA00" in classes:
        _numbers(text, found)
    return found


def _search(shape: _Shape, text: str, found: list[Finding]) -> None:
    group = "value" if "value" in shape.pattern.groupindex else 0
    check = shape.check
    found += [
        Finding(*match.span(group), shape.rule)
        for match in shape.pattern.finditer(text)
        if check is None or check(match)
    ]


def _json_tokens(text: str, found: list[Finding]) -> None:
    """JSON Web Tokens: the first part is a JSON object, or it is only a name with dots."""
    for match in _DOTTED.finditer(text):
        header = match["header"]
        start = header.find("eyJ")
        for _ in range(_MAX_HEADERS):
            if start < 0:
                break
            if (start == 0 or not header[start - 1].isalnum()) and _is_json(header[start:]):
                found.append(Finding(match.start() + start, match.end(), "jwt"))
                break
            start = header.find("eyJ", start + 3)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4))), dict)
    except (ValueError, RecursionError):
        return False


def _private_keys(text: str, found: list[Finding]) -> None:
    place = 0
    while (begin := _KEY_BEGIN.search(text, place)) is not None:
        end = _KEY_END.search(text, begin.end())
        # A key that is cut off is secret to the end of what is there.
        place = end.end() if end is not None else len(text)
        found.append(Finding(begin.start(), place, "private-key"))


def _addresses(text: str, found: list[Finding]) -> None:
    """E-mail addresses, read from each @ to both sides: no place is looked at more than 64 times."""
    place = text.find("@")
    while place >= 0:
        local = _LOCAL_PART.match(text[max(0, place - 64) : place][::-1])
        domain = _DOMAIN.match(text, place + 1) if local is not None else None
        if local is not None and domain is not None:
            found.append(Finding(place - local.end(), domain.end(), "email"))
        place = text.find("@", place + 1)


def _numbers(text: str, found: list[Finding]) -> None:
    found += [Finding(*match.span(), "card-number") for match in CARD.finditer(text) if is_card(match[0])]
    found += [Finding(*match.span(), "ssn") for match in SSN.finditer(text)]
    for match in IBAN.finditer(text):
        end = iban_end(match[0])
        if end:
            found.append(Finding(match.start(), match.start() + end, "iban"))
