"""Where a command asks: what is typed, what the environment says, and what contradicts itself."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from sealtrail.cli import options
from sealtrail.cli.main import main
from sealtrail.serve.elsewhere import Elsewhere
from sealtrail.serve.source import Here, Source


@click.command()
@options.source
def where(source: Source) -> None:
    """Say who would answer."""
    click.echo("elsewhere" if isinstance(source, Elsewhere) else "here" if isinstance(source, Here) else "?")


def asked(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(where, arguments, env=environment)


URL, KEY = "https://seal.example.org", "st_aa_bb"


def test_without_a_url_it_is_the_folder() -> None:
    assert asked().stdout == "here\n"
    assert asked("--key", KEY).stdout == "here\n"


def test_a_url_is_a_collector_elsewhere_typed_or_in_the_environment() -> None:
    assert asked("--url", URL, "--key", KEY).stdout == "elsewhere\n"
    assert asked(SEALTRAIL_URL=URL, SEALTRAIL_KEY=KEY).stdout == "elsewhere\n"
    assert asked(SEALTRAIL_URL=URL, SEALTRAIL_DATA="x").stdout == "elsewhere\n"


def test_what_is_typed_wins_over_the_environment_and_both_typed_is_refused(tmp_path: Path) -> None:
    assert asked("--data", str(tmp_path), SEALTRAIL_URL=URL).stdout == "here\n"
    assert asked("--url", URL, SEALTRAIL_DATA=str(tmp_path)).stdout == "elsewhere\n"
    both = asked("--url", URL, "--data", str(tmp_path))
    assert (both.exit_code, "name one" in both.stderr) == (2, True)


@pytest.mark.parametrize("url", ["http://seal.example.org", "http://10.0.0.1:8787/"])
def test_a_key_in_the_clear_needs_a_word_and_is_not_shown(url: str) -> None:
    refused = CliRunner().invoke(main, ["count", "--url", url, "--key", KEY])
    assert (refused.exit_code, "remote.insecure" in refused.stderr) == (2, True)
    assert KEY not in refused.output
    assert asked("--url", url, "--key", KEY, "--insecure").stdout == "elsewhere\n"


def test_help_shows_the_variables_and_no_key_that_is_set() -> None:
    told = CliRunner().invoke(main, ["search", "--help"], env={"SEALTRAIL_KEY": KEY})
    assert "SEALTRAIL_URL" in told.stdout
    assert "SEALTRAIL_KEY" in told.stdout
    assert KEY not in told.stdout
