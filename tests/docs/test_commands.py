"""Every command and option of the command line explains itself, and stands in the reference."""

from __future__ import annotations

import ast

import click
import pytest

from sealtrail.cli.main import main


@pytest.fixture(scope="module")
def commands(reference):
    root = click.Context(main, info_name="sealtrail", **main.context_settings)
    return list(reference.commands_of(main, root, "sealtrail"))


def test_every_command_and_option_is_in_the_reference(commands, docs):
    page = (docs / "reference" / "commands.md").read_text()
    assert len(commands) > 10
    for name, command, context in commands:
        assert f"## {name}\n" in page
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        for parameter in command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                for option in parameter.opts + parameter.secondary_opts:
                    assert option in section or option in {"-h", "--help"}, f"{name} {option}"


def test_every_command_and_option_says_what_it_does(commands):
    silent = [name for name, command, _ in commands if not (command.help or "").strip()]
    silent += [
        f"{name} {parameter.opts[0]}"
        for name, command, context in commands
        for parameter in command.get_params(context)
        if isinstance(parameter, click.Option) and not parameter.hidden and not parameter.help
    ]
    assert not silent


def test_of_every_command_it_was_decided_who_may_use_it(commands, repository):
    """tests/cli/test_matrix.py tries each; here so that whoever adds a command is told at once."""
    tree = ast.parse((repository / "tests" / "cli" / "test_matrix.py").read_text())
    (ways,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WAYS"
    ]
    assert isinstance(ways, ast.Dict)
    decided = {ast.literal_eval(key) for key in ways.keys if key is not None}
    leaves = {name for name, command, _ in commands if not isinstance(command, click.Group)}
    assert {name.removeprefix("sealtrail ") for name in leaves} == decided
