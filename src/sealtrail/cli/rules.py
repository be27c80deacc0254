"""Detection rules: what is loaded, what is refused, and whether each keeps its promises."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table, safe


@click.group()
def rules() -> None:
    """List, check and test detection rules (Sigma).

    \b
    sealtrail rules check my-rules/
    sealtrail rules test
    """


_paths = click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
_form = options.output("table", "json")


@rules.command("list")
@_paths
@_form
def list_(paths: tuple[Path, ...], form: str) -> None:
    """The pack that comes with Sealtrail, and the rules under PATHS."""
    from sealtrail.detect.library import load

    ruleset = load(paths)
    heads = [rule.head for rule in ruleset.rules if rule.output] + [
        rule.head for rule in ruleset.correlations
    ]
    rows = [{"id": head.id, "level": head.level, "title": head.title} for head in heads]
    if form == "json":
        print_json(rows)
    else:
        print_table(["id", "level", "title"], [list(row.values()) for row in rows])


@rules.command()
@_paths
@_form
@click.pass_context
def check(ctx: click.Context, paths: tuple[Path, ...], form: str) -> None:
    """Load rules and say what is refused, with file and line. Exits with 1 when anything is.

    PATHS are files or folders; without any, the pack that comes with Sealtrail is checked.
    """
    from sealtrail.detect.library import load
    from sealtrail.detect.taxonomy import unknown_fields

    ruleset = load(paths, pack=not paths)
    unseen = unknown_fields(ruleset.fields)
    refused = [{"file": e.file, "line": e.line, "why": e.what} for e in ruleset.refused]
    loaded = len(ruleset.rules) + len(ruleset.correlations)
    if form == "json":
        print_json({"loaded": loaded, "refused": refused, "unseen_fields": unseen})
    else:
        click.echo(f"{loaded} loaded, {len(refused)} refused")
        for one in ruleset.refused:
            advise(safe(str(one)).replace("\\u000a", "\n"))
        if unseen:
            advise(f"fields no event of ours has: {', '.join(unseen)}")
    ctx.exit(1 if refused else 0)


@rules.command()
@_paths
@_form
@click.pass_context
def test(ctx: click.Context, paths: tuple[Path, ...], form: str) -> None:
    """Run the samples that rules carry in `x-tests`. Exits with 1 when one fails."""
    from sealtrail.detect.library import load
    from sealtrail.detect.testing import run

    outcomes = run(load(paths, pack=not paths))
    if form == "json":
        print_json([{**msgspec.to_builtins(outcome), "passed": outcome.passed} for outcome in outcomes])
    else:
        rows = [["ok" if o.passed else "FAILED", o.title, o.sample, o.raised, o.expected] for o in outcomes]
        print_table(["", "rule", "sample", "raised", "expected"], rows, right=[3, 4])
    ctx.exit(0 if outcomes and all(o.passed for o in outcomes) else 1)
