"""Compliance: the report an auditor is handed, the daily review, and what retention removes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, print_table, safe

if TYPE_CHECKING:
    from sealtrail.serve.source import Complying


@click.command()
@click.argument("framework")
@options.source
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
    type=click.Path(exists=True, path_type=Path),
    help="A checkpoint kept elsewhere, or a file or folder of them; may be repeated. It anchors what the "
    "report says.",
)
@options.output("table", "json")
def report(
    framework: str,
    source: Complying,
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
    from sealtrail.serve.keeping import kept
    from sealtrail.serve.reporting import Wanted

    made, why = source.report(Wanted(framework, since, until, entity, tuple(kept(checkpoints))), out)
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


@click.group()
def review() -> None:
    """The daily review: sign for a day, and see which days have been signed for."""


@review.command()
@click.option("--day", required=True, metavar="DATE", help="Calendar day (UTC): 2026-11-24, yesterday.")
@click.option("--note", default="", help="What was looked at, and what was found; recorded.")
@options.source
def sign(day: str, note: str, source: Complying) -> None:
    """Sign that the records of a day were reviewed. The event is sealed like every other.

    \b
    sealtrail review sign --day yesterday --note "two alerts, both closed"

    It stands in your name, the one by which the system knows you. A report counts the days, those that were
    signed late, and those on which the reviewer acted on the record as well.
    """
    event, place = source.sign(day, note)
    counts = event["sealtrail.details"]
    held = f"{counted(counts['records'], 'record')}, {counted(counts['alerts'], 'alert')}"
    advise(f"{event['sealtrail.review.day']} ({held}) is signed for by {safe(event['user.id'])}, in {place}")


@review.command(name="list")
@click.option("--from", "since", default="30d", metavar="DATE", help="First day; else the last 30 days.")
@click.option("--to", "until", default="today", metavar="DATE", help="Last day, included; else today.")
@options.source
@options.output("table", "json")
@click.option("--fail-missing", is_flag=True, help="Exit with 1 when a day has no review in time.")
@click.pass_context
def list_(
    ctx: click.Context, since: str, until: str, source: Complying, form: str, fail_missing: bool
) -> None:
    """Each day: reviewed, late, missing, open (its time is not up), before (the record had not begun).

    \b
    sealtrail review list --from 2026-11-01 --to 2026-11-30
    """
    rows = source.days(since, until)
    if form == "json":
        print_json(rows)
    else:
        print_table(
            ["day", "status", "records", "alerts", "by", "signed", "note"],
            [
                [r["day"], r["status"], r["records"], r["alerts"], r["by"], r["signed"][:16], r["note"]]
                for r in rows
            ],
            right=[2, 3],
        )
    missed = sum(row["status"] in {"late", "missing"} for row in rows)
    advise(f"{counted(len(rows), 'day')}, {missed} without a review in time")
    if fail_missing and missed:
        ctx.exit(1)


@click.group()
def retain() -> None:
    """Retention: what is older than [retention] says, and having it go."""


@retain.command()
@options.source
@options.output("table", "json")
def plan(source: Complying, form: str) -> None:
    """What would go now, per trail: entries, dates, sizes, and why more does not. Changes nothing."""
    rows = source.retention()
    if form == "json":
        print_json(rows)
    else:
        _print_plan(rows)
    advise(_sum(rows, "would go"))


@retain.command()
@options.data
@options.output("table", "json")
@click.pass_context
def run(ctx: click.Context, data: Path, form: str) -> None:
    """Remove now what is old enough: whole sealed volumes, with a signed event that says so.

    A running server does it by itself every hour. Nothing goes that a follower (the index, detection, alerts)
    has not seen. The hashes stay, so that everything that is left can still be proved.
    """
    from sealtrail.serve.acting import operator
    from sealtrail.serve.retaining import document
    from sealtrail.serve.retaining import run as removed

    done, gone = removed(data, operator())
    rows = [document(one) for one in done]
    if form == "json":
        print_json(rows)
    elif rows:
        _print_plan(rows)
    advise(_sum(rows, "gone" if gone else "announced, and go when the event that says so is signed"))
    if not gone:
        ctx.exit(1)


def _print_plan(rows: list[dict[str, Any]]) -> None:
    print_table(
        ["trail", "days", "entries", "volumes", "bytes", "oldest", "newest", "stays because"],
        [
            [
                row["trail"], row["days"],
                f"{row['first']:,} to {row['end'] - 1:,}" if row["entries"] else "none",
                row["volumes"], f"{row['bytes']:,}", row["oldest"][:10], row["newest"][:10], row["held"],
            ]
            for row in rows
        ],
        right=[1, 3, 4],
    )  # fmt: skip


def _sum(rows: list[dict[str, Any]], what: str) -> str:
    entries, size = sum(row["entries"] for row in rows), sum(row["bytes"] for row in rows)
    return f"{entries:,} entries in {size:,} bytes {what}" if entries else "nothing is old enough to go"
