"""Reading: search, tail, count. The query that ran and its duration go to stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_csv, print_json, print_table, safe, to_json
from sealtrail.web.cells import COLUMNS, act

if TYPE_CHECKING:
    from sealtrail.serve.rows import Row
    from sealtrail.serve.source import Looking

_REQUEST: Final = ("http.request.method", "url.path", "http.response.status_code")
_DETAIL: Final = ("message", "event.reason", "error.type", "sealtrail.head.trail")


@click.command()
@click.argument("query", default="*")
@options.source
@options.since
@options.until
@click.option("-n", "limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many.")
@options.output("table", "json", "jsonl", "csv", "raw")
@click.option("--fail-empty", is_flag=True, help="Exit with 1 when nothing is found.")
@click.pass_context
def search(
    ctx: click.Context,
    query: str,
    source: Looking,
    since: str,
    until: str,
    limit: int,
    form: str,
    fail_empty: bool,
) -> None:
    """Find events, newest first.

    \b
    sealtrail search 'event.action:authn_login_fail and client.ip:203.0.113.0/24' --since 2h
    sealtrail search 'http.response.status_code>=500 and not url.path:/health*' -o jsonl
    sealtrail search alice -n 10 -o raw          the exact bytes that are hashed
    """
    started = time.perf_counter()
    rows = source.search(query, since or "", until or "", limit, raw=form == "raw")
    newest = "the newest " if len(rows) == limit else ""
    _said(query, started, f"{newest}{counted(len(rows), 'event')}")
    _print(rows, form)
    if fail_empty and not rows:
        ctx.exit(1)


@click.command()
@click.argument("query", default="*")
@options.source
@click.option(
    "-n", "limit", type=click.IntRange(0), default=10, show_default=True, help="Begin with so many."
)
@click.option("-f", "--follow", is_flag=True, help="Go on as events come, until interrupted.")
@options.output("table", "jsonl", "raw")
def tail(query: str, source: Looking, limit: int, follow: bool, form: str) -> None:
    """The latest events, oldest first.

    \b
    sealtrail tail -f 'sealtrail.kind:alert'
    """
    try:
        for rows in source.tail(query, limit, follow=follow, raw=form == "raw", told=_notice):
            _print_lines(rows, form)
    except KeyboardInterrupt:
        return  # it was asked to go on until then


@click.command()
@click.argument("query", default="*")
@options.source
@options.since
@options.until
@click.option("--by", metavar="FIELD", help="Count each value of a field.")
@click.option("--every", metavar="DURATION", help="Count each period, such as 5m.")
@click.option(
    "-n", "limit", type=click.IntRange(1), default=100, show_default=True, help="At most so many values."
)
@options.output("table", "json", "csv")
def count(
    query: str,
    source: Looking,
    since: str,
    until: str,
    by: str | None,
    every: str | None,
    limit: int,
    form: str,
) -> None:
    """Count events, in all, by a field or by time.

    \b
    sealtrail count '*' --by http.response.status_code
    sealtrail count 'event.outcome:failure' --every 5m --since today
    """
    if by and every:
        raise click.UsageError("--by and --every are two different questions: ask one of them.")
    started = time.perf_counter()
    result: list[dict[str, Any]]
    if by:
        values = source.count_by(query, by, since or "", until or "", limit)
        result = [{by: value, "count": number} for value, number in values]
    elif every:
        periods = source.periods(query, every, since or "", until or "")
        result = [{"@timestamp": start, "count": number} for start, number in periods]
    else:
        result = [{"count": source.count(query, since or "", until or "")}]
    _said(query, started, counted(len(result), "row"))
    head = [by or "@timestamp", "count"] if by or every else ["count"]
    if form == "json":
        print_json(result)
    elif form == "csv":
        print_csv(head, result)
    else:
        print_table(head, [[row[name] for name in head] for row in result], right=[len(head) - 1])


def _print(rows: list[Row], form: str) -> None:
    if form == "json":
        print_json([row.fields for row in rows])
    elif form == "csv":
        others = sorted({name for row in rows for name in row.fields}.difference(COLUMNS))
        print_csv([*COLUMNS, *others], [row.fields for row in rows])
    elif form == "table":
        heads = ["time", "address", "action", "outcome", "user", "client", "request", "detail"]
        print_table(heads, [_cells(row) for row in rows])
    else:
        _print_lines(rows, form)


def _print_lines(rows: Iterable[Row], form: str) -> None:
    out = sys.stdout.buffer
    for row in rows:
        if form == "raw":
            out.write(row.data + b"\n")
        elif form == "jsonl":
            out.write(to_json(row.fields).encode() + b"\n")
        else:
            out.write("  ".join(_words(row)).encode() + b"\n")
    out.flush()


def _cells(row: Row) -> list[str]:
    """What a person looks for first; -o jsonl has the rest."""
    fields = row.fields
    request = [fields.get(name, "") for name in _REQUEST]
    told = next((safe(fields[name]) for name in _DETAIL if fields.get(name)), "")
    detail = "; ".join(part for part in (act(fields), told) if part)
    # Of an alert nobody has said yet how it ended.
    outcome = fields.get("sealtrail.alert.level") or fields.get("event.outcome", "")
    user = fields.get("user.id") or fields.get("user.name") or fields.get("user.hash") or ""
    return [
        str(fields.get("@timestamp", "")),
        row.address,
        safe(fields.get("event.action", ""), 40),
        safe(outcome),
        safe(user, 24),
        safe(fields.get("client.ip", "")),
        safe(" ".join(str(part) for part in request if part), 60),
        safe(detail, 80),
    ]


def _words(row: Row) -> list[str]:
    return [cell for cell in _cells(row) if cell]


def _notice(text: str) -> None:
    advise(safe(text))


def _said(query: str, started: float, what: str) -> None:
    from datetime import UTC, datetime

    from sealtrail.store.query import parse
    from sealtrail.store.query.times import micros

    node = parse(query, micros(datetime.now(UTC)))
    advise(f"{what} for `{safe(str(node))}` in {(time.perf_counter() - started) * 1000:.0f} ms")
