"""Write the generated parts of docs/reference from the code they describe: `make docs`.

A page is prose with blocks in it, `<!-- generated: NAME -->` to `<!-- end -->`; only blocks are rewritten.
tests/docs holds every page against what this would write.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import io
import re
import tempfile
import tokenize
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from sealtrail import settings
from sealtrail.cli.main import main as command_line
from sealtrail.comply.checks import CHECKS
from sealtrail.comply.framework import MODES
from sealtrail.comply.library import find, names
from sealtrail.comply.verdict import MEANINGS
from sealtrail.detect.library import load
from sealtrail.event.fields import ADDRESS_FIELDS, FIELDS
from sealtrail.scrub import catalog
from sealtrail.scrub.catalog import RULES
from sealtrail.scrub.groups import GROUPS
from sealtrail.serve.doors import Doors
from sealtrail.serve.folder import Folder
from sealtrail.serve.metrics import FIGURES
from sealtrail.serve.writing import Collector

REPOSITORY = Path(__file__).resolve().parent.parent
SOURCE = REPOSITORY / "src"
BLOCK = re.compile(r"(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)

LIMIT = re.compile(r"(?:MAX|MIN)_[A-Z_]+|[A-Z][A-Z_]*_(?:BYTES|SECONDS|ENTRIES|LINES|ROWS)")


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    def line(cells: tuple[str, ...]) -> str:
        return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"

    return "\n".join([line(head), line(("---",) * len(head)), *map(line, rows)]) + "\n"


def comments(source: str) -> tuple[dict[int, str], set[int]]:
    """(line number -> comment, numbers of lines that hold a comment and nothing else)."""
    found, alone = {}, set()
    lines = source.splitlines()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            row = token.start[0]
            found[row] = token.string.lstrip("# ").strip()
            if lines[row - 1].lstrip().startswith("#"):
                alone.add(row)
    return found, alone


def reason(node: ast.stmt, source: str) -> str:
    """The comment beside a statement, else the one above it or above the run of lines it stands in."""
    found, alone = comments(source)
    for row in range(node.lineno, (node.end_lineno or node.lineno) + 1):
        if row in found:
            return found[row]
    lines = source.splitlines()
    row = node.lineno - 1
    while row > 0 and lines[row - 1].strip() and row not in alone:
        row -= 1
    words: list[str] = []
    while row in alone:
        words.insert(0, found[row])
        row -= 1
    return " ".join(words)


def said(node: ast.stmt | None) -> str:
    """The text of a statement that is nothing but a string: the docstring of the constant above it."""
    alone = node.value if isinstance(node, ast.Expr) else None
    return (
        " ".join(alone.value.split())
        if isinstance(alone, ast.Constant) and isinstance(alone.value, str)
        else ""
    )


def fields() -> str:
    rows = [(f"`{field.name}`", field.type, field.meaning) for field in FIELDS.values()]
    address = [(f"`{field.name}`", field.type, field.meaning) for field in ADDRESS_FIELDS]
    head = ("field", "type", "meaning")
    return (
        table(head, rows) + "\nOnly when reading, and no part of what is hashed:\n\n" + table(head, address)
    )


def setting_rows() -> list[tuple[str, str, str, str]]:
    """(section, name, default, meaning) of every setting in settings.toml."""
    source = Path(settings.__file__).read_text()
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    rows = []
    whole = settings.Settings()
    for section in whole.__struct_fields__:
        value = getattr(whole, section)
        for node in classes[type(value).__name__].body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                rows.append(
                    (section, name.replace("_", "-"), toml(getattr(value, name)), reason(node, source))
                )
    return rows


def toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else f"{value:_}" if isinstance(value, int) else str(value)


def settings_page() -> str:
    rows = [
        (f"`[{section}]`", f"`{name}`", f"`{default}`", why) for section, name, default, why in setting_rows()
    ]
    return table(("section", "setting", "default", "what it is"), rows)


def limit_rows() -> Iterator[tuple[str, str, str, str]]:
    """(module, constant, value, reason) of every public limit in the package."""
    for path in sorted(SOURCE.rglob("*.py")):
        source = path.read_text()
        body = ast.parse(source).body
        for node, after in zip(body, [*body[1:], None], strict=True):
            target = node.target if isinstance(node, ast.AnnAssign) else None
            if not isinstance(target, ast.Name) or not LIMIT.fullmatch(target.id):
                continue
            module = ".".join(path.relative_to(SOURCE).with_suffix("").parts)
            value = getattr(importlib.import_module(module), target.id)
            yield (
                module.removeprefix("sealtrail."),
                target.id,
                amount(target.id, value),
                said(after) or reason(node, source),
            )


def amount(name: str, value: Any) -> str:
    if not isinstance(value, int | float):
        return str(value)
    if name.endswith("BYTES"):
        for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value >= size and value % size == 0:
                return f"{value // size} {unit}"
        return f"{value:,} bytes"
    return f"{value:,g} s" if name.endswith("SECONDS") else f"{value:,}"


def limits() -> str:
    rows = [(f"`{module}`", f"`{name}`", value, why) for module, name, value, why in limit_rows()]
    return table(("where", "limit", "value", "why"), rows)


def commands_of(
    group: click.Group, context: click.Context, path: str
) -> Iterator[tuple[str, click.Command, click.Context]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            raise LookupError(f"{path} {name} is listed and not there")
        inner = click.Context(command, info_name=name, parent=context)
        if isinstance(command, click.Group):
            yield from commands_of(command, inner, f"{path} {name}")
        else:
            yield f"{path} {name}", command, inner


def commands() -> str:
    parts = []
    root = click.Context(command_line, info_name="sealtrail", max_content_width=100)
    for name, command, context in commands_of(command_line, root, "sealtrail"):
        parts.append(f"## {name}\n")
        usage = " ".join(command.collect_usage_pieces(context))
        parts.append(f"`{name} {usage}`\n")
        parts.append(prose(inspect.cleandoc(command.help or "")) + "\n")
        rows = [(f"`{record[0]}`", " ".join(record[1].split())) for record in options(command, context)]
        if rows:
            parts.append(table(("option", "meaning"), rows))
    return "\n".join(parts)


def options(command: click.Command, context: click.Context) -> list[tuple[str, str]]:
    records = [p.get_help_record(context) for p in command.get_params(context) if isinstance(p, click.Option)]
    return [record for record in records if record is not None and "--help" not in record[0]]


def routes() -> str:
    """Every endpoint with what it needs and takes: from the table of a collector that runs."""
    with tempfile.TemporaryDirectory() as folder, Collector(Folder(Path(folder) / "data")) as collector:
        table_of = [route for route in Doors(collector, lambda: False).routes() if route.about]
    rows = [
        (f"`{route.method} {re.sub(r':[a-z]+}', '}', route.path)}`", f"`{route.need}`", route.about)
        for route in table_of
    ]
    parts = [table(("endpoint", "needs", "what it does"), rows)]
    for (endpoint, _, _), route in zip(rows, table_of, strict=True):
        if route.parameters:
            parts.append(f"{endpoint}:\n")
            told = [
                (f"`{one.name}`", f"`{one.default}`" if one.default else "", one.about)
                for one in route.parameters
            ]
            parts.append(table(("parameter", "default", "meaning"), told))
    return "\n".join(parts)


def metrics() -> str:
    rows = [
        (f"`{figure.name}`", figure.type, f"`{figure.labels}`" if figure.labels else "", figure.meaning)
        for figure in FIGURES
    ]
    return table(("metric", "type", "labels", "meaning"), rows)


def prose(text: str) -> str:
    """Help text as Markdown. What click does not wrap (after a backspace) becomes a code block."""
    parts = []
    for paragraph in re.split(r"\n\s*\n", text):
        by_hand = paragraph.removeprefix("\b\n")
        parts.append(f"```text\n{by_hand}\n```" if by_hand != paragraph else " ".join(paragraph.split()))
    return "\n\n".join(parts)


def frameworks() -> str:
    parts = [table(("verdict", "means"), [(f"`{name}`", why) for name, why in MEANINGS.items()])]
    parts.append(table(("mode", "means"), [(name, why) for name, why in MODES.items()]))
    for name in names():
        framework = find(name)
        parts.append(f"## {name}\n\n{framework.name}. {' '.join(framework.notes)}\n")
        rows = [
            (
                control.id,
                control.title,
                control.mode,
                ", ".join(control.checks),
                ". ".join(part.rstrip(".") for part in (control.criterion, control.limits) if part),
            )
            for control in framework.controls
        ]
        parts.append(
            table(("control", "in our words", "mode", "checks", "holds when; what is left out"), rows)
        )
    checks = [(check.id, check.title, check.criterion) for check in CHECKS.values()]
    parts.append("## Checks\n\n" + table(("check", "title", "holds when"), checks))
    return "\n".join(parts)


def pack() -> str:
    ruleset = load()
    alone = [rule for rule in ruleset.rules if rule.output]
    rows = []
    for rule in sorted([*alone, *ruleset.correlations], key=lambda one: (one.head.file, one.head.line)):
        head, answer = rule.head, rule.respond
        blocks = f"`{answer.block}` for {answer.seconds // 60} minutes" if answer else ""
        tags = ", ".join(
            tag.removeprefix("attack.").removeprefix("owasp-api.").upper()
            for tag in head.tags
            if re.match(r"attack\.t\d|owasp-api\.", tag)
        )
        rows.append((head.title, head.level, " ".join(head.description.split()), blocks, tags))
    return table(("rule", "level", "raises", "blocks", "tags"), rows)


def scrub_rules() -> str:
    """The rules of scrubbing: by shape, by name, and those of groups."""

    def code(texts: Iterable[str]) -> str:
        return ", ".join(f"`{text}`" for text in texts)

    shapes = [(f"`{rule}`", RULES[rule], code(catalog.SHAPES[rule])) for rule in sorted(catalog.SHAPES)]
    names = [(f"`{rule}`", code(catalog.NAMES[rule])) for rule in sorted(catalog.NAMES)]
    parts = [
        "## By shape\n",
        table(("rule", "finds", "known by"), shapes),
        "## By name\n",
        table(("rule", "words of a name"), names),
    ]
    for name, group in GROUPS.items():
        beside = {shape.rule: [word for word in shape.words if word] for shape in group.shapes}
        rows = []
        for rule in catalog.GROUP_RULES[name]:
            words = [" ".join(end) for end, of in group.ends.items() if of == rule]
            words += [word for word, of in group.alone.items() if of == rule]
            near = f"numbers beside {code(beside[rule])}" if beside.get(rule) else "by its digits"
            rows.append((f"`{rule}`", near if rule in beside else "", code(words)))
        parts += [f"## The group `{name}`\n", table(("rule", "shape", "names that end in"), rows)]
    return "\n".join(parts)


BLOCKS: dict[str, Callable[[], str]] = {
    "fields": fields,
    "settings": settings_page,
    "limits": limits,
    "commands": commands,
    "frameworks": frameworks,
    "pack": pack,
    "routes": routes,
    "metrics": metrics,
    "scrubbing": scrub_rules,
}


def written(page: str) -> str:
    """The page with its generated blocks written anew."""
    return BLOCK.sub(lambda match: match[1] + "\n" + BLOCKS[match[2]]() + "\n" + match[3], page)


def pages() -> list[Path]:
    return [path for path in sorted((REPOSITORY / "docs").rglob("*.md")) if BLOCK.search(path.read_text())]


def main() -> None:
    for path in pages():
        before = path.read_text()
        after = written(before)
        if after != before:
            path.write_text(after)
            print(f"{path.relative_to(REPOSITORY)} written")


if __name__ == "__main__":
    main()
