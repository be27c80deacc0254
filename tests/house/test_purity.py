"""The pure modules again, by what they call: an import can be innocent and its use not."""

from __future__ import annotations

import ast
import tomllib

import pytest

# Ends of dotted calls that ask the clock, the disk, the network, the environment or chance.
IMPURE = {
    *("datetime.now", "datetime.utcnow", "datetime.today", "date.today"),
    *("uuid.uuid1", "uuid.uuid4", "uuid.getnode", "uuid1", "uuid4"),
    *(
        "open",
        "io.open",
        "input",
        "print",
        "breakpoint",
        "eval",
        "exec",
        "compile",
        "__import__",
        "id",
        "hash",
    ),
    *("urllib.request.urlopen", "urlopen", "sys.stdin.read", "sys.stdout.write", "sys.stderr.write"),
}
# hash() of text differs from process to process, and id() from run to run: neither may reach a byte.


def impure(source: str) -> list[str]:
    """`line: call` for each impure call in the text of a module."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if (
                any(called == name or called.endswith("." + name) for name in IMPURE if "." in name)
                or called in IMPURE
            ):
                found.append(f"{node.lineno}: {called}")
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("urllib.request"):
            found.append(f"{node.lineno}: from urllib.request")
        elif isinstance(node, ast.Import) and any(alias.name == "urllib.request" for alias in node.names):
            found.append(f"{node.lineno}: urllib.request")
    return found


@pytest.mark.parametrize(
    "line",
    [
        "x = datetime.now(UTC)",
        "x = datetime.datetime.now()",
        "x = date.today()",
        "x = uuid.uuid4()",
        "x = open('f')",
        "print(1)",
        "from urllib.request import urlopen",
        "import urllib.request",
        "x = hash('a')",
    ],
)
def test_an_impure_call_is_seen(line):
    assert impure(f"def f():\n    {line}\n")


@pytest.mark.parametrize(
    "line", ["x = datetime.fromisoformat(t)", "x = re.compile(p)", "x = opened(1)", "x = v.hash()"]
)
def test_a_pure_call_is_left_alone(line):
    assert not impure(f"def f():\n    {line}\n")


def test_no_pure_module_asks_the_world(sources, repository):
    settings = tomllib.loads((repository / "pyproject.toml").read_text())
    contract = next(c for c in settings["tool"]["importlinter"]["contracts"] if c["id"] == "pure")
    edges = {line.split(" -> ")[0] for line in contract["ignore_imports"]}
    pure = [
        name
        for name in sources
        if name not in edges
        and any(name == p or name.startswith(p + ".") for p in contract["source_modules"])
    ]
    assert len(pure) > 10
    assert not {name: calls for name in pure if (calls := impure(sources[name].read_text()))}
