"""A rule file's text to documents that know their lines. Pure.

pySigma reads YAML without line numbers and takes the last of two equal keys; an error that cannot say where,
or a rule that is not what its author reads, is of no use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from sealtrail.errors import RuleError

MAX_RULE_BYTES: Final = 1024 * 1024  # of one file: the largest public ruleset file has 60 kB
MAX_NODES: Final = 100_000  # aliases count each time they are used, so a bomb of aliases ends here
MAX_DEPTH: Final = 40  # of nesting: readers recurse

Path = tuple[str | int, ...]
"""Keys and places that lead to a value in a document."""


class Document(NamedTuple):
    """One YAML document of a file, and the line (from 1) of each of its keys and list items."""

    file: str
    value: dict[str, Any]
    lines: Mapping[Path, int]

    def line(self, *path: str | int) -> int:
        """The line of `path`, or of the nearest thing around it."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.lines:
                return self.lines[path[:length]]
        return 0


def documents(text: str, file: str = "") -> Iterator[Document | RuleError]:
    """The documents of a rule file; what cannot be read comes as an error in its place."""
    import yaml

    loader_class = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    if len(text) > MAX_RULE_BYTES:
        yield RuleError("rule.syntax", f"the file is larger than {MAX_RULE_BYTES:,} bytes", file=file)
        return
    try:
        loader = loader_class(text)
    except yaml.YAMLError as error:
        yield _unreadable(error, file)
        return
    try:
        while True:
            try:
                if not loader.check_node():
                    return
                node = loader.get_node()
            except (yaml.YAMLError, RecursionError, ValueError) as error:
                yield _unreadable(error, file)
                return
            if node is None or (isinstance(node, yaml.ScalarNode) and not node.value):
                continue  # an empty document, as after a last `---`
            yield _document(loader, node, file)
    finally:
        loader.dispose()


def _document(loader: Any, node: Any, file: str) -> Document | RuleError:
    import yaml

    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return RuleError("rule.syntax", "a rule is a mapping of keys to values", file=file, line=line)
    try:
        lines: dict[Path, int] = {(): line}
        _walk(node, (), lines, [0], file)
        value = loader.construct_document(node)
    except RuleError as error:
        return error
    except (yaml.YAMLError, ValueError, TypeError, RecursionError) as error:
        return _unreadable(error, file, line)
    return Document(file, value, lines)


def _walk(node: Any, path: Path, lines: dict[Path, int], count: list[int], file: str) -> None:
    import yaml

    line = node.start_mark.line + 1
    count[0] += 1
    if count[0] > MAX_NODES or len(path) > MAX_DEPTH:
        raise RuleError("rule.syntax", "the rule is too large or nests too deep", file=file, line=line)
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise RuleError("rule.syntax", "a key is not a plain text", file=file, line=line)
            here = key.start_mark.line + 1
            if key.value in seen:
                raise RuleError(
                    "rule.syntax",
                    f"the key `{key.value}` is given twice, and only one of the two would count",
                    file=file,
                    line=here,
                    hint="Use a list of values, or a second selection.",
                )
            seen.add(key.value)
            lines[(*path, key.value)] = here
            _walk(value, (*path, key.value), lines, count, file)
    elif isinstance(node, yaml.SequenceNode):
        for place, value in enumerate(node.value):
            lines[(*path, place)] = value.start_mark.line + 1
            _walk(value, (*path, place), lines, count, file)


def _unreadable(error: Exception, file: str, line: int = 0) -> RuleError:
    mark = getattr(error, "problem_mark", None)
    what = getattr(error, "problem", None) or str(error) or type(error).__name__
    return RuleError(
        "rule.syntax", f"the file is not YAML: {what}", file=file, line=mark.line + 1 if mark else line
    )


def refusal(
    document: Document, what: str, *path: str | int, code: str = "rule.syntax", hint: str = ""
) -> RuleError:
    """Why a document is refused, at the line of `path`."""
    return RuleError(code, what, file=document.file, line=document.line(*path), hint=hint)
