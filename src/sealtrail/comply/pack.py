"""A pack's text to a framework; what is wrong is refused with the line at fault. Pure.

A mapping that names a check which does not exist would be a control that nothing tests, and a pack of another
version than its name says would judge by the wrong text: neither may be loaded in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from sealtrail.comply.framework import MODES, Control, Framework
from sealtrail.detect.document import Document, documents, refusal
from sealtrail.errors import RuleError
from sealtrail.event import TRAILS

# Setting of [compliance] whose query finds what the framework protects.
DATA: Final = ("cardholder-data", "confidential-data", "health-data")

# The check that no log answers: a control of mode human rests on it alone.
ATTESTATION: Final = "ATT"

CODE: Final = "rule.pack"


class Edition(NamedTuple):
    """A framework that packs may speak of: its version, and the form of its controls' ids."""

    version: str
    ids: re.Pattern[str]


EDITIONS: Final[Mapping[str, Edition]] = {
    "pci-dss-4.0.1": Edition("4.0.1", re.compile(r"(?:1[0-2]|[1-9])(?:\.\d{1,2}){1,3}", re.ASCII)),
    "soc2-2017": Edition("2017", re.compile(r"(?:CC[1-9]|A1|C1|P[1-8]|PI1)\.\d{1,2}", re.ASCII)),
    "hipaa-164": Edition(
        "164", re.compile(r"164\.(?:3|4|5)\d\d(?:\([a-zA-Z0-9]{1,4}\))*(?:-\(\d\))?", re.ASCII)
    ),
}

_KEYS: Final = frozenset({"framework", "name", "version", "data", "retention", "notes", "controls"})
_CONTROL_KEYS: Final = frozenset({"id", "title", "mode", "checks", "criterion", "limits", "provider-only"})


def read(text: str, file: str, checks: Collection[str]) -> Framework:
    """The framework of a pack. `checks` are the ids that exist. Raises RuleError (rule.pack)."""
    found = list(documents(text, file))
    if len(found) != 1:
        raise RuleError(CODE, "a pack is one YAML document", file=file, line=1)
    document = found[0]
    if isinstance(document, RuleError):
        raise RuleError(CODE, document.what, file=document.file, line=document.line)
    _keys(document, document.value, _KEYS, "pack")
    edition = _edition(document)
    return Framework(
        id=str(document.value["framework"]),
        name=_text(document, document.value, "name"),
        version=edition.version,
        data=_one_of(document, document.value, "data", DATA),
        retention=_retention(document),
        controls=_controls(document, edition, checks),
        notes=tuple(str(note) for note in document.value.get("notes") or ()),
        digest=sha256(text.encode()).hexdigest(),
    )


def _edition(document: Document) -> Edition:
    name = document.value.get("framework")
    edition = EDITIONS.get(name) if isinstance(name, str) else None
    if edition is None:
        raise _refused(
            document, f"`{name}` is no framework that is known", "framework", hint=_names(EDITIONS)
        )
    if document.value.get("version") != edition.version:
        raise _refused(
            document,
            f"{name} is version {edition.version}, and the pack says {document.value.get('version')!r}",
            "version",
            hint="Mappings hold for one version: write a pack for the other.",
        )
    return edition


def _retention(document: Document) -> dict[str, int]:
    given = document.value.get("retention")
    if not isinstance(given, dict) or set(given) != set(TRAILS):
        raise _refused(document, f"`retention` names each trail: {', '.join(TRAILS)}", "retention")
    for trail, days in given.items():
        if not isinstance(days, int) or isinstance(days, bool) or days < 1:
            raise _refused(document, f"`{days}` is no number of days", "retention", trail)
    return dict(given)


def _controls(document: Document, edition: Edition, checks: Collection[str]) -> tuple[Control, ...]:
    given = document.value.get("controls")
    if not isinstance(given, list) or not given:
        raise _refused(document, "`controls` is a list, and not empty", "controls")
    found: dict[str, Control] = {}
    for place, value in enumerate(given):
        here = ("controls", place)
        if not isinstance(value, dict):
            raise _refused(document, "a control is a mapping", *here)
        control = _control(document, value, edition, checks, here)
        if control.id in found:
            raise _refused(document, f"the control `{control.id}` is there twice", *here, "id")
        found[control.id] = control
    return tuple(found.values())


def _control(
    document: Document,
    value: dict[str, Any],
    edition: Edition,
    checks: Collection[str],
    here: tuple[str | int, ...],
) -> Control:
    _keys(document, value, _CONTROL_KEYS, "control", *here)
    name = value.get("id")
    if not isinstance(name, str) or edition.ids.fullmatch(name) is None:
        raise _refused(document, f"`{name}` is no id of {document.value['framework']}", *here, "id")
    needed = value.get("checks")
    if not isinstance(needed, list) or not needed:
        raise _refused(document, "`checks` is a list, and not empty", *here, "checks")
    for at, check in enumerate(needed):
        if check not in checks:
            raise _refused(document, f"there is no check `{check}`", *here, "checks", at, hint=_names(checks))
    mode = _one_of(document, value, "mode", MODES, *here)
    limits = str(value.get("limits") or "").strip()
    if (mode == "human") != (needed == [ATTESTATION]):
        raise _refused(document, f"mode human is that of {ATTESTATION} alone", *here, "mode")
    if mode == "auto" and ATTESTATION in needed:
        raise _refused(document, f"with {ATTESTATION} among its checks the mode is hybrid", *here, "mode")
    if mode == "partial" and not limits:
        raise _refused(document, "a partial control says in `limits` what it leaves out", *here)
    return Control(
        id=name,
        title=_text(document, value, "title", *here),
        mode=mode,  # type: ignore[arg-type]
        checks=tuple(needed),
        criterion=_text(document, value, "criterion", *here),
        limits=limits,
        provider_only=value.get("provider-only") is True,
    )


def _keys(
    document: Document, value: Mapping[str, Any], known: frozenset[str], what: str, *here: str | int
) -> None:
    for key in value:
        if key not in known:
            raise _refused(document, f"a {what} has no key `{key}`", *here, key, hint=_names(known))


def _text(document: Document, value: Mapping[str, Any], key: str, *here: str | int) -> str:
    text = value.get(key)
    if not isinstance(text, str) or not text.strip():
        raise _refused(document, f"`{key}` is missing, or no text", *here, key)
    return " ".join(text.split())


def _one_of(
    document: Document, value: Mapping[str, Any], key: str, known: Collection[str], *here: str | int
) -> str:
    given = value.get(key)
    if not isinstance(given, str) or given not in known:
        raise _refused(document, f"`{key}` is `{given}`", *here, key, hint=_names(known))
    return given


def _names(known: Collection[str]) -> str:
    return f"There are {', '.join(sorted(known))}."


def _refused(document: Document, what: str, *path: str | int, hint: str = "") -> RuleError:
    return refusal(document, what, *path, code=CODE, hint=hint)
