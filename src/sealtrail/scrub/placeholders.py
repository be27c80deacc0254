"""What stands after a secret's name and is none: a reference to where the secret is, or a mask. Pure.

In free text alone, where code, configuration and templates are logged. A default such as `changeme` opens
doors, and a call such as `make_token()` cannot be told from a password with a parenthesis in it: both go.
"""

from __future__ import annotations

import re
from typing import Final

from sealtrail.scrub.names import secret_name

_NAME: Final = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
_CALLS: Final = r"os\.getenv|os\.environ\.get|System\.getenv|getenv|env"
_REFERENCE: Final = re.compile(
    rf"\$\{{{_NAME}\}}"  # ${{ and }} of shells, compose files and npm
    rf"|\$\{{\{{\s?[A-Za-z0-9_.]{{1,64}}\s?\}}\}}"  # workflows of GitHub
    rf"|\{{\{{\s?[A-Za-z0-9_.]{{1,64}}\s?\}}\}}"  # Jinja, Helm, Mustache
    rf"|%\({_NAME}\)s"
    rf"|\$(?P<named>{_NAME})"
    rf"|<(?P<angle>[A-Za-z][A-Za-z0-9_ -]{{0,63}})>"
    rf"|(?:os\.environ|ENV)\[[\"']{_NAME}[\"']\]|(?:{_CALLS})\([\"']{_NAME}[\"']\)"
    rf"|(?:process|import\.meta)\.env\.{_NAME}",
    re.ASCII,
)
_MASK: Final = re.compile(
    "\\*{3,}|x{4,}|X{4,}|\u2022{3,}|\\.{3}|[\\[<(](?i:redacted|filtered|masked|hidden)[\\])>]"
)
_GOES_ON: Final = re.compile(r"[^\s\"'&,;<>|)}\]\\]")


def placeholder_end(value: str, start: int) -> int:
    """Where a placeholder ends that begins at `start` and is all there is of a value; 0 for none."""
    match = _REFERENCE.match(value, start)
    if match is not None:
        # A password may begin with a dollar: then it says nothing of a secret, which a reference does.
        named = match["named"] or match["angle"]
        if named and not secret_name(named):
            match = None
    if match is None:
        match = _MASK.match(value, start)
    if match is None or _GOES_ON.match(value, match.end()) is not None:
        return 0
    return match.end()
