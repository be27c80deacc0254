"""`sealtrail sql`: a question that the query language cannot put."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_csv, print_json, print_table, to_json

if TYPE_CHECKING:
    from sealtrail.serve.source import Looking

# Types of columns that are read from the right.
_NUMBERS: Final = frozenset(
    {"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UBIGINT", "FLOAT", "DOUBLE"}
)


@click.command()
@click.argument("statement")
@options.source
@options.since
@options.until
@click.option(
    "-n", "limit", type=click.IntRange(1), default=1000, show_default=True, help="At most so many rows."
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, min_open=True),
    default=30.0,
    show_default=True,
    metavar="SECONDS",
    help="Give up after so long.",
)
@options.output("table", "json", "jsonl", "csv")
def sql(
    statement: str, source: Looking, since: str, until: str, limit: int, timeout: float, form: str
) -> None:
    """Run one SELECT over the views `events` and `alerts`, in a process that can do nothing else.

    \b
    sealtrail sql 'SELECT "url.path", count(*) AS n FROM events GROUP BY 1 ORDER BY n DESC LIMIT 10'
    sealtrail sql 'SELECT "client.ip", min("@timestamp") FROM alerts GROUP BY 1' --since 1d -o csv
    sealtrail sql 'DESCRIBE events'

    Columns are named like fields, in double quotes. With --since or --until only that time is read.
    """
    started = time.perf_counter()
    answer = source.select(statement, since or "", until or "", limit, timeout)
    for lock in answer.missing:
        advise(f"Note: this system lacks one of the locks on the process that runs SQL: {lock}.")
    first = "the first " if answer.more else ""
    advise(f"{first}{counted(len(answer.rows), 'row')} in {(time.perf_counter() - started) * 1000:.0f} ms")
    names = [column.name for column in answer.columns]
    rows = [dict(zip(names, row, strict=True)) for row in answer.rows]
    if form == "json":
        print_json(rows)
    elif form == "jsonl":
        for row in rows:
            click.echo(to_json(row))
    elif form == "csv":
        print_csv(names, rows)
    else:
        right = [place for place, column in enumerate(answer.columns) if column.type in _NUMBERS]
        print_table(
            names, [["" if cell is None else cell for cell in row] for row in answer.rows], right=right
        )
