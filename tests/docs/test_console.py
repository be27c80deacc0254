"""The runner of console blocks can tell right from wrong."""

from __future__ import annotations

import os

import pytest

PAGE = """\
# Title

```console
$ echo one && \\
>   echo two
one
two
$ true
```

<!-- not run: needs a network -->
```console
$ false
```

```python
$ not a command
```
"""


def test_commands_their_output_and_reasons_to_skip_are_read(console):
    first, second = console.blocks(PAGE)
    assert [(s.line, s.command, s.expected) for s in first.steps] == [
        (4, "echo one && echo two", ["one", "two"]),
        (8, "true", []),
    ]
    assert (first.why, second.why) == ("", "needs a network")


def test_a_block_that_begins_with_output_is_refused(console):
    with pytest.raises(ValueError, match="begins with"):
        console.blocks("```console\noutput\n```\n")


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        (["a", "b"], "a\nb\n", True),
        (["a", "b"], "a \nb\n\n", True),
        (["a", "..."], "a\nb\nc\n", True),
        (["a", "..."], "a\n", True),
        (["...", "z"], "a\nz\n", True),
        (["took ... s"], "took 0.3 s\n", True),
        ([], "", True),
        (["a"], "a\nb\n", False),
        (["a", "b"], "a\n", False),
        (["a.c"], "abc\n", False),
        (["...", "z"], "a\n", False),
        ([], "surprise\n", False),
        (["a", "...", "c"], "a\nb\n", False),
    ],
)
def test_output_is_held_against_what_was_written(expected, actual, same, console):
    assert console.matches(expected, actual) == same


@pytest.mark.parametrize(
    ("command", "expected", "complaint"),
    [
        ("echo hello", ["hello"], None),
        ("echo hello", ["good bye"], "expected:"),
        ("echo hello; exit 3", ["hello"], "ended with 3"),
        ("echo wrong >&2", ["wrong"], None),
    ],
)
def test_a_step_is_run_and_judged(command, expected, complaint, tmp_path, console):
    found = console.run(console.Step(1, command, expected), tmp_path, os.environ)
    assert (found is None) if complaint is None else (complaint in found)
