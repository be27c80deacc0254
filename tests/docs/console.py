"""Runs the console blocks of a page: what stands after `$ ` is typed, what follows must come.

The convention is in CONTRIBUTING.md. A line `...` matches any lines, `...` within a line any text, and a
block after `<!-- not run: why -->` is skipped.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FENCE = re.compile(
    r"(?P<skip><!-- not run: (?P<why>[^>]+?) -->\s*\n)?^```console[ \t]*\n(?P<body>.*?)^```[ \t]*$",
    re.MULTILINE | re.DOTALL,
)


@dataclass
class Step:
    """One command, where it stands, and the lines that must come."""

    line: int
    command: str
    expected: list[str] = field(default_factory=list)


@dataclass
class Block:
    """One fenced block; `why` says why it is not run, empty where it is."""

    line: int
    why: str
    steps: list[Step]


def blocks(page: str) -> list[Block]:
    found = []
    for match in _FENCE.finditer(page):
        first = page.count("\n", 0, match.start("body")) + 1
        steps: list[Step] = []
        for offset, text in enumerate(match["body"].splitlines()):
            if text.startswith("$ "):
                steps.append(Step(first + offset, text[2:]))
            elif not steps:
                raise ValueError(f"line {first + offset}: a console block begins with `$ `")
            elif steps[-1].command.endswith("\\") and not steps[-1].expected:
                steps[-1].command = steps[-1].command[:-1] + text.removeprefix("> ").lstrip()
            else:
                steps[-1].expected.append(text.rstrip())
        found.append(Block(first, (match["why"] or "").strip(), steps))
    return found


def matches(expected: list[str], actual: str) -> bool:
    """Whether the output is the expected one. White space at the end of lines and of all is left out."""
    pattern = ""
    for line in expected:
        if line.strip() == "...":
            pattern += r"(?:.*\n)*?"
        else:
            pattern += ".*?".join(re.escape(part) for part in line.split("...")) + r"[ \t]*\n"
    text = "\n".join(line.rstrip() for line in actual.rstrip().splitlines())
    return re.fullmatch(pattern, text + "\n" if text else "") is not None


def run(step: Step, folder: Path, environment: Mapping[str, str]) -> str | None:
    """Run a step in a folder. None where it went as written, else what went wrong."""
    ran = subprocess.run(
        ["sh", "-c", step.command],
        cwd=folder,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=180,
    )
    where = f"line {step.line}: $ {step.command}\n"
    if ran.returncode != 0:
        return f"{where}ended with {ran.returncode}:\n{ran.stdout}"
    if not matches(step.expected, ran.stdout):
        return f"{where}expected:\n" + "\n".join(step.expected) + f"\n\ncame:\n{ran.stdout}"
    return None
