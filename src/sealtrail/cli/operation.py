"""Keeping a data folder well."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, print_table, safe


@click.command()
@options.data
def rebuild(data: Path) -> None:
    """Make the index again from the ledger. The server must be stopped.

    The index is not trusted and can always be made again: nothing is lost by it.
    """
    from sealtrail.serve.operating import rebuild as again

    advise(f"{again(data):,} events indexed from the ledger")


@click.command()
@click.argument("target", type=click.Path(path_type=Path))
@click.option(
    "--without-keys", is_flag=True, help="Leave out every secret of keys/: the copy signs and admits nobody."
)
@options.data
@options.output("table", "json")
def backup(target: Path, without_keys: bool, data: Path, form: str) -> None:
    """Copy the data folder into the new folder TARGET, also while a server has it open.

    \b
    sealtrail backup /backups/2026-11-24

    Everything that was acknowledged before the command began is in it, and the copy is verified. It holds
    signing keys unless you say otherwise: keep it as you keep them. The index is not in it.
    """
    from sealtrail.serve.backup import backup as copy

    made = copy(data, target, with_keys=not without_keys)
    if form == "json":
        print_json(
            {
                "backup": str(target),
                "manifest": made.sha256,
                "keys": made.manifest.keys,
                "files": len(made.manifest.files),
                "bytes": made.size,
                "trails": {trail: reach.size for trail, reach in made.manifest.trails.items()},
            }
        )
        return
    rows = [[trail, reach.size] for trail, reach in made.manifest.trails.items()]
    print_table(["trail", "entries"], rows, right=[1])
    advise(f"{counted(len(made.manifest.files), 'file')}, {made.size:,} bytes, verified, in {target}")
    advise(f"sha256 of its manifest: {made.sha256}")


@click.command()
@click.argument("source", metavar="BACKUP", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint kept elsewhere, to hold the backup against; may be repeated.",
)
@options.output("table", "json")
def restore(source: Path, target: Path, checkpoints: tuple[Path, ...], form: str) -> None:
    """Make the data folder DIR from a backup. DIR must not be there yet.

    \b
    sealtrail restore /backups/2026-11-24 sealtrail-data

    The trails in it stay as they are and are followed by successors, such as audit-2, with new keys: if the
    original is alive, the two never sign different things under one name.
    """
    from sealtrail.serve.restoring import restore as remake

    done = remake(source, target, checkpoints=checkpoints)
    if form == "json":
        print_json(
            {"data": str(target), "made": done.manifest.made, "successors": done.successors}
            | done.report.document()
        )
        return
    for line in done.report.lines():
        click.echo(safe(line))
    advise(f"{target} goes on in {' and '.join(done.successors)}, as of {done.manifest.made}")
    advise(f"keep their public keys elsewhere: {', '.join(f'keys/{name}.vkey' for name in done.successors)}")


@click.command()
@click.option(
    "--spool",
    "spools",
    multiple=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Spool to look at, beside those a running server follows; may be repeated.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings too.")
@options.data
@options.output("table", "json")
@click.pass_context
def doctor(ctx: click.Context, spools: tuple[Path, ...], strict: bool, data: Path, form: str) -> None:
    """Look at everything an installation stands on, and say what to do about what is wrong.

    \b
    sealtrail doctor --spool /var/lib/shop/sealtrail-spool

    It changes nothing. Exits with 0 when all is well or only to be warned of, 1 when something is wrong.
    """
    from sealtrail.serve.doctor import examine
    from sealtrail.serve.findings import document, worst

    found = examine(data, spools)
    state = worst(found)
    if form == "json":
        print_json(document(found))
    else:
        for one in found:
            click.echo(f"{one.state:4}  {safe(one.check)}: {safe(one.what)}")
            if one.todo:
                click.echo(f"      -> {safe(one.todo)}")
        counts = {name: sum(one.state == name for one in found) for name in ("ok", "warn", "fail")}
        advise(f"{counts['ok']} ok, {counts['warn']} to be warned of, {counts['fail']} wrong")
    ctx.exit(1 if state == "fail" or (strict and state == "warn") else 0)
