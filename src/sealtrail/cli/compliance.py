"""Compliance: the report an auditor is handed."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, print_table, safe


@click.command()
@click.argument("framework")
@options.data
@click.option("--from", "since", required=True, metavar="DATE", help="First day of the window (UTC).")
@click.option("--to", "until", required=True, metavar="DATE", help="Last day of the window, included.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="New or empty folder."
)
@click.option("--entity", default="", help="Whose report it is; else [compliance] entity.")
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A checkpoint kept elsewhere; may be repeated. It anchors what the report says.",
)
@options.output("table", "json")
def report(
    framework: str,
    data: Path,
    since: str,
    until: str,
    out: Path,
    entity: str,
    checkpoints: tuple[Path, ...],
    form: str,
) -> None:
    """What the record shows of a framework's controls in a window, with evidence that verifies offline.

    \b
    sealtrail report pci-dss-4.0.1 --from 2026-10-01 --to 2026-12-31 --out q4
    sealtrail report soc2-2017 --from 2026-01-01 --to 2026-12-31 --out soc2 --entity "Example Ltd"
    sealtrail report hipaa-164 --from yesterday --to yesterday --out day

    Each control gets one of six verdicts: pass, fail, no-data, not-exercised, needs-human, not-applicable. A
    report is an event in the audit trail itself.
    """
    from sealtrail.serve.acting import operator
    from sealtrail.serve.reporting import Wanted
    from sealtrail.serve.reporting import report as make

    kept = tuple(path.read_bytes() for path in checkpoints)
    made, why = make(data, Wanted(framework, since, until, entity, kept), out, operator())
    if form == "json":
        print_json({key: value for key, value in made.document().items() if key != "controls"})
    else:
        rows = [(c.id, c.verdict, c.title) for c in made.controls]
        print_table(["control", "verdict", "title"], rows)
    total = ", ".join(f"{number} {name}" for name, number in made.verdicts.items() if number)
    advise(f"{counted(len(made.controls), 'control')}: {total}")
    advise(f"the record is {made.verification.verdict}; the report is in {safe(str(out))}")
    if why:
        advise(f"the report is not recorded in the audit trail: {safe(why)}")
