"""The packs and templates that come with the package. The one place of this room that reads files."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sealtrail.comply.checks import CHECKS
from sealtrail.comply.framework import Framework
from sealtrail.comply.pack import EDITIONS, read
from sealtrail.errors import NotFoundError

TEMPLATES: Final = Path(__file__).resolve().parent / "templates"
PACKS: Final = Path(__file__).resolve().parent.parent / "packs" / "frameworks"


def names() -> list[str]:
    """The frameworks that reports can be made for."""
    return list(EDITIONS)


def find(name: str) -> Framework:
    """A framework by its name, such as pci-dss-4.0.1. Raises NotFoundError, RuleError (rule.pack)."""
    if name not in EDITIONS:
        raise NotFoundError(
            "not-found.framework",
            f"there is no framework {name[:80]!r}",
            hint=f"There are {', '.join(names())}: name and version together.",
        )
    path = PACKS / f"{name}.yml"
    return read(path.read_text(encoding="utf-8"), path.name, CHECKS)


def page() -> tuple[str, str]:
    """The template of the report's page, and its style sheet."""
    return (
        (TEMPLATES / "report.html").read_text(encoding="utf-8"),
        (TEMPLATES / "report.css").read_text(encoding="utf-8"),
    )
