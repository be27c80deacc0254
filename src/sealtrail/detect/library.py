"""Rules on disk: folders of Sigma files, and the pack that comes with the package."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from sealtrail.detect.document import MAX_RULE_BYTES
from sealtrail.detect.read import compile_texts
from sealtrail.detect.rule import Ruleset
from sealtrail.errors import RuleError, UsageError

PACK: Final = Path(__file__).resolve().parent.parent / "packs" / "rules"
SUFFIXES: Final = frozenset({".yml", ".yaml"})


def load(paths: Iterable[Path] = (), *, pack: bool = True) -> Ruleset:
    """The pack and every rule file under `paths` as one set: a correlation may count rules of another file.

    Raises UsageError for a path that is not there. What is wrong within files is in `refused`.
    """
    texts: list[tuple[str, str]] = []
    refused: list[RuleError] = []
    for root in ([PACK] if pack else []) + list(paths):
        for path in _files(root):
            try:
                data = _read(path)
            except OSError as error:
                refused.append(
                    RuleError("rule.syntax", f"it cannot be read: {error.strerror}", file=str(path))
                )
                continue
            try:
                texts.append((str(path), data.decode()))
            except UnicodeDecodeError as error:
                refused.append(RuleError("rule.syntax", f"byte {error.start} is not UTF-8", file=str(path)))
    found = compile_texts(texts)
    return Ruleset(found.rules, found.correlations, (*refused, *found.refused))


def _files(root: Path) -> list[Path]:
    if root.is_dir():
        return sorted(path for path in root.rglob("*") if path.suffix in SUFFIXES and path.is_file())
    if root.is_file():
        return [root]
    raise UsageError("usage.path", f"{root}: there are no rules here", hint="Name a folder or a .yml file.")


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(
            4 * MAX_RULE_BYTES + 1
        )  # UTF-8 needs up to four bytes for what is limited in characters
