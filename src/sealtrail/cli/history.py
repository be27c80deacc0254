"""`sealtrail import`: history from files, through the running server where there is one."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, safe


@click.command("import")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    type=click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path),
)
@options.data
@click.option(
    "--format", "form_in", default="auto", show_default=True, help="auto, combined, common or ndjson."
)
@click.option(
    "--service", default="", envvar="SEALTRAIL_SERVICE", show_envvar=True, help="Service these are of."
)
@options.output("table", "json")
@click.pass_context
def import_(
    ctx: click.Context, files: tuple[Path, ...], data: Path, form_in: str, service: str, form: str
) -> None:
    """Read history from files. Reading a file again stores nothing twice.

    \b
    sealtrail import access.log
    sealtrail import --format ndjson events.jsonl.gz
    kubectl logs deploy/shop --since=1h | sealtrail import -

    From standard input it takes the events of applications with SEALTRAIL_SPOOL=stdout:, and leaves other
    lines alone.

    Exits with 1 when lines were refused; they are kept with the reason. History never leads to a block.
    """
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from sealtrail.collect.history import Progress as Moved
    from sealtrail.serve.importing import import_files

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
        tasks = {path: bar.add_task(safe(path.name, 40), total=None) for path in files}

        def moved(path: Path, at: Moved) -> None:
            bar.update(tasks[path], completed=at.done_bytes, total=at.total_bytes)

        results = list(import_files(data, files, form_in, service, moved))
    if form == "json":
        print_json(results)
    else:
        for result in results:
            click.echo(
                f"{safe(result.file)}: {result.format}, read {result.read:,}, stored {result.stored:,}, "
                f"already there {result.duplicates:,}, rejected {result.rejected:,}"
                + (f", conflicts {result.conflicts:,}" if result.conflicts else "")
                + (f", other lines {result.others:,}" if result.others else "")
            )
    for result in results:
        if result.rejects:
            advise(f"what was rejected, and why: {result.rejects}")
        if result.others and not result.read:
            advise(
                "no line was one of an application with SEALTRAIL_SPOOL=stdout:. "
                "Save any other log to a file and import that."
            )
    if any(r.rejected or r.conflicts or (r.others and not r.read) for r in results):
        ctx.exit(1)
